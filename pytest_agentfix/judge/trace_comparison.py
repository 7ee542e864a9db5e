"""Compare the calls that tests make of altered functions, with a change and without it (pure).

The order of the calls does not count, as threads may run them: what counts is how often calls of
one function end in one way, and how often they take one path.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pytest_agentfix.judge.sessions.call_traces import TracedCall, TracedTest
from pytest_agentfix.judge.sessions.session_result import SessionResult


class Dependence(enum.Enum):
    """The difference that a change makes to a test."""

    DIFFERENT = "the calls of altered functions end differently, or take another way"
    SAME = "the test runs altered lines, and all calls are the same without the change"
    UNKNOWN = "it cannot be told"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One test's dependence on a change; ``reason`` says why it is not known."""

    dependence: Dependence
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sessions of the same tests with their calls recorded, on the base and with a change."""

    on_base: SessionResult
    with_change: SessionResult

    @property
    def problem(self) -> str:
        """The reason not to compare them, "" if there is none."""
        for run in (self.on_base, self.with_change):
            problem = run.report.trace_problem or run.trouble
            if problem:
                return problem
        return ""


def compare(nodeid: str, pairs: Sequence[Pair]) -> Comparison:
    """Compare the calls of one test; with several pairs, only what each side repeats counts."""
    sides = [[pair.on_base.report for pair in pairs], [pair.with_change.report for pair in pairs]]
    if not all(report.outcome_of(nodeid).is_passed for side in sides for report in side):
        return Comparison(Dependence.UNKNOWN, "not passed while calls are recorded")
    base, change = ([one.traced.get(nodeid, TracedTest()) for one in side] for side in sides)
    tests = [*base, *change]
    reason = next((test.gap for test in tests if test.gap), "")
    if not any(test.has_entered for test in tests):
        reason = reason or "altered lines run outside of any function"
    if reason:
        return Comparison(Dependence.UNKNOWN, reason)
    numbers = {call.function for test in tests for call in test.calls}
    if any(_differ(number, base, change) for number in numbers):
        return Comparison(Dependence.DIFFERENT)
    if any(test.is_outside for test in tests):
        reason = "unaltered code calls a function that is there on one side only"
        return Comparison(Dependence.UNKNOWN, reason)
    if any(_differ(number, base[:1], change[:1]) for number in numbers):
        return Comparison(Dependence.UNKNOWN, "results there differ from run to run")
    return Comparison(Dependence.SAME)


def _differ(number: int, base: Sequence[TracedTest], change: Sequence[TracedTest]) -> bool:
    """Tell whether calls of a function differ between the sides and on neither from run to run.

    If altered code calls it more often or less often, the calls from elsewhere are compared, and
    the caller.
    """
    totals = {_count_calls(number, test) for test in (*base, *change)}
    for part in ("end", "path"):
        ours, theirs = (
            [_count(number, part, test, outermost_only=len(totals) > 1) for test in side]
            for side in (base, change)
        )
        if ours[0] != theirs[0] and _are_equal(ours) and _are_equal(theirs):
            return True
    return False


def _are_equal(counted: Sequence[Counter[str]]) -> bool:
    return all(one == counted[0] for one in counted)


def _count_calls(number: int, test: TracedTest) -> int:
    return sum(times for call, times in test.calls.items() if call.function == number)


def _count(number: int, part: str, test: TracedTest, *, outermost_only: bool) -> Counter[str]:
    """Count the calls of a function by one of the two things known about each."""
    counted: Counter[str] = Counter()
    for call, times in test.calls.items():
        if call.function == number and not (outermost_only and call.is_nested):
            counted[_read(call, part)] += times
    return counted


def _read(call: TracedCall, part: str) -> str:
    return call.end if part == "end" else call.path
