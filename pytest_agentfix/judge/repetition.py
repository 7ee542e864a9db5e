"""Run tests again that are red with a change, until it is clear what turned them red.

Both sides run exactly the same tests in the same order, one session after the other: in another
composition a test that depends on others would end differently, and beside another session one
that depends on the machine's load would.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import Final

from pytest_agentfix.core.model import ChangeSet, TestOutcome
from pytest_agentfix.judge.sequential_test import MOST_PAIRS, Decision, Tally
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.orders import RunOrder
from pytest_agentfix.judge.sessions.parallel import SessionRunner
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.suite_facts import BaseRun, SuiteFacts

SHARE: Final = 4  # the divisor of the remaining time that the next pair may take

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderResult:
    """The tests as they end with a change in one order.

    ``passed`` were green at least once, ``broken`` count against the change, ``excused`` were red
    for the reason given. ``red_on_base`` are the outcomes without the change. ``trouble`` is that
    of every session with the change and of none without it; ``last`` is the last session with it.
    """

    order: RunOrder
    passed: AbstractSet[str]
    last: SessionResult
    broken: tuple[TestOutcome, ...] = ()
    excused: Mapping[str, str] = field(default_factory=dict)
    red_on_base: Mapping[str, TestOutcome] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repetition:
    """Repeats ``ids`` in one order with and without ``changes``, as often as it takes.

    ``known_red`` are red without the change in another order, ``always_red`` in this one, as far as
    other judgements have found out; it is kept up to date.
    """

    order: RunOrder
    ids: Sequence[str]
    known_red: AbstractSet[str] = frozenset()
    always_red: dict[str, TestOutcome] = field(default_factory=dict)
    changes: ChangeSet
    suite: SuiteFacts
    deadline: float
    runner: SessionRunner

    def settle(self, first: SessionResult) -> OrderResult:
        """Find out what turned the red tests of ``first`` red, a session with the change.

        Raises as ``Sessions.run_in_time`` does.
        """
        red = find_red(self.ids, first)
        passed = frozenset(self.ids) - red.keys()
        for nodeid in passed:
            self.always_red.pop(nodeid, None)
        suspects = [nodeid for nodeid in red if nodeid not in self.always_red]
        if not suspects and not first.trouble:
            return self._add_always_red(
                OrderResult(order=self.order, passed=passed, last=first), red
            )
        tallies = {nodeid: Tally(is_known_red=nodeid in self.known_red) for nodeid in suspects}
        history = _History(tallies=tallies, flaky=self.suite.flaky)
        history.add_with_change(red, first.trouble)
        history.add_base_runs(self._base_runs(1))
        if history.is_newly_red_on_base:
            history.add_base_runs(self._base_runs(2))
        last = first
        for _ in range(MOST_PAIRS):
            if not history.is_open or not self._has_time(first):
                break
            last = self._run(self.changes)
            history.add_with_change(find_red(self.ids, last), last.trouble)
            if history.is_open:
                history.add_base_runs([self._add_base_run()])
        history.note_flaky()
        return self._add_always_red(self._conclude(history, red, passed, last), red)

    def _add_always_red(self, result: OrderResult, red: Mapping[str, TestOutcome]) -> OrderResult:
        """Excuse what is red in this order anyway, as was found out before or just now."""
        known = {nodeid: one for nodeid in red if (one := self.always_red.get(nodeid)) is not None}
        reason = f"red without the change too, {self.order}"
        return replace(
            result,
            excused={**result.excused, **dict.fromkeys(known, reason)},
            red_on_base={**result.red_on_base, **known},
        )

    def _conclude(
        self,
        history: _History,
        red: Mapping[str, TestOutcome],
        passed: AbstractSet[str],
        last: SessionResult,
    ) -> OrderResult:
        broken, excused = [], {}
        for nodeid, decision in history.decide_all():
            _log.debug("%s, %s: %s: %s", nodeid, self.order, decision.name, history.tallies[nodeid])
            if decision is Decision.BROKEN:
                broken.append(red[nodeid])
            elif decision is Decision.RED_ANYWAY:
                self.always_red[nodeid] = history.red_on_base[nodeid]
            else:
                excused[nodeid] = str(history.tallies[nodeid])
        return OrderResult(
            order=self.order,
            passed=passed | history.passed,
            last=last,
            broken=tuple(broken),
            excused=excused,
            red_on_base=history.red_on_base,
            trouble=history.trouble,
        )

    def _has_time(self, first: SessionResult) -> bool:
        pair = 2 * first.completed.seconds
        return pair * SHARE <= self.runner.sessions.remaining(self.deadline) or pair < 1

    def _base_runs(self, number: int) -> Sequence[BaseRun]:
        """Return the sessions on the base so far, at least ``number`` of them."""
        known = self.suite.base_runs(self.order, self.ids)
        with self.runner.sessions.hold(known.lock, self.deadline):
            while len(known.runs) < number:
                known.runs.append(self._run_base())
            return tuple(known.runs)

    def _add_base_run(self) -> BaseRun:
        """Run the base once more: a session of long ago had another load on the machine."""
        known = self.suite.base_runs(self.order, self.ids)
        with self.runner.sessions.hold(known.lock, self.deadline):
            known.runs.append(self._run_base())
            return known.runs[-1]

    def _run_base(self) -> BaseRun:
        run = self._run(ChangeSet())
        return BaseRun(red=find_red(self.ids, run), trouble=run.trouble)

    def _run(self, changes: ChangeSet) -> SessionResult:
        task = Task(ids=self.ids, order=self.order)
        with self.runner.open_sandbox(changes) as sandbox:
            return self.runner.sessions.run_in_time(sandbox, task, self.deadline)


@dataclass(slots=True, kw_only=True)
class _History:
    """The sessions of one order so far. ``flaky`` are tests known to end in two ways."""

    tallies: dict[str, Tally]
    flaky: set[str]
    passed: set[str] = field(default_factory=set)
    red_on_base: dict[str, TestOutcome] = field(default_factory=dict)
    _with_change: list[AbstractSet[str]] = field(default_factory=list)  # red ones of each session
    _on_base: list[BaseRun] = field(default_factory=list)
    _troubles: list[str] = field(default_factory=list)

    def add_with_change(self, red: Mapping[str, TestOutcome], trouble: str) -> None:
        self._with_change.append(red.keys())
        self._troubles.append(trouble)
        for nodeid, tally in self.tallies.items():
            tally.add_with_change(is_red=nodeid in red)
            if nodeid not in red:
                self.passed.add(nodeid)

    def add_base_runs(self, runs: Iterable[BaseRun]) -> None:
        """Count the sessions among ``runs`` that are new."""
        for run in runs:
            if any(run is known for known in self._on_base):
                continue
            self._on_base.append(run)
            self.red_on_base.update(run.red)
            for nodeid, tally in self.tallies.items():
                tally.add_without_change(is_red=nodeid in run.red)

    @property
    def is_newly_red_on_base(self) -> bool:
        """Tell whether a test is red without the change that no other order has shown to be."""
        return any(one.base_red and not one.is_known_red for one in self.tallies.values())

    @property
    def is_open(self) -> bool:
        """Tell whether the answer about any test is open."""
        is_steady = self._is_steady
        return any(
            tally.decide(is_steady=is_steady) is Decision.OPEN for tally in self.tallies.values()
        )

    def decide_all(self) -> Iterator[tuple[str, Decision]]:
        """Yield each suspect with its final answer."""
        is_steady = self._is_steady
        for nodeid, tally in self.tallies.items():
            yield nodeid, tally.decide(is_steady=is_steady, is_last=True)

    def note_flaky(self) -> None:
        """Remember the tests that ended in two ways."""
        self.flaky |= self._find_unsteady()

    @property
    def trouble(self) -> str:
        """The trouble of all sessions with the change, if the base never had it."""
        first = self._troubles[0]
        is_always = all(self._troubles)
        return first if is_always and first not in {run.trouble for run in self._on_base} else ""

    @property
    def _is_steady(self) -> bool:
        return not self.flaky and not self._find_unsteady()

    def _find_unsteady(self) -> set[str]:
        return _find_differing(self._with_change) | _find_differing(
            [run.red.keys() for run in self._on_base]
        )


def _find_differing(sessions: Sequence[AbstractSet[str]]) -> set[str]:
    """Return the tests that are red in some of the sessions only."""
    ever = set().union(*sessions)
    always = set(sessions[0]).intersection(*sessions) if sessions else set()
    return ever - always


def find_red(ids: Iterable[str], run: SessionResult) -> dict[str, TestOutcome]:
    """Return the outcomes of the tests or collectors that did not pass, with a reason for each."""
    outcomes = map(run.report.outcome_below, ids)
    return {one.nodeid: _explain(one, run) for one in outcomes if not one.is_passed}


def _explain(outcome: TestOutcome, run: SessionResult) -> TestOutcome:
    """Add the session's own trouble to a test that it took along."""
    if outcome.detail or not run.trouble:
        return outcome
    return replace(outcome, detail=f"{run.trouble}\n{run.last_words}")
