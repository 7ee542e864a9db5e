"""Mutants: which assertions are changed, and what they are changed to."""

from __future__ import annotations

import random
from textwrap import dedent, indent
from typing import Any

import pytest

from pytest_agentfix.judge.variants import Mutant, TestName, make_mutant
from tests.kits.variants_kit import run_mutant

IT: TestName = ("test_it",)


def mutate(text: str, *names: TestName, seed: int = 1) -> Mutant:
    return make_mutant(dedent(text), names or (IT,), rng=random.Random(seed))


def run(text: str, seed: int = 1, **known: Any) -> str:
    """Run the mutant of a test with this body; return its outcome."""
    source = f"def test_it():\n{indent(dedent(text), '    ')}"
    return run_mutant(source, known, seed=seed)


class Equal:
    """Equal to everything, and not unequal to anything either."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Honest:
    """Compares by an attribute, as much code does."""

    def __init__(self, n: int) -> None:
        self.n = n

    def __eq__(self, other: object) -> bool:
        return bool(self.n == other.n)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return 0


VALUES: list[Any] = [
    True,
    False,
    0,
    -7,
    10**30,
    1.5,
    float("inf"),
    float("nan"),
    1j,
    "",
    "text",
    b"bytes",
    bytearray(b"x"),
    None,
    [],
    [1],
    (),
    ("a", 2),
    set(),
    {1},
    frozenset({2}),
    {},
    {"a": 1},
    range(3),
    int,
    object(),
]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_no_value_stays_equal(value: Any) -> None:
    assert run("assert f() == want", f=lambda: value, want=value) == "AssertionError"
    assert run("assert f() == want", f=Equal, want=value) == "passed"


@pytest.mark.parametrize("value", [one for one in VALUES if repr(one)[0] not in "<rbnio"], ids=repr)
def test_no_literal_stays_equal(value: Any) -> None:
    for seed in range(5):
        assert run(f"assert f() == {value!r}", seed=seed, f=lambda: value) == "AssertionError"
        assert run(f"assert {value!r} == f()", seed=seed, f=lambda: value) == "AssertionError"
        assert run(f"assert f() == {value!r}", seed=seed, f=Equal) == "passed"


def test_negative_number_is_changed_in_the_text() -> None:
    mutant = mutate("def test_it():\n    assert f() == -5\n")
    assert "-5" not in mutant.source


@pytest.mark.parametrize(
    ("assertion", "changed"),
    [
        ("f(1) == want", "want"),
        ("want == f(1)", "want"),
        ("result == expected", "expected"),
        ("expected == result", "expected"),
        ("EXPECTED == actual", "EXPECTED"),
        ("got == x", "x"),
        ("x == y", "y"),
        ("f(1) == Decimal('1')", "Decimal('1')"),
        ("m.mock_calls == [call(1)]", None),
        ("[f(1), f(2)] == want", "want"),
        ("f(1) == g(2)", "g(2)"),
        ("thing.value == Point(1)", "Point(1)"),
    ],
)
def test_side_that_is_changed(assertion: str, changed: str | None) -> None:
    mutant = mutate(f"def test_it():\n    assert {assertion}\n")
    line = next(one for one in mutant.source.splitlines() if "assert " in one)
    assert (f"({changed})" in line) is (changed is not None)


def test_object_under_test_is_not_compared_with_another_literal() -> None:
    class IsInt:
        def __eq__(self, other: object) -> bool:
            return isinstance(other, int)

        def __hash__(self) -> int:
            return 0

    for text in ("assert 5 == IsInt()", "made = IsInt()\nassert made == 5"):
        assert run(text, IsInt=IsInt) == "AssertionError"


def test_both_operands_are_evaluated() -> None:
    """The rest of a test may depend on a side effect of an operand, such as filling a cache."""

    class Thing(list[int]):
        pass

    text = "assert f(1) == Thing([1])\nassert seen == [1]\nassert [2] == f(2)\nassert len(seen) > 1"
    for result in (lambda n: [n], lambda n: Thing([n])):
        seen: list[int] = []

        def f(n: int, result: Any = result, seen: list[int] = seen) -> Any:
            seen.append(n)
            return result(n)

        assert run(text, f=f, Thing=Thing, seen=seen) == "AssertionError"


def test_comparison_that_cannot_take_another_type_is_red() -> None:
    assert run("assert f() == want", f=lambda: Honest(1), want=Honest(1)) == "AttributeError"


CONDITIONS = [
    "n != 4",
    "n < 4",
    "0 < n < 4",
    "n is not None",
    "n in (2, 3)",
    "n",
    "not n - 3",
    "n == 3 and s == 'x'",
    "n == 4 or s == 'x'",
    "all(c == 'x' for c in s)",
    "isclose(n, 3)",
    "(n, 0)",
    "(m := n) == 3",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_no_condition_stays_true(condition: str) -> None:
    from math import isclose

    assert run(f"assert {condition}, 'why'", n=3, s="x", isclose=isclose) == "AssertionError"


@pytest.mark.parametrize(
    "text",
    [
        "if n:\n    assert n == 3",
        "while n:\n    assert n == 3\n    break",
        "for _ in many:\n    assert n == 3",
        "for _ in []:\n    assert n == 3",
        "def inner():\n    assert n == 3",
        "try:\n    assert n == 3\nexcept ValueError:\n    pass",
        "with suppress(ValueError):\n    assert n == 3",
        "if n:\n    return\nassert n == 3",
        "pytest.skip('no')\nassert n == 3",
        "for _ in [1]:\n    if n:\n        continue\n    assert n == 3",
        "for _ in [1]:\n    if n:\n        return\nassert n == 3",
        "with pytest.raises(ValueError) as e, f():\n    assert n == 3",
        "assert n == ANY",
        "assert n == mock.ANY",
        "assert n == ALWAYS_EQ",
        "assert [a == b for a in n] == [mock.ANY]",
    ],
)
def test_what_is_not_sure(text: str) -> None:
    mutant = mutate(f"def test_it():\n{indent(text, '    ')}\n")
    expected = {IT: "it has no assertion that is certain to run"}
    assert (expected, {}, {}) == (mutant.impossible, mutant.names, mutant.changed)


def test_what_is_imported_from_a_library_of_matchers_is_not_sure() -> None:
    mutant = mutate("from dirty_equals import IsInt\ndef test_it():\n    assert f() == IsInt()\n")
    assert mutant.impossible == {IT: "it has no assertion that is certain to run"}


@pytest.mark.parametrize(
    "text",
    [
        "for _ in [1]:\n    assert n == 3\n    if n:\n        break",
        "for _ in [1]:\n    if n:\n        break\nassert n == 3",
        "for i, _ in enumerate((1, 2)):\n    assert n == 3",
        "for _ in range(2):\n    assert n == 3",
        "try:\n    assert n == 3\nfinally:\n    print()",
        "def inner():\n    return 1\nassert n == 3",
        "assert n == 3\nreturn",
        "assert n == 3\nif n:\n    return\nassert n == 5",
    ],
)
def test_what_is_sure(text: str) -> None:
    assert run(text, n=3) == "AssertionError"
    assert run(text, n=Equal()) == "passed"


def test_one_survivor_among_many_is_enough() -> None:
    text = "assert a == 1\nassert b == 2\nassert c == 3"
    assert run(text, a=1, b=2, c=3) == "AssertionError"
    assert run(text, a=1, b=Equal(), c=3) == "passed"


def test_other_exceptions_go_through() -> None:
    def fail() -> None:
        raise KeyError

    assert run("assert a == 1\nf()", a=Equal(), f=fail) == "KeyError"


def test_assertions_that_are_not_sure_stay_as_they_are() -> None:
    text = "assert a == 1\nif a:\n    assert b == 3"
    assert run(text, a=Equal(), b=2) == "AssertionError"
    assert run(text, a=Equal(), b=3) == "passed"


def raise_value_error(*_: object) -> None:
    raise ValueError("bad")


RAISING = [
    "with pytest.raises(ValueError):\n    f()",
    "with pytest.raises(Exception, match='bad'):\n    f()",
    "with pytest.raises((KeyError, ValueError)) as e:\n    f()",
    "with pytest.raises(ValueError) as e:\n    f()\nprint(e.value)",
    "pytest.raises(ValueError, f, 1)",
]


@pytest.mark.parametrize("text", RAISING)
def test_expected_exception_is_another(text: str) -> None:
    body = indent(text, "    ")
    mutant = mutate(f"import pytest\ndef test_it():\n{body}\n")
    assert mutant.changed == {IT: 1}
    assert (
        f"{text.split('(')[1].split(',', maxsplit=1)[0].split(')', maxsplit=1)[0]}" in mutant.source
    )
    names: dict[str, Any] = {"f": raise_value_error}
    exec(mutant.source, names)
    with pytest.raises(AssertionError):
        names["test_it"]()
    names["f"] = lambda *_: None
    with pytest.raises(AssertionError):
        names["test_it"]()


def test_exception_that_nobody_expected_goes_through() -> None:
    mutant = mutate("import pytest\ndef test_it():\n    with pytest.raises(KeyError): f()\n")
    names: dict[str, Any] = {"f": raise_value_error}
    exec(mutant.source, names)
    with pytest.raises(ValueError, match="bad"):
        names["test_it"]()


@pytest.mark.parametrize(
    "mark",
    [
        "@pytest.mark.xfail\n",
        "@pytest.mark.flaky(reruns=3)\n",
        "@pytest.mark.parametrize('n', [pytest.param(1, marks=pytest.mark.xfail)])\n",
        "slow = pytest.mark.xfail\n@slow\n",
        (
            "CASES = [pytest.param(1, marks=pytest.mark.xfail)]\n"
            "@pytest.mark.parametrize('n', CASES)\n"
        ),
        "pytestmark = pytest.mark.xfail\n",
        "from nose.tools import raises\n@raises(ValueError)\n",
    ],
)
def test_forgiving_marks(mark: str) -> None:
    mutant = mutate(f"import pytest\n{mark}def test_it():\n    assert 1\n")
    assert mutant.impossible == {IT: "its failures are expected or repeated"}


def test_generator() -> None:
    mutant = mutate("def test_it():\n    assert 1 == 1\n    yield\n")
    assert mutant.impossible == {IT: "it is a generator"}


def test_tests_that_are_not_wanted_stay() -> None:
    other = "def test_other():\n    assert f() == 3"
    mutant = mutate(f"def test_it():\n    assert f() == 3\n\n{other}\n")
    assert (other in mutant.source, mutant.names) == (True, {IT: IT})


def test_numpy_and_pandas() -> None:
    mutant = mutate(
        """
        import numpy as np
        from pandas.testing import assert_frame_equal
        from helpers import assert_equal

        def test_it():
            np.testing.assert_allclose(f(1), np.array([1.0]))
            assert_frame_equal(g(1), want)
            assert_equal(1, 2)
            assert np.allclose(f(1), [1.0])
        """
    )
    assert mutant.changed == {IT: 3}
    assert "assert_equal(1, 2)" in mutant.source
