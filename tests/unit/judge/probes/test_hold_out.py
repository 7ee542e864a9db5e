"""The hold-out probe's plan, and how it tells what it found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.model import ChangeSet, Cluster, FileChange, ProbeResult, TestOutcome
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import ProbePlan, Subject
from pytest_agentfix.judge.probes.hold_out import HoldOutProbe, choose_tests
from pytest_agentfix.judge.sessions.call_traces import TracedTest
from pytest_agentfix.judge.sessions.command import Task
from tests.kits.traced_kit import traced_run, traced_test

BASE = b"x = 1\n\ndef f():\n    return 1\n"
PROBE = HoldOutProbe()
SAME = traced_test({(1, False, "a", "1"): 1})
OTHER = traced_test({(1, False, "b", "1"): 1})
THIRD = traced_test({(1, False, "c", "1"): 1})
HIDDEN = traced_test({}, gap="a process is started")


def make_subject(change: bytes = BASE.replace(b"return 1", b"return 2"), **more: Any) -> Subject:
    return Subject(
        cluster=Cluster(slug="c", failures=()),
        changes=ChangeSet({"a.py": FileChange(change)}),
        rootdir=Path("/top"),
        top=Path("/top"),
        read_base=lambda _: (BASE, False),
        **more,
    )


def tell(finding: Finding | ProbePlan) -> tuple[str, str]:
    assert isinstance(finding, Finding)
    return finding.evidence.result.value, finding.evidence.detail


def outcome(nodeid: str, how: str) -> TestOutcome:
    return TestOutcome(nodeid=nodeid, outcome=how)


@pytest.mark.parametrize(
    ("subject", "reason"),
    [
        (make_subject(), "no other test that passed before runs the changed lines"),
        (make_subject(covering_problem="no coverage"), "no coverage"),
        (make_subject(covering_problem="no coverage", note="a note"), "a note; no coverage"),
        (
            make_subject(BASE.replace(b"x = 1", b"x = 2"), covering=("t",)),
            "the changed lines are in no function",
        ),
    ],
)
def test_it_does_not_apply(subject: Subject, reason: str) -> None:
    assert PROBE.plan(subject) == reason


def test_withheld_cases_need_no_session() -> None:
    subject = make_subject(outcomes=(outcome("t[1]", "passed"),), covering=("u",), note="a note")
    assert PROBE.plan(subject) == ProbePlan()
    assert tell(PROBE.verdict(subject, ())) == ("passed", "1 withheld case passed (a note)")
    red = make_subject(outcomes=(outcome("t[1]", "passed"), outcome("t[2]", "failed")))
    finding = PROBE.verdict(red, ())
    assert tell(finding) == ("failed", "1 of 2 withheld cases failed")
    assert isinstance(finding, Finding)
    assert [one.nodeid for one in finding.red] == ["t[2]"]


def test_a_session_on_either_side() -> None:
    plan = PROBE.plan(make_subject(covering=("t", "u")))
    assert isinstance(plan, ProbePlan)
    tasks = [step.task for step in plan.steps]
    assert [step.has_change for step in plan.steps] == [False, True]
    assert [task.ids for task in tasks if isinstance(task, Task)] == [("t", "u")] * 2
    assert all(isinstance(task, Task) and list(task.trace) == ["/top/a.py"] for task in tasks)


def test_tests_of_different_functions_come_first() -> None:
    covering = [f"a[{number}]" for number in range(30)] + ["b", "c[1]", "c[2]"]
    chosen = choose_tests(covering)
    assert chosen[:5] == ("a[0]", "b", "c[1]", "a[1]", "c[2]")
    assert len(chosen) == len(set(chosen)) == 20
    assert choose_tests(["t"]) == ("t",)


def find(base: dict[str, TracedTest], change: dict[str, TracedTest], *more: str) -> Any:
    subject = make_subject(covering=(*base, *more))
    return PROBE.verdict(subject, (traced_run(base), traced_run(change)))


def test_tests_that_depend_on_the_change() -> None:
    base, change = {"t": SAME, "u": SAME, "v": SAME}, {"t": OTHER, "u": SAME, "v": OTHER}
    again = find(base, change)
    assert again == PROBE.plan(make_subject(covering=tuple(base)))
    runs = (traced_run(base), traced_run(change))
    two = (
        "2 tests that the agent was not shown pass, and the changed code does something else in "
        "them than without the change"
    )
    subject = make_subject(covering=tuple(base))
    assert tell(PROBE.verdict(subject, (*runs, *runs))) == ("passed", two)
    once = traced_run({**change, "v": THIRD})
    one = (
        "1 test that the agent was not shown passes, and the changed code does something else in "
        "it than without the change"
    )
    assert tell(PROBE.verdict(subject, (*runs, runs[0], once))) == ("passed", one)


NOT_APPLICABLE = ProbeResult.NOT_APPLICABLE.value
PAST = (
    "3 tests that were not shown run past the changed lines, and do the same there without the "
    "change"
)


def test_why_no_test_counts() -> None:
    same = {"t": SAME, "u": SAME, "v": SAME}
    assert tell(find(same, same)) == (NOT_APPLICABLE, PAST)
    hidden = same | {"w": HIDDEN, "x": HIDDEN}
    assert tell(find(hidden, hidden)) == (
        NOT_APPLICABLE,
        f"{PAST}; 2 more cannot be compared: a process is started",
    )
    assert tell(find({"t": HIDDEN}, {"t": SAME})) == (
        NOT_APPLICABLE,
        (
            "1 test that was not shown runs the changed lines and cannot be compared: a process is "
            "started"
        ),
    )
    many = {f"t{number}": SAME for number in range(25)}
    assert tell(find(many, many))[1].endswith("; 5 more were not looked at")
    assert tell(find(same, same, *(f"t[{number}]" for number in range(18))))[1] == (
        f"{PAST}; 17 more cannot be compared: not passed while calls are recorded; 1 more was not "
        "looked at"
    )


def test_sessions_that_cannot_be_believed() -> None:
    subject = make_subject(covering=("t",), note="a note")
    broken = traced_run({"t": SAME}, problem="something else traces this process")
    for runs in ((broken, traced_run({"t": OTHER})), (traced_run({"t": OTHER}), broken)):
        assert tell(PROBE.verdict(subject, runs)) == (
            NOT_APPLICABLE,
            (
                "a note; what tests do at the changed lines could not be recorded: something else "
                "traces this process"
            ),
        )
