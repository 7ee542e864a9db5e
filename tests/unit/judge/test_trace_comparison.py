"""The comparison of recorded calls; ``test_call_traces.py`` compares real ones."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.trace_comparison import Dependence, Pair, compare
from tests.kits.traced_kit import Calls, traced_run, traced_test

ONE = (1, False, "a", "1")


def run(calls: Calls, *, problem: str = "", **more: Any) -> SessionResult:
    return traced_run({"t": traced_test(calls, **more)}, problem=problem)


def dependence(*pairs: tuple[Calls, Calls]) -> Dependence:
    return compare("t", [Pair(run(base), run(change)) for base, change in pairs]).dependence


@pytest.mark.parametrize(
    ("base", "change", "is_different"),
    [
        ({ONE: 1}, {ONE: 1}, False),
        ({ONE: 1}, {(1, False, "b", "1"): 1}, True),
        ({ONE: 1}, {(1, False, "a", "2"): 1}, True),
        ({ONE: 1}, {(2, False, "a", "1"): 1}, True),
        ({ONE: 1}, {}, True),
        ({ONE: 1}, {ONE: 2}, True),
        # The end of one and the path of another: neither was seen before.
        (
            {ONE: 1, (1, False, "b", "2"): 1},
            {(1, False, "a", "2"): 1, (1, False, "b", "1"): 1},
            False,
        ),
        # Called more often by altered code: its callers tell.
        ({ONE: 1}, {ONE: 1, (1, True, "b", "2"): 1}, False),
        ({ONE: 1, (1, True, "b", "2"): 3}, {ONE: 1}, False),
        ({ONE: 1, (1, True, "b", "2"): 1}, {ONE: 1, (1, True, "c", "2"): 1}, True),
        ({ONE: 1}, {(1, False, "b", "1"): 1, (1, True, "b", "2"): 1}, True),
    ],
)
def test_calls_that_differ(base: Calls, change: Calls, *, is_different: bool) -> None:
    expected = Dependence.DIFFERENT if is_different else Dependence.SAME
    assert dependence((base, change)) is expected


def test_only_what_is_repeated_counts() -> None:
    other, third = (1, False, "b", "1"), (1, False, "c", "1")
    assert dependence(({ONE: 1}, {other: 1}), ({ONE: 1}, {other: 1})) is Dependence.DIFFERENT
    assert dependence(({ONE: 1}, {other: 1}), ({third: 1}, {other: 1})) is Dependence.UNKNOWN
    assert dependence(({ONE: 1}, {other: 1}), ({ONE: 1}, {third: 1})) is Dependence.UNKNOWN
    branch, again = (1, False, "d", "2"), (1, False, "e", "2")
    assert dependence(({ONE: 1}, {branch: 1}), ({other: 1}, {again: 1})) is Dependence.DIFFERENT


def test_reasons_not_to_know() -> None:
    plain, other = run({ONE: 1}), run({(1, False, "b", "1"): 1})
    for odd in (run({ONE: 1}, gap="it hides"), run({}, gap="it hides")):
        for pair in (Pair(odd, other), Pair(other, odd)):
            assert compare("t", [pair]).reason == "it hides"
    nothing = run({ONE: 1}, entered=False)
    assert "outside of any function" in compare("t", [Pair(nothing, nothing)]).reason
    assert compare("t", [Pair(nothing, plain)]).dependence is Dependence.SAME
    assert compare("t", [Pair(plain, nothing)]).dependence is Dependence.SAME
    outside = run({ONE: 1}, outside=True)
    assert "one side only" in compare("t", [Pair(plain, outside)]).reason
    assert compare("t", [Pair(outside, other)]).dependence is Dependence.DIFFERENT
    assert "not passed" in compare("another", [Pair(plain, plain)]).reason


def test_sessions_that_cannot_be_compared() -> None:
    plain = run({})
    assert Pair(plain, plain).problem == ""
    assert Pair(run({}, problem="no tracer"), plain).problem == "no tracer"
    assert Pair(plain, run({}, problem="no tracer")).problem == "no tracer"
