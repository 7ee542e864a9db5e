"""Suites that are red in many places: functions with one wrong line each.

The functions stand in eight modules. In the red suite each of 40 has one parametrised test, of
which 4 or 5 cases fail and up to 2 pass, 187 failing ones in all. In the plain suite each of 20 has
three test functions with one assertion each, which all fail, beside one that passes. Both forms of
each function are run to find the cases.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from timed_model import Bug

FAILING: Final = 187
PASSING: Final = 2  # cases per function at most
ALL: Final = 40  # functions
PLAIN: Final = 20  # functions of the plain suite
PLAIN_TESTS: Final = 3  # of each of them

INI: Final = "[pytest]\npythonpath = .\n"
POOLS: Final[Mapping[str, Sequence[tuple[Any, ...]]]] = {
    "numbers": [(n,) for n in (0, 1, 7, 12, 35, 86, 143, 1024, 2500)],
    "pairs": [(7, 3), (12, 5), (20, 20), (9, 14), (31, 4), (2, 2), (55, 6), (18, 7)],
    "words": [
        (word,)
        for word in ("Level", "summer_rain", "Paddle", "a-b-c", "Xx", "noon", "Green_tea", "q")
    ],
    "lists": [
        ([3, 1, 2],),
        ([5, 5, 8, 1],),
        ([9, 4, 7, 4, 2],),
        ([1],),
        ([6, 2, 6],),
        ([10, 30, 20, 40],),
        ([8, 7, 7, 3, 9, 1],),
        ([2, 4],),
    ],
}

# A heading names a module and the pool of its arguments; after "#~" is the wrong line that
# replaces the right one.
SOURCES: Final = """\
# amounts pairs
def total(left, right):
    return left + right  #~ return left - right
def spread(left, right):
    return abs(left - right)  #~ return abs(left + right)
def share(left, right):
    return left / right  #~ return left // right - 1
def rest(left, right):
    return left % right  #~ return right % left
def larger(left, right):
    return max(left, right)  #~ return min(left, right)
# numerals numbers
def digits(n):
    return [int(one) for one in str(n)]  #~ return list(str(n))
def digit_sum(n):
    return sum(map(int, str(n)))  #~ return max(map(int, str(n)))
def backwards(n):
    return int(str(n)[::-1])  #~ return int(str(n)[::1])
def bits(n):
    return format(n, "b")  #~ return format(n, "o")
def grouped(n):
    return f"{n:,}/{n + 1}"  #~ return f"{n:,}/{n}"
# counting numbers
def triangle(n):
    return sum(range(n + 1))  #~ return sum(range(n))
def is_even(n):
    return n % 2 == 0  #~ return n % 2 != 0
def halves(n):
    return n // 2, n - n // 2  #~ return n - n // 2, n // 2
def is_small(n):
    return n < 50  #~ return n > 50
def steps(n):
    count = 0
    while n:
        n //= 2  #~ n //= 3
        count += 1
    return count
# words words
def shout(text):
    return text.upper()  #~ return text.lower()
def mirror(text):
    return text + text[::-1]  #~ return text[::-1] + text
def initial(text):
    return text[:1]  #~ return text[:2]
def width(text):
    return len(text) + 2  #~ return len(text) * 2
def centred(text):
    return text.center(12, ".")  #~ return text.ljust(12, ".")
# texts words
def vowels(text):
    return [c for c in text if c in "aeiou"]  #~ return [c for c in text if c not in "aeiou"]
def quote(text):
    return "<" + text + ">"  #~ return "<" + text + "<"
def letters(text):
    return sorted(set(text))  #~ return sorted(text)[1:]
def ends(text):
    return text[0], text[-1]  #~ return text[0], text[1:]
def label(text):
    return f"*{text:.>12}"  #~ return f"*{text:.<12}"
# series lists
def smallest(items):
    return sorted(items)[0]  #~ return sorted(items)[1]
def ordered(items):
    return sorted(items)  #~ return items[::-1]
def doubled(items):
    return [2 * one for one in items]  #~ return [2 + one for one in items]
def without_last(items):
    return items[:-1]  #~ return items[1:]
def indexed(items):
    return list(enumerate(items, 1))  #~ return list(enumerate(items))
# groups lists
def product(items):
    found = 1
    for one in items:
        found *= one  #~ found += one
    return found
def mean(items):
    return sum(items) / len(items)  #~ return sum(items) / (len(items) + 1)
def largest_two(items):
    return sorted(items, reverse=True)[:2]  #~ return sorted(items, reverse=False)[:2]
def unique(items):
    return list(dict.fromkeys(items))  #~ return [*dict.fromkeys(items), *items]
def positions(items):
    return {one: at for at, one in enumerate(items)}  #~ return dict(enumerate(items))
# running lists
def sums(items):
    found = [0]
    for one in items:
        found.append(found[-1] + one)  #~ found.append(found[0] + one)
    return found
def gaps(items):
    return [b - a for a, b in zip(items, items[1:])]  #~ return [items[0] - a for a in items]
def above(items):
    return [one for one in items if one >= items[0]]  #~ return [one for one in items if one < 5]
def rotate(items):
    return items[1:] + items[:1]  #~ return items[:1] + items[1:]
def swap_ends(items):
    return [items[-1], *items[1:], items[0]]  #~ return [*items[1:], items[0]]
"""


# Arguments, and what the right function returns for them.
_Case = tuple[tuple[Any, ...], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedSuite:
    """A project's files, what is wrong in it, and how many cases fail."""

    files: Mapping[str, str]
    bugs: Sequence[Bug]
    failing: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Function:
    module: str
    pool: str
    right: str
    wrong: str
    lines: tuple[str, str]  # the right one, and the wrong one

    @property
    def name(self) -> str:
        return self.right[len("def ") : self.right.index("(")]


