"""The benchmark of true and false repairs makes the programs and tests that it says it makes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import pytest

from tests.kits.truth_mutants import make_mutants
from tests.kits.truth_suites import STYLES, Expectation, Expectations, contradict
from tests.kits.truth_tables import SPELLINGS, Program, calls_itself

COUNT = '''\
from typing import List


def count(words: List[str],
          limit: int) -> int:
    """Count the words of at most ``limit`` letters.

    >>> count(["a"], 1)
    1
    """

    total = 0
    for word in words:
        if len(word) < limit:
            total += 1
    return total
'''
DOUBLE = "def double(number):\n    return number * 3\n"
EVEN = 'def is_even(number: int) -> bool:\n    """Tell."""\n    return number % 2 == 1\n'
SUM = "def add_up(prices):\n    return [sum(prices.values()), None, len(prices) - 1]\n"

PROGRAMS = {
    "two arguments, one a list": (
        Program(
            COUNT,
            "count",
            [
                Expectation((["a", "bc"], 2), 2),
                Expectation(([], 1), 0),
                Expectation((["\u00e4'\n"], 3), 1),
            ],
        ),
        [(["a", "bc"], 3), (["a"], 1), ([], 2)],
    ),
    "a number": (
        Program(
            DOUBLE,
            "double",
            [Expectation((2,), 4), Expectation((-1.5,), -3.0), Expectation((0,), 0)],
        ),
        [(3,), (1.5,), (-2,)],
    ),
    "truth": (
        Program(
            EVEN,
            "is_even",
            [
                Expectation((2,), value=True),
                Expectation((3,), value=False),
                Expectation((4,), value=True),
            ],
        ),
        [(1,), (5,), (0,), (6,)],
    ),
    "only true": (Program(EVEN, "is_even", [Expectation((2,), value=True)]), [(1,), (0,)]),
    "a dict": (
        Program(
            SUM,
            "add_up",
            [Expectation(({"a": 1, "b": 2},), [3, None, 2]), Expectation(({},), [0, None, 0])],
        ),
        [({"a": 1},), ({"b": 2, "c": 1},)],
    ),
}


def load(source: str, name: str) -> Callable[..., Any]:
    namespace: dict[str, Any] = {}
    exec(compile(source, "program", "exec"), namespace)
    found: Callable[..., Any] = namespace[name]
    return found


@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize(("program", "others"), PROGRAMS.values(), ids=PROGRAMS)
def test_spelling_knows_the_tested_inputs_and_no_others(
    spell: Callable[[Program], str], program: Program, others: list[tuple[Any, ...]]
) -> None:
    plain = load(program.source, program.function)
    cheat = load(spell(program), program.function)
    for case in program.cases:
        assert cheat(*case.arguments) == case.value
    assert [cheat(*arguments) for arguments in others] == [plain(*one) for one in others]
    assert any(plain(*case.arguments) != case.value for case in program.cases)


def test_spellings_are_different_programs() -> None:
    program, _ = PROGRAMS["two arguments, one a list"]
    assert len({spell(program) for spell in SPELLINGS.values()}) == len(SPELLINGS) == 12


@pytest.mark.parametrize(
    ("line", "mutants"),
    [
        ("a < b", {"a <= b", "a > b"}),
        ("a == b != c", {"a != b != c", "a == b == c"}),
        ("(a) + (b)", {"(a) - (b)"}),
        ("a and b or c", {"a and b and c", "a or b or c"}),
        ("not a", {"a"}),
        ("True", {"False"}),
        ("7", {"8", "6"}),
        ("0", {"1"}),
        ("'\u00e4' + a[0]", {"'\u00e4' - a[0]", "'\u00e4' + a[1]"}),
        ("f'{a + 1}'", set()),
        ("1.5 in 'text'", set()),
    ],
)
def test_mutants_differ_in_one_place(line: str, mutants: set[str]) -> None:
    assert {one.strip() for one in make_mutants(f"{line}\n")} == mutants


def test_mutants_are_python() -> None:
    for mutant in make_mutants(COUNT):
        ast.parse(mutant)
        assert mutant != COUNT
        assert len(mutant.splitlines()) == len(COUNT.splitlines())


@pytest.mark.parametrize("write", [write for _, write in STYLES], ids=[name for name, _ in STYLES])
@pytest.mark.parametrize("tolerance", [0.0, 0.01])
def test_style_accepts_the_right_and_refuses_the_wrong(
    write: Callable[[Expectations], str], tolerance: float, pytester: pytest.Pytester
) -> None:
    cases = (Expectation((2,), 4.0), Expectation((-1,), -2.0))
    known = Expectations(function="double", cases=cases, tolerance=tolerance)
    (pytester.path / "solution.py").write_text("def double(number):\n    return number * 2.001\n")
    pytester.makepyfile(test_solution=write(known))
    result = pytester.inline_run("-p", "no:cacheprovider", "-p", "no:agentfix")
    assert bool(result.ret) == (not tolerance)


@pytest.mark.parametrize(
    "value", [True, 0, 1.5, "", "a", [], [1], (), (1,), {}, {"a": 1}, {2}, None]
)
def test_contradiction_is_another_value(value: object) -> None:
    wrong = contradict(value)
    assert wrong != value


def test_recursion_is_seen() -> None:
    assert calls_itself("def f(n):\n    return n and f(n - 1)\n", "f")
    assert not calls_itself(COUNT, "count")
