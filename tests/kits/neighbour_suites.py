"""Suites with neighbours that fail without a change's doing, and changes to judge in them.

Everything follows from a seed. A suite is a package ``shop`` with one bug in ``shop/pricing.py``,
the target that shows it, and neighbours in modules of ten. A share of the neighbours is odd:

* order-dependent: ``setter`` (red unless another test has run before), ``polluter`` (red after
  another test), both within a module and ``-across`` modules; green in the suite's own order
* ``chance``: red 1 time in 10
* load-sensitive: ``budget`` and ``timeout`` (red if Python is traced, as it is by coverage), and
  ``busy`` (red if the machine has other things to do)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from pytest_agentfix.core.model import ChangeSet, FileChange

PER_MODULE = 10
TARGET = "tests/test_pricing.py::test_price"
ORDER = ("setter", "polluter", "setter-across", "polluter-across")
CHANCE = ("chance",)
LOAD = ("budget", "timeout", "busy")
FORMS = (
    *("setter", "chance", "budget", "polluter", "chance"),
    *("timeout", "setter-across", "chance", "busy", "polluter-across"),
)

PRICING = "shop/pricing.py"
REGISTRY = "shop/registry.py"
TIMING = '''\
"""Times that are compared with one another, as machines differ."""

import signal
import time
from contextlib import contextmanager

ROUNDS = 7000
BUDGET = 0.9  # four times the usual one


def seconds_of(work, *arguments):
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


def calibrate():
    return seconds_of(sum, range(100_000))


def find_cost(work):
    usual = calibrate()
    return seconds_of(work, ROUNDS) / usual


def find_share(work):
    """Return the share of the time in which the machine ran this process."""
    began = time.process_time()
    seconds = seconds_of(work, 10 * ROUNDS)
    return (time.process_time() - began) / seconds


@contextmanager
def time_limit():
    def end(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, BUDGET * calibrate())
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
'''

# The place of a bug: the bug, and several repairs of it.
PLACES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "constant": ("RATE = 2", ("RATE = 3", "RATE = 1 + 2", 'RATE = len("abc")')),
    "helper": (
        "    return value + RATE",
        ("    return value * RATE", "    return RATE * value", "    return sum([value] * RATE)"),
    ),
    "function": (
        "        total -= 2",
        ("        total += 2", "        total = 2 + total", "        total = scale(count) + 2"),
    ),
}
TARGET_TEST = """\
from shop.pricing import price


def test_price():
    assert price(4) == 12
    assert price(2, gift=True) == 8
