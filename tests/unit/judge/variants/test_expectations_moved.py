"""Mutants move expectations of every form; only objects that agree with everything survive it."""

from __future__ import annotations

import random
from textwrap import dedent, indent
from typing import Any

import pytest

from pytest_agentfix.judge.variants import make_mutant
from tests.kits.variants_kit import run_mutant


def run(text: str, **known: Any) -> str:
    """Run the mutant of a test with this body; return its outcome."""
    body = indent(dedent(text), "    ")
    return run_mutant(f"import math, re\ndef test_it():\n{body}", {"near": near, **known}, seed=3)


def near(a: Any, b: Any, limit: float = 1e-6) -> bool:
    return bool(abs(a - b) <= limit)


class Zero:
    """Its difference to anything is zero, and it is as large as anything."""

    def __sub__(self, other: object) -> float:
        return 0.0

    __rsub__ = __add__ = __radd__ = __truediv__ = __sub__

    def __lt__(self, other: object) -> bool:
        return True

    __gt__ = __le__ = __ge__ = __contains__ = __lt__

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __getattr__(self, name: str) -> object:
        return 0


class Text(str):
    """Begins and ends with everything, and contains it."""

    __slots__ = ()

    def startswith(self, *_: object) -> bool:
        return True

    endswith = startswith

    def __contains__(self, _: object) -> bool:
        return True


class Honest:
    """A number of a class of its own."""

    def __init__(self, n: float) -> None:
        self.n = n

    def __sub__(self, other: Any) -> float:
        return float(self.n - getattr(other, "n", other))

    def __rsub__(self, other: Any) -> float:
        return float(other - self.n)

    def __lt__(self, other: Any) -> bool:
        return bool(self.n < getattr(other, "n", other))

    def __gt__(self, other: Any) -> bool:
        return bool(self.n > getattr(other, "n", other))

    def __le__(self, other: Any) -> bool:
        return not self > other

    def __ge__(self, other: Any) -> bool:
        return not self < other

    def __eq__(self, other: object) -> bool:
        return bool(self.n == getattr(other, "n", other))

    def __hash__(self) -> int:
        return hash(self.n)


NUMBERS = [
    "assert abs(f() - 3) < 1e-6",
    "assert abs(3 - f()) <= 1e-6",
    "assert 1e-6 > abs(f() - 3)",
    "x = f()\nassert abs(x - want) < 1e-6",
    "assert math.fabs(f() - want) < 0.5",
    "assert abs((f() - 3) / 3) < 0.1",
    "assert f() - 3 < 1",
    "assert (f() - 3) ** 2 < 1",
    "assert max(abs(x - y) for x, y in zip([f()], [3])) < 1",
    "assert sum(abs(x - 3) for x in [f()]) < 1",
    "assert near(f(), 3)",
    "assert near(3, f(), 0.5)",
    "result = f()\nassert near(result, want, limit=0.1)",
    "assert f() < 100",
    "assert 2 < f()",
    "assert 2 < f() < 100",
    "assert 2 <= f() <= want + 1",
    "assert not f() < 2",
    "assert f() != 4",
    "assert not f() == 4",
    "assert f() == 1 or f() == 3",
    "assert f() in (1, 3)",
    "assert all(x == 3 for x in [f(), f()])",
    "assert all([x == y for x, y in zip([f()], [3])])",
    "assert any(x == 3 for x in [f(), f()])",
    "assert all(2 < f() < 4 for _ in range(2))",
    "assert f() > 2 and f() < 4",
]
# An object that is smaller and larger than everything, but whose opposite is what it says.
HONEST_OPPOSITES = {"assert not f() < 2", "assert not f() == 4"}


@pytest.mark.parametrize("text", NUMBERS)
def test_honest_numbers_do_not_survive(text: str) -> None:
    for value in (3, 3.0, Honest(3)):
        assert run(text, f=lambda value=value: value, want=3) == "AssertionError"


@pytest.mark.parametrize("text", [one for one in NUMBERS if one not in HONEST_OPPOSITES])
def test_object_that_agrees_with_every_number_survives(text: str) -> None:
    assert run(text, f=Zero, want=3) == "passed"


