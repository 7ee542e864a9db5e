"""A suite of many small bugs whose tests are not independent of each other, made from a seed.

40 functions, each in a module of its own and wrong in one line; 187 red cases, and green ones
beside them. Some bugs never end and meet the time limit, some recurse without an end. Green tests
share the state of a module: some pass only after another one, some leave behind what turns others
red in another order. Names, cases, order and who shares what depend on the seed. The project needs
pytest-timeout.
"""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Final

FUNCTIONS: Final = 40
FAILING: Final = 187
PASSING: Final = 2  # green cases per function at most
TIME_LIMIT: Final = 3  # seconds that a test may take
_STEPS: Final = 5_000  # lines that a call may run here before it counts as endless
_FEWER: Final = 5 * FUNCTIONS - FAILING  # so many functions have 4 failing cases, the others 5
_WORDS: Final = ("amber", "birch", "cedar", "delta", "ember", "flint", "grove", "heron", "ivory")

_POOLS: Final[Mapping[str, Sequence[tuple[Any, ...]]]] = {
    "n": [(n,) for n in (0, 1, 4, 6, 10, 12, 16, 24, 36, 42, 64, 85, 90, 128)],
    "left, right": [
        *((9, 2), (12, 5), (20, 3), (8, 4), (31, 6), (50, 7), (64, 2), (18, 5)),
        *((27, 4), (45, 8), (2, 5), (3, 7), (100, 9), (77, 10)),
    ],
    "text": [
        (text,)
        for text in (
            *("Harbour", "tin roof", "Abba", "x-y-z", "Two  gaps", "level", "Mississippi"),
            *("a", "stOp", "one two three", "ZigZag", "river bank"),
        )
    ],
    "items": [
        (items,)
        for items in (
            *([4, 1, 3], [2, 2, 9, 5], [7, 3, 8, 3, 1], [6], [5, 9, 5], [20, 10, 40, 30]),
            *([1, 2, 3, 4], [9, 8, 7], [3, 6, 2, 6, 4, 6], [12, 15], [0, 5, 10], [8, 1, 8, 2]),
        )
    ],
}

# After "#~" stands the wrong line that takes the place of the right one. The first two never end,
# the next four recurse without an end.
_SOURCES: Final = """\
def trailing_zeros(n):
    count = 0
    while n and n % 2 == 0:
        n //= 2  #~ n //= 1
        count += 1
    return count
def whole_log(left, right):
    power = 0
    while left >= right:
        left //= right  #~ left //= 1
        power += 1
    return power
def countdown(n):
    if n <= 0:
        return 0
    return n + countdown(n - 1)  #~ return n + countdown(n - 0)
def halvings(n):
    if n < 2:
        return 0
    return 1 + halvings(n // 2)  #~ return 1 + halvings(n // 1)
def turned(text):
    if not text:
        return ""
    return turned(text[1:]) + text[0]  #~ return turned(text[0:]) + text[0]
def alternating(items):
    if not items:
        return 0
    return items[0] - alternating(items[1:])  #~ return items[0] - alternating(items[:])
def odd_sum(n):
    return sum(range(1, n, 2))  #~ return sum(range(0, n, 2))
def divisors(n):
    smaller = range(1, n + 1)  #~ smaller = range(1, n)
    return [d for d in smaller if not n % d]
def is_square(n):
    return int(n**0.5) ** 2 != n  #~ return int(n**0.5) ** 2 == n
def padded(n):
    return str(n).zfill(4)  #~ return str(n).ljust(4)
def clamped(n):
    return min(max(n, 10), 50)  #~ return max(max(n, 10), 50)
def digit_product(n):
    result = 1
    for digit in str(n):
        result *= int(digit) + 1  #~ result += int(digit) + 1
    return result
def next_even(n):
    return n + 2 - n % 2  #~ return n + 1 - n % 2
def in_hex(n):
    return format(n, "x") + "h"  #~ return format(n, "o") + "h"
def countup(n):
    return list(range(n % 7 + 1))  #~ return list(range(n % 7))
def distance(left, right):
    return abs(left - right)  #~ return abs(left) + right
def rounded_up(left, right):
    return -(-left // right)  #~ return -(left // right)
def remainder(left, right):
    return left - left // right * right  #~ return left - left // right + right
def average(left, right):
    return (left + right) / 2  #~ return left + right / 2
def ordered(left, right):
    return [min(left, right), max(left, right)]  #~ return [max(left, right), min(left, right)]
def multiples(left, right):
    return [right * k for k in (1, 2, 3)] + [left]  #~ return [left * k for k in (1, 2, 3)] + [left]
def power_sum(left, right):
    return left**2 + right**2  #~ return left**2 + right**3
def percent(left, right):
    return f"{100 * right / left:.1f}%"  #~ return f"{100 * left / right:.1f}%"
def spaced(text):
    return " ".join(text)  #~ return "".join(text)
def consonants(text):
    return sum(c not in "aeiou -" for c in text)  #~ return sum(c in "aeiou -" for c in text)
def swapped(text):
    return text.swapcase()  #~ return text.casefold()
def doubled(text):
    return "".join(c * 2 for c in text)  #~ return "".join(c * 1 for c in text)
def middle(text):
    return text[len(text) // 2] + "."  #~ return text[len(text) // 3] + ":"
def counted(text):
    return {c: text.count(c) for c in text}  #~ return {c: text.index(c) for c in text}
def framed(text):
    return f"[{text:^15}]"  #~ return f"[{text:<15}]"
def shifted(text):
    return text[1:] + text[0]  #~ return text[-1] + text[:-1]
def squares(items):
    return [one**2 for one in items]  #~ return [one * 2 for one in items]
def deltas(items):
    pairs = zip(items, items[1:])
    return [b - a for a, b in pairs]  #~ return [a - b for a, b in pairs]
def running_total(items):
    total, found = 0, []
    for one in items:
        total += one  #~ total = one
        found.append(total)
    return found
def span(items):
    return max(items) - min(items)  #~ return max(items) + min(items)
def second(items):
    return sorted(items)[min(1, len(items) - 1)]  #~ return sorted(items)[0] - 1
def weighted(items):
    places = enumerate(items, 1)  #~ places = enumerate(items, 0)
    return sum(at * one for at, one in places)
def rotated(items):
    return items[-1:] + items[:-1]  #~ return items[1:] + items[:1]
def paired(items):
    return list(zip(items, items[::-1]))  #~ return list(zip(items, items[::1]))
def above_mean(items):
    mean = sum(items) / len(items)  #~ mean = sum(items)
    return [one for one in items if one > mean]
"""

