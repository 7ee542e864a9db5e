"""A probe of another plugin's, whose own mistakes never become a verdict on a change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import Probe, ProbePlan, Result, Subject

T = TypeVar("T")

logger = logging.getLogger(__name__)


class ForeignProbe:
    """Implements ``Probe`` with another one, called only while ``lock`` is held.

    ``report`` takes a line for each answer that is none.
    """

    def __init__(
        self, probe: Probe, lock: AbstractContextManager[object], report: Callable[[str], None]
    ) -> None:
        self._probe = probe
        self._lock = lock
        self._report = report
        self.name = probe.name
        self.is_refusing = bool(getattr(probe, "is_refusing", False))

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return the sessions to run, or why the probe does not apply or failed to say."""
        return self._ask(lambda: self._probe.plan(subject), (ProbePlan, str))

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding | ProbePlan:
        """Return its finding under its own name, or that it does not apply."""
        answer = self._ask(lambda: self._probe.verdict(subject, results), (Finding, ProbePlan))
        if isinstance(answer, str):
            return Finding.impossible(self.name, answer)
        if isinstance(answer, ProbePlan):
            return answer
        return replace(answer, evidence=replace(answer.evidence, name=self.name))

    def _ask(self, question: Callable[[], T], kinds: tuple[type, ...]) -> T | str:
        try:
            with self._lock:
                answer = question()
        except (Exception, SystemExit) as error:
            logger.warning("the probe %s raised", self.name, exc_info=True)
            self._report(f"raised {type(error).__name__}: {error}")
            return f"it raised {type(error).__name__}"
        if isinstance(answer, kinds):
            return answer
        given = type(answer).__name__
        self._report(f"returned {given}")
        return f"it returned {given}"
