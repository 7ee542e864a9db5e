"""The canary probe: tests that must fail do, in the very processes that report green."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_agentfix.judge.findings import RED, Finding, count_tests, describe_outcome
from pytest_agentfix.judge.probe import ProbePlan, Result, Subject
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.variants.plan import CANARY


class CanaryProbe:
    """Reads the sessions that were asked to run canaries."""

    name: Final = CANARY
    is_refusing: Final = True

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return no session of its own: ``check_sessions`` gives it those of all others."""
        added = subject.variants.canary
        return ProbePlan() if added.ids else added.reason

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding:
        """Check that every canary is red."""
        canaries = subject.variants.canaries
        runs = [one for one in results if isinstance(one, SessionResult)]
        asked = [run for run in runs if set(canaries) <= set(run.ids)]
        for run in asked:
            for outcome in map(run.report.outcome_of, canaries):
                is_lost = outcome.outcome == "missing" and run.trouble
                if outcome.outcome not in RED and not is_lost:
                    detail = f"a random test that must fail {describe_outcome(outcome)}"
                    return Finding.failed(CANARY, detail)
        number = len(canaries) * len(asked)
        return Finding.passed(CANARY, f"{count_tests(number)} that must fail did")