_STATE: Final = '''\
"""State that all of a process shares."""

KNOWN = {}
SEEN = {}
SCALE = 1
'''


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallBug:
    """One wrong line: ``bad`` stands once in the file ``path`` and has to be ``good``.

    ``test`` is the name of the parametrised test function that sees it, ``failing`` the number of
    its red cases.
    """

    path: str
    test: str
    bad: str
    good: str
    failing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SmallBugs:
    """A project's files by path, and what is wrong in it, in the order of the test files."""

    files: Mapping[str, str]
    bugs: Sequence[SmallBug]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    name: str
    parameters: str
    good: str  # source
    bad: str  # source
    lines: tuple[str, str]  # the good one, and the bad one
    is_endless: bool


def make_small_bugs(seed: int) -> SmallBugs:
    """Make the suite of ``seed``; the same seed makes the same suite."""
    rng = random.Random(seed)
    suffix, package = rng.sample(_WORDS, 2)
    functions = [_rename(one, f"{rng.choice('bcdfghklmnprstw')}_{suffix}") for one in _read_all()]
    functions.sort(key=lambda one: one.name)
    endless = [one.name for one in functions if one.is_endless]
    others = [one.name for one in functions if not one.is_endless]
    few = {*endless, *rng.sample(others, _FEWER - len(endless))}
    extras = _write_extras(rng, [one.name for one in functions])
    scaled = [name for name, parts in extras.items() if "SCALE" in parts[0]]
    files = {
        "pytest.ini": (
            "[pytest]\npythonpath = .\ntestpaths = tests\n"
            f"addopts = -p timeout\ntimeout = {TIME_LIMIT}\n"
        ),
        ".gitignore": "*.pyc\n__pycache__/\n.pytest_cache/\n",
        f"{package}/__init__.py": "",
        f"{package}/state.py": _STATE,
        "tests/test_zz_scale.py": (
            f"from {package} import state\n\n\n"
            "def test_scale():\n    state.SCALE = 2\n    assert state.SCALE == 2\n"
        ),
    }
    bugs = []
    for one in functions:
        failing = 4 if one.name in few else 5
        path = f"{package}/{one.name}.py"
        good, bad = one.lines
        before, after = extras.get(one.name, ("", ""))
        test = _write_test(rng, one, failing)
        if one.name in scaled:  # once it is right, the test of another file turns it red as well
            test += "    assert state.SCALE == 1\n"
        start = f"import time\n\nimport pytest\n\nfrom {package} import {one.name}, state\n\n\n"
        parts = [part for part in (before, test, after) if part]
        files[path] = one.bad
        files[f"tests/test_{one.name}.py"] = start + "\n\n".join(parts)
        bugs.append(
            SmallBug(path=path, test=f"test_{one.name}", bad=bad, good=good, failing=failing)
        )
    return SmallBugs(files=files, bugs=bugs)


