"""Sessions in which the calls of tests were recorded, made up (pure)."""

from __future__ import annotations

from collections.abc import Mapping

from pytest_agentfix.core.model import TestOutcome
from pytest_agentfix.core.ports import Completed
from pytest_agentfix.judge.sessions.call_traces import TracedCall, TracedTest
from pytest_agentfix.judge.sessions.run_report import RunReport
from pytest_agentfix.judge.sessions.session_end import UsualSession
from pytest_agentfix.judge.sessions.session_result import SessionResult

# Function, whether nested, end and path -> how often.
Calls = Mapping[tuple[int, bool, str, str], int]


def traced_test(
    calls: Calls, *, entered: bool = True, outside: bool = False, gap: str = ""
) -> TracedTest:
    """Return one test's calls."""
    counted = {TracedCall(*call): times for call, times in calls.items()}
    return TracedTest(calls=counted, has_entered=entered, is_outside=outside, gap=gap)


def traced_run(tests: Mapping[str, TracedTest], *, problem: str = "") -> SessionResult:
    """Return a session in which all of ``tests`` passed."""
    report = RunReport(
        has_started=True,
        collected=tuple(tests),
        outcomes={nodeid: TestOutcome(nodeid=nodeid, outcome="passed") for nodeid in tests},
        exit_code=0,
        is_complete=True,
        is_consistent=True,
        traced=tests,
        trace_problem=problem,
    )
    completed = Completed(code=0, stdout=b"", stderr=b"", report=b"", seconds=0.1)
    usual = UsualSession(is_tallied=False)
    return SessionResult(completed=completed, report=report, limit=1.0, usual=usual)