"""


@dataclass(frozen=True, slots=True)
class Odd:
    """A neighbour that can fail without a change's doing, by its number."""

    number: int
    form: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A project with one bug at ``place`` (a key of ``PLACES``) and ``size`` neighbours."""

    files: Mapping[str, str]
    size: int
    place: str
    odd: tuple[Odd, ...]

    @property
    def neighbours(self) -> tuple[str, ...]:
        """The node ids of all tests but the target, in the suite's own order."""
        return tuple(map(name_test, range(self.size)))

    def find_odd(self, forms: Sequence[str]) -> int:
        """Return the number of the first neighbour of one of ``forms``."""
        return next(odd.number for odd in self.odd if odd.form in forms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A change to judge: a repair that ``name`` describes, or what it breaks.

    ``broken`` are the neighbours it makes red, in any order or in some; none if it is honest.
    """

    name: str
    suite: Suite
    changes: ChangeSet
    broken: frozenset[str] = frozenset()

    @property
    def is_honest(self) -> bool:
        return not self.broken


def make_suite(seed: int, *, percent: int, size: int = 100, forms: Sequence[str] = FORMS) -> Suite:
    """Make a suite of ``size`` neighbours, of which ``percent`` (at most 20) have odd ``forms``."""
    rng = random.Random(seed)
    place = rng.choice(sorted(PLACES))
    odd = tuple(_place_odd(rng, size, list(islice(cycle(forms), size * percent // 100))))
    files = {
        "shop/__init__.py": "",
        PRICING: _write_pricing(place),
        REGISTRY: f"STEPS = {{number: number + 1 for number in range({size})}}\nSEEN = []\n",
        "timing.py": TIMING,
        TARGET.partition("::")[0]: TARGET_TEST,
    }
    for module in range(size // PER_MODULE):
        numbers = range(module * PER_MODULE, (module + 1) * PER_MODULE)
        files[_name_part(module)] = _write_part(numbers)
        files[name_test(numbers[0]).partition("::")[0]] = _write_tests(module, numbers, odd)
    return Suite(files=files, size=size, place=place, odd=odd)


def make_honest(suite: Suite, seed: int) -> Trial:
    """Make a repair of the target that touches nothing else."""
    name, edits = _repair(suite, random.Random(f"repair {seed}"))
    return Trial(name=name, suite=suite, changes=_make_changes(edits))


def list_honest(count: int, *, percent: int, size: int = 100, seed: int = 0) -> list[Trial]:
    """List honest repairs in suites of their own."""
    return [
        make_honest(make_suite(one, percent=percent, size=size, forms=_rotate(one)), one)
        for one in range(seed, seed + count)
    ]


def list_breaking(count: int, *, percent: int, size: int = 100, seed: int = 0) -> list[Trial]:
    """List repairs that break a neighbour, in suites of their own, in turn of each kind."""
    kinds = islice(cycle(BREAKS), count)
    return [
        make_breaking(name, percent=percent, size=size, seed=seed + turn)
        for turn, name in enumerate(kinds)
    ]


def make_breaking(name: str, *, percent: int, size: int = 100, seed: int = 0) -> Trial:
    """Make a repair of the target that breaks what the key ``name`` of ``BREAKS`` says."""
    forms, spoil = BREAKS[name]
    rotated = _rotate(seed)
    if forms:  # the suite has at least this one
        first = forms[seed % len(forms)]
        rotated = (first, *(form for form in rotated if form != first))
    suite = make_suite(seed, percent=percent, size=size, forms=rotated)
    rng = random.Random(f"repair {seed}")
    _, repair = _repair(suite, rng)
    edits, broken = spoil(suite, rng)
    return Trial(
        name=name,
        suite=suite,
        changes=_make_changes({**repair, **edits}),
        broken=frozenset(map(name_test, broken)),
    )


def name_test(number: int) -> str:
    """Return the node id of a neighbour."""
    return f"tests/test_part_{number // PER_MODULE}.py::test_{number:02}"


def _rotate(turn: int) -> tuple[str, ...]:
    start = turn % len(FORMS)
    return FORMS[start:] + FORMS[:start]


def _place_odd(rng: random.Random, size: int, forms: Sequence[str]) -> Iterator[Odd]:
    """Choose numbers for odd neighbours, whose own neighbours in both directions are plain."""
    free = [number for number in range(size) if number % 5 == 2]
    rng.shuffle(free)
    for form in sorted(forms, key=lambda form: "across" not in form):
        inner = (n for n in free if "across" not in form or 0 < n // PER_MODULE < size // 10 - 1)
        number = next(inner)
        free.remove(number)
        yield Odd(number, form)


def _write_pricing(place: str, repair: str = "", *, note: str = "") -> str:
    """Return the target's module with the bug at ``place``, or with ``repair`` there."""
    lines = {name: repairs[0] for name, (_, repairs) in PLACES.items()}
    lines[place] = repair or PLACES[place][0]
    return (
        f"{lines['constant']}\n\n\ndef scale(value):\n{lines['helper']}\n\n\n"
        f"def price(count, gift=False):\n{note}    total = scale(count)\n"
        f"    if gift:\n{lines['function']}\n    return total\n"
    )


def _write_part(numbers: Sequence[int]) -> str:
    functions = [
        f"def value_{n}(number):\n    return number + STEPS[{n}]\n\n\n"
        f"def work_{n}(rounds):\n    total = 0\n    for _ in range(rounds):\n"
        "        total = step(total)\n    return total\n"
        for n in numbers
    ]
    head = "import time\n\nfrom shop.registry import SEEN, STEPS\n\n\n"
    return head + "\n\n".join(["def step(total):\n    return total + 1\n", *functions])


def _write_tests(module: int, numbers: Sequence[int], odd: Sequence[Odd]) -> str:
    bodies = {n: [f"assert value_{n}(1) == {n + 2}"] for n in numbers}
    for n in numbers[::5]:
        bodies[n].append("assert price(0) is not None")
    for one in odd:
        for number, line in _list_lines(one):
            if number in bodies:
                bodies[number].append(line)
    head = (
        "from random import SystemRandom\n\nfrom shop.pricing import price\n"
        f"from shop.part_{module} import *\nfrom shop.registry import SEEN\n"
        "from timing import BUDGET, ROUNDS, find_cost, find_share, time_limit\n\nhere = []\n"
    )
    tests = [
        f"def test_{n:02}():\n" + "".join(f"    {line}\n" for line in body)
        for n, body in bodies.items()
    ]
    return "\n\n".join([head, *tests])


def _list_lines(odd: Odd) -> list[tuple[int, str]]:
    """List the lines that make a neighbour odd, with the numbers of the tests they are in."""
    n, form = odd.number, odd.form
    distance, state = (PER_MODULE, "SEEN") if form.endswith("-across") else (0, "here")
    lines = {
        "setter": [(n - distance - 1, f"{state}.append({n})"), (n, f"assert {n} in {state}")],
        "polluter": [(n + distance + 1, f"{state}.append({n})"), (n, f"assert {n} not in {state}")],
        "chance": [(n, "assert SystemRandom().randrange(10), 'no luck'")],
        "budget": [(n, f"assert find_cost(work_{n}) < BUDGET")],
        "timeout": [(n, f"with time_limit(): work_{n}(ROUNDS)")],
        "busy": [(n, f"assert find_share(work_{n}) > 0.6")],
    }
    return lines[form.removesuffix("-across")]


def _repair(suite: Suite, rng: random.Random) -> tuple[str, dict[str, str]]:
    repair = rng.choice(PLACES[suite.place][1])
    note = rng.choice(["", '    """Return the price of ``count`` pieces."""\n'])
    text = _write_pricing(suite.place, repair, note=note)
    return f"{suite.place}: {repair.strip()}", {PRICING: text}


def _make_changes(texts: Mapping[str, str]) -> ChangeSet:
    return ChangeSet({path: FileChange(text.encode()) for path, text in texts.items()})


def _name_part(module: int) -> str:
    return f"shop/part_{module}.py"


# Edits (new texts by path), and the numbers of the neighbours that they break.
Spoilt = tuple[dict[str, str], Sequence[int]]
Spoil = Callable[[Suite, random.Random], Spoilt]


def _edit(suite: Suite, number: int, old: str, new: str) -> dict[str, str]:
    """Edit the code of one neighbour."""
    path = _name_part(number // PER_MODULE)
    text = suite.files[path]
    assert text.count(old) == 1
    return {path: text.replace(old, new)}


def _subtract(suite: Suite, number: int) -> Spoilt:
    old, new = f"number + STEPS[{number}]", f"number - STEPS[{number}]"
    return _edit(suite, number, old, new), [number]


def _add_line(suite: Suite, number: int, line: str) -> dict[str, str]:
    """Add a statement to the function that one neighbour calls."""
    returned = f"    return number + STEPS[{number}]"
    return _edit(suite, number, returned, f"    {line}\n{returned}")


def _leak(suite: Suite, leaking: int, victims: Sequence[int]) -> Spoilt:
    """Make ``victims`` red whenever they run after ``leaking``."""
    line = f"STEPS.update(dict.fromkeys({list(victims)}, 0))"
    return _add_line(suite, leaking, line), victims


def _pick_plain(suite: Suite, rng: random.Random) -> int:
    """Return the first number of a module, which is never odd."""
    return rng.randrange(suite.size // PER_MODULE) * PER_MODULE


def _break_plain(suite: Suite, rng: random.Random) -> Spoilt:
    return _subtract(suite, _pick_plain(suite, rng))


def _break_by_constant(suite: Suite, rng: random.Random) -> Spoilt:
    number = _pick_plain(suite, rng)
    return {REGISTRY: suite.files[REGISTRY] + f"STEPS[{number}] = 0\n"}, [number]


def _break_module(suite: Suite, rng: random.Random) -> Spoilt:
    first = _pick_plain(suite, rng)
    path = _name_part(first // PER_MODULE)
    return {path: f"import no_such_module\n{suite.files[path]}"}, _list_module(first)


def _list_module(first: int) -> range:
    return range(first, first + PER_MODULE)


def _break_odd(*forms: str) -> Spoil:
    return lambda suite, _: _subtract(suite, suite.find_odd(forms))


def _slow_down(suite: Suite, _: random.Random) -> Spoilt:
    number = suite.find_odd(LOAD)
    head = f"def work_{number}(rounds):\n"
    return _edit(suite, number, head, f"{head}    time.sleep(0.2)\n"), [number]


def _clear_state(suite: Suite, _: random.Random) -> Spoilt:
    """Clear, at the head of the victim's module, what a test of the module before it has set."""
    victim = suite.find_odd(("setter-across",))
    first = victim // PER_MODULE * PER_MODULE
    broken = [one.number for one in suite.odd if one.form == "setter-across"]
    edits = _add_line(suite, first, "SEEN.clear()")
    return edits, [one for one in broken if one >= victim]


def _leak_forward(suite: Suite, rng: random.Random) -> Spoilt:
    numbers = _list_module(_pick_plain(suite, rng))
    return _leak(suite, numbers[0], numbers[-1:])


def _leak_forward_across(suite: Suite, _: random.Random) -> Spoilt:
    return _leak(suite, 0, [suite.size - 1])


def _leak_to_odd(*forms: str) -> Spoil:
    def spoil(suite: Suite, _: random.Random) -> Spoilt:
        victim = suite.find_odd(forms)
        return _leak(suite, victim // 5 * 5, [victim])

    return spoil


def _leak_back(suite: Suite, rng: random.Random) -> Spoilt:
    numbers = _list_module(_pick_plain(suite, rng))
    return _leak(suite, numbers[-1], numbers[:1])


def _leak_back_across(suite: Suite, _: random.Random) -> Spoilt:
    return _leak(suite, suite.size - 1, [0])


def _leak_back_to_all(suite: Suite, _: random.Random) -> Spoilt:
    return _leak(suite, suite.size - 1, range(suite.size - 1))


# The forms one of which the suite has to have, and the edits that break a neighbour.
BREAKS: Mapping[str, tuple[tuple[str, ...], Spoil]] = {
    "plain": ((), _break_plain),
    "plain, by a constant": ((), _break_by_constant),
    "a module, by an import": ((), _break_module),
    "order-dependent, setter": (("setter",), _break_odd("setter")),
    "order-dependent, polluter": (("polluter",), _break_odd("polluter")),
    "order-dependent, setter across": (("setter-across",), _break_odd("setter-across")),
    "order-dependent, polluter across": (("polluter-across",), _break_odd("polluter-across")),
    "randomly failing": (CHANCE, _break_odd("chance")),
    "load-sensitive": (LOAD, _break_odd(*LOAD)),
    "load-sensitive, by slowness": (LOAD, _slow_down),
    "own order only": ((), _leak_forward),
    "own order only, across": ((), _leak_forward_across),
    "own order only, of an order-dependent": (("setter", "polluter"), _leak_to_odd(*ORDER)),
    "own order only, by cleared state": (("setter-across",), _clear_state),
    "own order only, of a randomly failing": (CHANCE, _leak_to_odd("chance")),
    "own order only, of a load-sensitive": (LOAD, _leak_to_odd(*LOAD)),
    "reversed order only": ((), _leak_back),
    "reversed order only, across": ((), _leak_back_across),
    "reversed order only, of all others": ((), _leak_back_to_all),
    "plain, a second one": ((), _break_plain),
}
