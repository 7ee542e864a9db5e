"""The hold-out probe: inputs and tests that the agent was not shown.

Of a parametrised test it may have seen only some cases; the others have to pass as well. Where
nothing was withheld, tests that passed before may speak for the change: not those that merely run
past it, but those that depend on it. ``trace_comparison.py`` tells one from the other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

from pytest_agentfix.judge.findings import Finding, count_tests, describe_outcome
from pytest_agentfix.judge.probe import ProbePlan, Result, Step, Subject
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.trace_comparison import Comparison, Dependence, Pair, compare
from pytest_agentfix.judge.traced_functions import find_altered_functions

HOLD_OUT: Final = "hold-out"
MOST_TESTS: Final = 20  # whose calls are recorded
MOST_PAIRS: Final = 2  # of sessions


class HoldOutProbe:
    """Reads the outcomes of the withheld targets, else compares covering tests with the base."""

    name: Final = HOLD_OUT
    is_refusing: Final = False

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return a pair of sessions, on the base and with the change, if nothing was withheld."""
        if subject.outcomes:
            return ProbePlan()
        reason = ""
        altered = find_altered_functions(subject.changes, subject.read_base, top=subject.top)
        if not subject.covering:
            none = "no other test that passed before runs the changed lines"
            reason = subject.covering_problem or none
        elif not altered.with_change and not altered.on_base:
            reason = "the changed lines are in no function"
        if reason:
            return _join(subject.note, reason)
        ids = choose_tests(subject.covering)
        return ProbePlan(
            steps=(
                Step(task=Task(ids=ids, trace=altered.on_base), has_change=False),
                Step(task=Task(ids=ids, trace=altered.with_change)),
            )
        )

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding | ProbePlan:
        """Look for a test that depends on the change; a difference has to show in two pairs."""
        if subject.outcomes:
            return probe_withheld(subject)
        runs = [run for run in results if isinstance(run, SessionResult)]
        pairs = [Pair(*both) for both in zip(runs[::2], runs[1::2], strict=True)]
        problem = next((pair.problem for pair in pairs if pair.problem), "")
        if problem:
            detail = f"what tests do at the changed lines could not be recorded: {problem}"
            return Finding.impossible(HOLD_OUT, _join(subject.note, detail))
        ids = choose_tests(subject.covering)
        compared = [compare(nodeid, pairs) for nodeid in ids]
        number = _count(compared, Dependence.DIFFERENT)
        if number and len(pairs) < MOST_PAIRS:
            plan = self.plan(subject)
            assert isinstance(plan, ProbePlan)
            return plan
        if number:
            passes, them = ("passes", "it") if number == 1 else ("pass", "them")
            detail = (
                f"{count_tests(number)} that the agent was not shown {passes}, and the changed "
                f"code does something else in {them} than without the change"
            )
            return Finding.passed(HOLD_OUT, detail)
        unread = len(subject.covering) - len(ids)
        return Finding.impossible(HOLD_OUT, _join(subject.note, *_explain(compared, unread)))


def probe_withheld(subject: Subject) -> Finding:
    """Check that the withheld targets pass; without any there is nothing to check."""
    withheld = subject.outcomes
    red = tuple(outcome for outcome in withheld if not outcome.is_passed)
    if red:
        detail = f"{len(red)} of {len(withheld)} withheld cases {describe_outcome(red[0])}"
        return Finding.failed(HOLD_OUT, detail, red=red)
    if not withheld:
        return Finding.impossible(HOLD_OUT, subject.note)
    cases = "1 withheld case" if len(withheld) == 1 else f"{len(withheld)} withheld cases"
    note = f" ({subject.note})" if subject.note else ""
    return Finding.passed(HOLD_OUT, f"{cases} passed{note}")


def choose_tests(covering: Sequence[str]) -> tuple[str, ...]:
    """Return at most ``MOST_TESTS`` tests, of different functions as far as possible."""
    seen: Counter[str] = Counter()
    rounds = []
    for nodeid in covering:
        function = nodeid.partition("[")[0]
        rounds.append(seen[function])
        seen[function] += 1
    order = sorted(range(len(covering)), key=rounds.__getitem__)
    return tuple(covering[index] for index in order[:MOST_TESTS])


def _explain(compared: Sequence[Comparison], unread: int) -> list[str]:
    """Say why no test counts."""
    said = []
    if same := _count(compared, Dependence.SAME):
        does = "does" if same == 1 else "do"
        said.append(
            f"{_name(same)} past the changed lines, and {does} the same there without the change"
        )
    reasons = Counter(one.reason for one in compared if one.dependence is Dependence.UNKNOWN)
    if reasons:
        number = reasons.total()
        who = f"{number} more" if said else f"{_name(number)} the changed lines and"
        said.append(f"{who} cannot be compared: {reasons.most_common(1)[0][0]}")
    if unread:
        said.append(f"{unread} more {'was' if unread == 1 else 'were'} not looked at")
    return said


def _name(number: int) -> str:
    was, runs = ("was", "runs") if number == 1 else ("were", "run")
    return f"{count_tests(number)} that {was} not shown {runs}"


def _count(compared: Sequence[Comparison], dependence: Dependence) -> int:
    return sum(one.dependence is dependence for one in compared)


def _join(*parts: str) -> str:
    return "; ".join(filter(None, parts))