def make_red_suite(functions: int = ALL) -> RedSuite:
    """Make the suite with its first ``functions`` functions; all 40 have 187 failing cases."""
    sources: dict[str, list[str]] = {}
    tests: dict[str, list[str]] = {}
    bugs = []
    failing = 0
    fewer = 5 * ALL - FAILING  # so many functions have 4 failing cases, the others 5
    for place, one in enumerate(_list_functions()[:functions]):
        wanted = 4 if place % 3 == 0 and place // 3 < fewer else 5
        failing += wanted
        file, test_file = f"shop/{one.module}.py", f"tests/test_{one.module}.py"
        sources.setdefault(file, []).append(one.wrong)
        start = f"from shop import {one.module}\nimport pytest\n"
        tests.setdefault(test_file, [start]).append(_make_test(one, wanted))
        right, wrong = one.lines
        bugs.append(Bug(file=file, test=f"test_{one.name}", old=wrong, new=right))
    texts = {file: "\n\n".join(parts) for file, parts in {**sources, **tests}.items()}
    for bug in bugs:
        if texts[bug.file].count(bug.old) != 1:
            raise SystemExit(f"not one line of {bug.file} only: {bug.old}")
    return RedSuite(
        files={"pytest.ini": INI, "shop/__init__.py": "", **texts}, bugs=bugs, failing=failing
    )


def make_plain_suite(functions: int = PLAIN, *, has_helper: bool = False) -> RedSuite:
    """Make the suite of plain assertions; with ``has_helper`` every test calls one more function.

    Each failing test is a ``Bug`` of its own, three of them with the same wrong line.
    """
    start = "from shop.helper import prepare\n" if has_helper else ""
    use = "    prepare()\n" if has_helper else ""
    sources: dict[str, list[str]] = {"shop/helper.py": ["def prepare():\n    return []\n"]}
    tests: dict[str, list[str]] = {}
    bugs = []
    for one in _list_functions()[:functions]:
        file, test_file = f"shop/{one.module}.py", f"tests/test_{one.module}.py"
        sources.setdefault(file, []).append(one.wrong)
        tests.setdefault(test_file, [f"{start}from shop import {one.module}\n"])
        red, green = _find_cases(one, PLAIN_TESTS)
        for place, (arguments, expected) in enumerate([*red[:PLAIN_TESTS], *green[:1]]):
            name = f"test_{one.name}_{place}"
            call = f"{one.module}.{one.name}({', '.join(map(repr, arguments))})"
            text = f"def {name}():\n{use}    assert {call} == {expected!r}\n"
            tests[test_file].append(text)
            if place < PLAIN_TESTS:
                right, wrong = one.lines
                bugs.append(Bug(file=file, test=name, old=wrong, new=right))
    texts = {file: "\n\n".join(parts) for file, parts in {**sources, **tests}.items()}
    return RedSuite(
        files={"pytest.ini": INI, "shop/__init__.py": "", **texts}, bugs=bugs, failing=len(bugs)
    )


def _list_functions() -> list[_Function]:
    found = []
    for part in re.split(r"^# ", SOURCES, flags=re.MULTILINE)[1:]:
        heading, _, text = part.partition("\n")
        module, pool = heading.split()
        sources = re.findall(r"^def .*\n(?: .*\n)+", text, re.MULTILINE)
        found += [_read_function(module, pool, source) for source in sources]
    return found


def _read_function(module: str, pool: str, source: str) -> _Function:
    marked = next(line for line in source.splitlines() if "#~" in line)
    right, _, wrong = marked.partition("  #~ ")
    indent = right[: len(right) - len(right.lstrip())]
    return _Function(
        module=module,
        pool=pool,
        right=source.replace(marked, right),
        wrong=source.replace(marked, indent + wrong),
        lines=(right, indent + wrong),
    )


def _make_test(one: _Function, wanted: int) -> str:
    """Write the parametrised test: ``wanted`` cases that fail, and some that do not."""
    red, green = _find_cases(one, wanted)
    cases = "".join(
        f"        ({', '.join(map(repr, [*arguments, expected]))}),\n"
        for arguments, expected in red[:wanted] + green[:PASSING]
    )
    names = ", ".join(["left", "right"] if one.pool == "pairs" else ["given"])
    return (
        f'@pytest.mark.parametrize(\n    "{names}, expected",\n    [\n{cases}    ],\n)\n'
        f"def test_{one.name}({names}, expected):\n"
        f"    assert {one.module}.{one.name}({names}) == expected\n"
    )


def _find_cases(one: _Function, wanted: int) -> tuple[list[_Case], list[_Case]]:
    """Find the cases that fail, at least so many, and those that pass."""
    right, wrong = _load(one.right, one.name), _load(one.wrong, one.name)
    red, green = [], []
    for arguments in POOLS[one.pool]:
        expected = right(*arguments)
        (green if _call(wrong, arguments) == repr(expected) else red).append((arguments, expected))
    if len(red) < wanted:
        raise SystemExit(f"only {len(red)} cases of {one.name} fail")
    return red, green


def _load(source: str, name: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(source, space)  # of this file
    found: Callable[..., Any] = space[name]
    return found


def _call(function: Callable[..., Any], arguments: tuple[Any, ...]) -> str | None:
    """Return the function's result as text; ``None`` if it raises."""
    try:
        return repr(function(*arguments))
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return None
