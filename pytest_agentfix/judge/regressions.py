"""The regression run: rerun what passed before, in a shuffled order and in the suite's own.

The shuffled run is the one that counts. Tests that are red in that order on the base too depend on
one another; they are run once more in the suite's own order, so that a suite with such tests is
judged no more gently and no more harshly than any other.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace

from pytest_agentfix.core.model import ChangeSet, Cluster, Probe, TestOutcome
from pytest_agentfix.judge.impact import Impact
from pytest_agentfix.judge.probes import (
    NOTHING_ELSE_PASSED,
    Finding,
    OrderBaseline,
    has_red,
    probe_regressions,
)
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import SessionRunner
from pytest_agentfix.judge.sessions.run_report import RunReport
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.suite_facts import RunOrder, SuiteFacts
from pytest_agentfix.judge.variants.plan import VariantPlan

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionQuery:
    """A change set to run the other tests with.

    ``cover`` are the changed lines, ``impact`` the changed functions. ``also`` are the only tests
    to run; ``None`` means all that passed before.
    """

    cluster: Cluster
    changes: ChangeSet
    variant_plan: VariantPlan
    cover: Mapping[str, Sequence[int]]
    impact: Impact
    deadline: float
    also: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The tests that ran a change in one session.

    ``covering`` ran a changed line and passed; ``problem`` says why these are not known.
    ``reaching`` passed and may have run a changed function; ``is_known`` means there are no others.
    """

    covering: tuple[str, ...] = ()
    problem: str = ""
    reaching: tuple[str, ...] = ()
    is_known: bool = False

    @property
    def all(self) -> tuple[str, ...]:
        """Both groups, starting with the tests that ran a changed line."""
        return tuple(dict.fromkeys((*self.covering, *self.reaching)))

    @classmethod
    def read(cls, run: SessionResult, ids: AbstractSet[str], impact: Impact) -> Coverage:
        """Read the coverage of ``ids`` from ``run``."""
        report = run.report
        outcomes = (one for nodeid in ids for one in _outcomes_in(report, nodeid))
        passed = {outcome.nodeid for outcome in outcomes if outcome.is_passed}
        is_measured = not (report.cover_problem or report.reaching_unknown_reason or run.trouble)
        return cls(
            covering=tuple(nodeid for nodeid in report.covered if nodeid in passed),
            problem=report.cover_problem,
            reaching=tuple(nodeid for nodeid in report.reaching if nodeid in passed),
            is_known=is_measured and not impact.unknown_reason and bool(impact.lines),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionResult:
    """The result of a regression run. ``runs`` are its sessions with canaries in them."""

    finding: Finding
    runs: tuple[SessionResult, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)


class RegressionRunner:
    """Runs what passed before; any thread may use it.

    ``passed`` is read anew each time, so a caller may add to it. ``whole_suite`` are node ids of
    the whole suite (folders); if given, what passes of it on the base has to stay green as well.
    """

    def __init__(
        self, passed: Sequence[str], suite: SuiteFacts, *, whole_suite: Sequence[str] = ()
    ) -> None:
        self._passed = passed
        self._suite = suite
        self._whole_suite = whole_suite

    @property
    def seed(self) -> int | None:
        """The seed of the shuffled order."""
        return self._suite.shuffled.seed

    def run(self, query: RegressionQuery, runner: SessionRunner) -> RegressionResult:
        """Run the tests with the changes; raises as ``Sessions.run_in_time`` does."""
        ids = self._find(query, runner)
        if not ids:
            no_coverage = Coverage(problem=NOTHING_ELSE_PASSED.probe.detail, is_known=True)
            return RegressionResult(finding=NOTHING_ELSE_PASSED, coverage=no_coverage)
        shuffled, added = self._suite.shuffled, query.variant_plan
        task = Task(
            ids=(*ids, *added.canaries),
            files=added.canary_files,
            shuffle=shuffled.seed,
            cover=query.cover,
            around=query.impact.lines,
        )
        with runner.open_sandbox(query.changes) as sandbox:
            run = runner.sessions.run_in_time(
                sandbox, task, query.deadline, is_tallied=added.is_tallied
            )
        base = self._compare(shuffled, ids, run, query, runner)
        finding = probe_regressions(ids, run, base, order=f", shuffled (seed {shuffled.seed})")
        excused = frozenset(ids) & base.red
        coverage = Coverage.read(run, frozenset(ids), query.impact)
        if excused and not finding.has_failed:
            finding, is_same = self._run_in_usual_order(ids, query, runner, finding, excused)
            # Tests green in one order only were not measured in that order.
            coverage = replace(coverage, is_known=coverage.is_known and is_same)
        return RegressionResult(finding=finding, runs=(run,), coverage=coverage)

    def _run_in_usual_order(
        self,
        ids: Sequence[str],
        query: RegressionQuery,
        runner: SessionRunner,
        shuffled: Finding,
        excused: AbstractSet[str],
    ) -> tuple[Finding, bool]:
        """Return the finding about both orders, and whether the second told nothing new."""
        with runner.open_sandbox(query.changes) as sandbox:
            run = runner.sessions.run_in_time(sandbox, Task(ids=ids), query.deadline)
        base = self._compare(self._suite.usual, ids, run, query, runner)
        finding = probe_regressions(ids, run, base, order=", in the suite's own order")
        if finding.has_failed:
            return finding, False
        is_same = excused <= base.red  # they cannot pass in any order: nothing new was found
        return (shuffled if is_same else _join_details(finding, shuffled)), is_same

    def _compare(
        self,
        order: RunOrder,
        ids: Sequence[str],
        run: SessionResult,
        query: RegressionQuery,
        runner: SessionRunner,
    ) -> OrderBaseline:
        """Return the base's results in ``order``; the base is run only if something is red."""
        if not has_red(ids, run):
            return OrderBaseline()
        if query.also is not None:  # a part of the suite has a baseline of its own
            order = RunOrder(order.seed)
        return _run_on_base(order, ids, query.deadline, runner)

    def _find(self, query: RegressionQuery, runner: SessionRunner) -> tuple[str, ...]:
        targets = frozenset(query.cluster.targets)
        known: Sequence[str] = query.also or ()
        if query.also is None:
            known = (*self._passed, *self._find_suite(query.deadline, runner))
        return drop_contained(nodeid for nodeid in known if nodeid not in targets)

    def _find_suite(self, deadline: float, runner: SessionRunner) -> tuple[str, ...]:
        """List what passes of the whole suite on the base, if that was asked for."""
        if not self._whole_suite:
            return ()

        def ask() -> tuple[str, ...]:
            report = _run_base(Task(ids=self._whole_suite), deadline, runner).report
            return tuple(i for i in report.collected if report.outcome_of(i).is_passed)

        with runner.sessions.hold(self._suite.suite_lock, deadline):
            return self._suite.find_suite(ask)


def drop_contained(ids: Iterable[str]) -> tuple[str, ...]:
    """Return each of ``ids`` once, without those that lie in a collector among them.

    If a module could not be collected, the module was repaired and has to stay green as a whole.
    """
    known = dict.fromkeys(ids)
    return tuple(one for one in known if not any(above in known for above in _list_above(one)))


def _list_above(nodeid: str) -> Iterator[str]:
    names = nodeid.partition("[")[0].split("::")
    for count in range(1, len(names)):
        yield "::".join(names[:count])


def _outcomes_in(report: RunReport, nodeid: str) -> tuple[TestOutcome, ...]:
    """Return the outcome of an item, or those of a collector's items."""
    known = report.outcomes.get(nodeid)
    return report.items_below(nodeid) if known is None else (known,)


def _run_on_base(
    order: RunOrder, ids: Sequence[str], deadline: float, runner: SessionRunner
) -> OrderBaseline:
    """Run ``ids`` without the change, once for all judgements of the base.

    All of them and in order, not only the red ones: a test that depends on another one's traces
    would be red alone, and breaking it would be excused.
    """
    with runner.sessions.hold(order.lock, deadline):
        unseen = [nodeid for nodeid in ids if nodeid not in order.seen]
        if unseen:
            run = _run_base(Task(ids=unseen, shuffle=order.seed), deadline, runner)
            red = {nodeid for nodeid in unseen if not run.report.outcome_below(nodeid).is_passed}
            _log.debug("%d of %d tests are red on the base", len(red), len(unseen))
            order.baseline = OrderBaseline(
                red=order.baseline.red | red, trouble=order.baseline.trouble or run.trouble
            )
            order.seen.update(unseen)
        return order.baseline


def _run_base(task: Task, deadline: float, runner: SessionRunner) -> SessionResult:
    with runner.open_sandbox(ChangeSet()) as sandbox:
        return runner.sessions.run_in_time(sandbox, task, deadline)


def _join_details(finding: Finding, other: Finding) -> Finding:
    """Return the first of two findings that did not fail, with the details of both."""
    probe = finding.probe
    detail = f"{probe.detail}; {other.probe.detail}"
    return Finding(probe=Probe(probe.name, probe.result, detail))