def _read_all() -> list[_Function]:
    sources = re.findall(r"^def .*\n(?: .*\n)+", _SOURCES, re.MULTILINE)
    return [_read(source, is_endless=number < 2) for number, source in enumerate(sources)]


def _read(source: str, *, is_endless: bool) -> _Function:
    marked = next(line for line in source.splitlines() if "#~" in line)
    good, _, wrong = marked.partition("  #~ ")
    bad = good[: len(good) - len(good.lstrip())] + wrong
    head = re.match(r"def (\w+)\((.*)\):", source)
    assert head is not None
    return _Function(
        name=head[1],
        parameters=head[2],
        good=source.replace(marked, good),
        bad=source.replace(marked, bad),
        lines=(good, bad),
        is_endless=is_endless,
    )


def _rename(one: _Function, suffix: str) -> _Function:
    """Give the function another first letter, and so another place, and a suffix."""
    letter, _, word = suffix.partition("_")
    name = f"{letter}_{one.name}_{word}"

    def change(text: str) -> str:
        return re.sub(rf"\b{one.name}\b", name, text)

    good, bad = one.lines
    return _Function(
        name=name,
        parameters=one.parameters,
        good=change(one.good),
        bad=change(one.bad),
        lines=(change(good), change(bad)),
        is_endless=one.is_endless,
    )


def _write_test(rng: random.Random, one: _Function, failing: int) -> str:
    """Write the parametrised test: ``failing`` cases that are red, and some that are not."""
    good, bad = _load(one.good, one.name), _load(one.bad, one.name)
    red: list[tuple[Any, Any]] = []
    green: list[tuple[Any, Any]] = []
    for arguments in _POOLS[one.parameters]:
        expected = good(*arguments)
        (green if _call(bad, arguments) == repr(expected) else red).append((arguments, expected))
    assert len(red) >= failing, one.name
    chosen = rng.sample(red, failing) + rng.sample(green, min(PASSING, len(green)))
    rng.shuffle(chosen)
    cases = "".join(
        f"        ({', '.join(map(repr, [*arguments, expected]))}),\n"
        for arguments, expected in chosen
    )
    return (
        f'@pytest.mark.parametrize(\n    "{one.parameters}, expected",\n    [\n{cases}    ],\n)\n'
        f"def test_{one.name}({one.parameters}, expected):\n"
        f"    assert {one.name}.{one.name}({one.parameters}) == expected\n"
    )


def _write_extras(rng: random.Random, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Write green tests beside those of some functions: what stands before and after these.

    ``names`` are in the order of the test files.
    """
    extras: dict[str, tuple[str, str]] = {}
    chosen = rng.sample(names, 24)
    for name in chosen[:6]:  # the second passes only after the first
        fills = f"def test_{name}_fills():\n    assert state.KNOWN.setdefault({name!r}, 1) == 1\n"
        uses = f"def test_{name}_uses():\n    assert state.KNOWN[{name!r}] == 1\n"
        extras[name] = (fills, uses) if rng.random() < 0.5 else ("", fills + "\n\n" + uses)
    for name in chosen[6:12]:  # the second turns the first red
        empty = f"def test_{name}_is_new():\n    assert {name!r} not in state.SEEN\n"
        marks = f"def test_{name}_marks():\n    state.SEEN[{name!r}] = 1\n    assert state.SEEN\n"
        extras[name] = (empty, marks) if rng.random() < 0.5 else ("", empty + "\n\n" + marks)
    for one, other in zip(chosen[12:18:2], chosen[13:18:2], strict=True):  # in two files
        first, later = sorted((one, other))
        extras[first] = ("", f"def test_{first}_sets():\n    state.KNOWN[{later!r}] = 2\n")
        extras[later] = (f"def test_{later}_gets():\n    assert state.KNOWN[{later!r}] == 2\n", "")
    for name in chosen[18:21]:  # a test of another file turns it red
        extras[name] = (f"def test_{name}_scale():\n    assert state.SCALE == 1\n", "")
    for name in chosen[21:]:  # two seconds, and what line tracing makes slower
        extras[name] = (
            "",
            (
                f"def test_{name}_slow():\n    time.sleep(1.9)\n    total = 0\n"
                "    for number in range(300_000):\n        total += number % 7\n"
                "    assert total == 899_997\n"
            ),
        )
    return extras


def _load(source: str, name: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(source, space)  # of this file
    found: Callable[..., Any] = space[name]
    return found


class _EndlessError(Exception):
    """A call takes too many steps."""


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str | None:
    """Return the function's result as text; ``None`` if it raises or does not end."""
    steps = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal steps
        steps += 1
        if steps > _STEPS:
            raise _EndlessError
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return repr(function(*arguments))
    except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError, _EndlessError):
        return None
    finally:
        sys.settrace(before)