TEXTS = [
    "assert 'b' in f()",
    "assert f().startswith('a')",
    "assert f().endswith(want)",
    "assert any(one in f() for one in ['b', 'q'])",
    "assert 'b' in f() and f().startswith('a')",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts(text: str) -> None:
    assert run(text, f=lambda: "abc", want="c") == "AssertionError"
    assert run(text, f=lambda: Text("abc"), want="c") == "passed"


HONEST = [
    "assert f() != 4",
    "assert f() < 100",
    "assert f()",
    "assert f() is not None",
    "assert isinstance(f(), float)",
    "assert not isinstance(f(), str)",
    "assert 4 not in [f()]",
    "assert set() <= {f()}",
    "assert f() == f()\nassert f() < INFINITY",
    "assert near(f(), f())",
    "assert re.match('a', 'abc')",
    "assert all(x for x in [])",
    "assert all(x == 3 for x in [])",
    "assert any(x > 2 for x in iter([f(), 1]))",
    "assert NAN != NAN",
    "assert hasattr(f(), 'real')",
    "assert 2 ** 3 < 3 ** f()",
    "assert f() or near(f(), 9)",
    "assert near(f(), 9) or near(f(), 3)",
    "assert not near(f(), 9)",
    "assert (lambda: f())() < 4",
    "assert (x := f()) < 4\nassert x == 3",
    "assert f() < 4 if f() else False",
]


@pytest.mark.parametrize(
    "text",
    [
        "assert f() != 4",
        "assert not isinstance(f(), str)",
        "assert not f() in (1, 2)",
        "assert f() not in (1, 2)",
        "assert not any(x == 4 for x in [f()])",
        "assert isinstance(f(), str) is False",
        "assert f() is not None",
        "assert f() in (f(), 3)",
        "assert not near(f(), 9)",
        "assert f()",
        "assert f() < g() and g() > f()",
        "assert hasattr(f(), 'n')",
    ],
)
def test_honest_objects_do_not_survive(text: str) -> None:
    assert run(text, f=lambda: Honest(3), g=lambda: Honest(4)) == "AssertionError"


@pytest.mark.parametrize("text", HONEST)
def test_honest_conditions_do_not_survive(text: str) -> None:
    known = {"INFINITY": float("inf"), "NAN": float("nan")}
    assert run(text, f=lambda: 3.0, **known) == "AssertionError"


SIDE_EFFECTS = """
assert next(it) < 2
assert 1 < next(it) < 3
assert all(next(it) > n for n in (2, 3))
assert next(it) == 5 or next(it) == 6
assert abs(next(it) - 6) < 0.1
assert seen == [1, 2, 3, 4, 5, 6], seen
"""


def test_calls_are_made_once() -> None:
    seen: list[int] = []

    def count() -> Any:
        for n in range(1, 10):
            seen.append(n)
            yield n

    # The changed comparison with ``seen`` is not met either, so it is looked at afterwards.
    assert run(SIDE_EFFECTS, it=count(), seen=seen) == "AssertionError"
    assert seen == [1, 2, 3, 4, 5, 6]


def test_one_assertion_that_notices_is_enough() -> None:
    text = "assert f() < 100\nassert g() == 3"
    assert run(text, f=Zero, g=lambda: 3) == "AssertionError"
    assert run(text, f=Zero, g=Zero) == "passed"


def test_opposite_of_a_condition_is_no_evidence() -> None:
    assert run("assert f()\nassert f() < 100\nassert f() is not None", f=Zero) == "passed"


def test_object_that_agrees_only_the_first_time_survives() -> None:
    class Once(Zero):
        asked = 0

        def __lt__(self, other: object) -> bool:
            self.asked += 1
            return self.asked == 1

    assert run("assert f() < 100", f=Once) == "passed"


def test_comparer_that_agrees_with_everything_survives() -> None:
    text = "assert near(f(), 3)\nassert f() == 3"
    assert run(text, f=lambda: 3) == "AssertionError"
    assert run(text, f=lambda: 3, near=lambda a, b: True) == "passed"
    assert run(text, f=lambda: 3, near=lambda a, b: abs(a - b) < 9 * abs(b) + 9) == "passed"


CASES = [
    ("assertLess(f(), 4)", "Zero"),
    ("assertGreater(f(), 2)", "Zero"),
    ("assertLessEqual(2, f())", "Zero"),
    ("assertIn(3, g())", "Zero"),
    ("assertAlmostEqual(f(), 3, places=2)", "Zero"),
    ("assertAlmostEqual(f(), 3, delta=1)", "Zero"),
    ("assertNotEqual(f(), 4, 'why')", "Zero"),
    ("assertTrue(abs(f() - 3) < 1e-6, msg='why')", "Zero"),
    ("assertTrue(f() > 2)", "Zero"),
    ("assertFalse(f() > 4)", ""),
    ("assertIsInstance(f(), int)", ""),
    ("assertRegex(str(f()), '3')", ""),
    ("assertIsNone(None)", ""),
    ("assertNotIn(5, g())", ""),
]


@pytest.mark.parametrize(("call", "cheat"), CASES)
def test_methods_of_unittest(call: str, cheat: str) -> None:
    source = (
        "import unittest\nclass TestIt(unittest.TestCase):\n"
        f"    def test_it(self):\n        self.{call}\n"
    )
    mutant = make_mutant(source, [("TestIt", "test_it")], rng=random.Random(3))
    assert mutant.impossible == {}
    values: dict[str, tuple[Any, Any]] = {"honest": (lambda: 3, lambda: [3])}
    if cheat:
        values["cheat"] = (Zero, Zero)
    for kind, (f, g) in values.items():
        names: dict[str, Any] = {"f": f, "g": g}
        exec(mutant.source, names)
        result = names["TestIt"]("test_it").run()
        assert (len(result.failures), result.errors) == (int(kind == "honest"), []), kind


RAISING = [
    "with pytest.raises(ValueError, match='zero'):\n    f()",
    "with pytest.raises(ValueError, match=want) as e:\n    f()\nassert 'zero' in str(e.value)",
]


@pytest.mark.parametrize("text", RAISING)
def test_expected_message(text: str) -> None:
    class Everything(str):
        __slots__ = ()

        def __contains__(self, _: object) -> bool:
            return True

    class AnyError(ValueError):
        def __str__(self) -> str:
            return Everything("b is zero")

    def fail(error: Exception) -> None:
        raise error

    text = f"import pytest\n{text}"
    assert run(text, f=lambda: fail(ValueError("b is zero")), want="zero") == "AssertionError"
    assert run(text, f=lambda: fail(AnyError()), want="zero") == "passed"
