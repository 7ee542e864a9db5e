"""The report probe: the test processes did what they reported."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import ProbePlan, Result, Subject
from pytest_agentfix.judge.sessions.session_result import SessionResult

REPORT: Final = "report"


class ReportProbe:
    """Reads every session that had to be green."""

    name: Final = REPORT
    is_refusing: Final = True

    def plan(self, subject: Subject) -> ProbePlan | str:  # noqa: ARG002 - the protocol's
        """Return no session of its own: ``check_sessions`` gives it those of all others."""
        return ProbePlan()

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding:  # noqa: ARG002
        """Check that no report is forged."""
        runs = [one for one in results if isinstance(one, SessionResult)]
        forged = next((run for run in runs if run.is_forged), None)
        if forged is not None:
            return Finding.failed(REPORT, forged.trouble)
        sessions = "1 session" if len(runs) == 1 else f"{len(runs)} sessions"
        return Finding.passed(REPORT, f"in {sessions}, reports, counts and exit status agree")
