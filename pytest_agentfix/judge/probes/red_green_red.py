"""The red-green-red probe: once the change has been undone, the targets fail again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_agentfix.judge.changed_lines import undo
from pytest_agentfix.judge.findings import Finding, count_tests, outcomes_of
from pytest_agentfix.judge.probe import ProbePlan, Result, Room, Step, Subject
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.session_result import SessionResult

RED_GREEN_RED: Final = "red-green-red"
# Everything that has to be green runs in fresh sandboxes, so nothing left behind can turn it green.
_LEFT_BEHIND: Final = (
    "the tests' runs leave something behind that keeps them green; in a fresh sandbox they fail "
    "without the change"
)


class RedGreenRedProbe:
    """Undoes the change in the sandbox in which it has just been green.

    If the targets stay green there, they run in a fresh one: that tells tests whose runs leave
    something behind from tests that are green by chance.
    """

    name: Final = RED_GREEN_RED
    is_refusing: Final = True

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return one session of the targets, which puts the base's files in place."""
        gone = dict.fromkeys(subject.variants.canary.files)
        base = undo(subject.changes, subject.read_base, top=subject.top)
        files = {**gone, **subject.variants.test_files, **base}
        task = Task(ids=subject.red_on_base, files=files)
        return ProbePlan(steps=(Step(task=task),), room=Room.OF_TARGETS)

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding | ProbePlan:
        """Check that every target is red in the last session."""
        *earlier, run = results
        assert isinstance(run, SessionResult)
        green = _find_green(subject, run)
        if green and not earlier:
            task = Task(ids=subject.red_on_base)
            return ProbePlan(steps=(Step(task=task, has_change=False),))
        if green:
            detail = f"{green} passes in the same sandbox without the change"
            return Finding.failed(RED_GREEN_RED, detail)
        if earlier:
            return Finding.impossible(RED_GREEN_RED, _LEFT_BEHIND)
        detail = f"{count_tests(len(subject.red_on_base))} failed again without the change"
        return Finding.passed(RED_GREEN_RED, detail)


def _find_green(subject: Subject, run: SessionResult) -> str:
    """Return the first target that passed, "" if none did."""
    if run.trouble:
        return ""
    return next(
        (
            target
            for target in subject.red_on_base
            if all(one.is_passed for one in outcomes_of(subject.cluster, target, run.report))
        ),
        "",
    )
