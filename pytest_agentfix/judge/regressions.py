"""The regression run: rerun what passed before, in several orders.

The suite's own order is the one that the user will see. In a shuffled one, and in its reverse, each
two tests meet both ways round: a change that lets one test disturb another is seen in one of them.
No test counts against a change because it is red once: see ``repetition.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import zip_longest
from typing import Final

from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Excuse,
    Neighbours,
    TestOutcome,
)
from pytest_agentfix.judge.findings import (
    NOTHING_ELSE_PASSED,
    PASS_TO_PASS,
    Finding,
    count_tests,
    fail_untrusted,
    name_tests,
    summarise,
)
from pytest_agentfix.judge.impact import Impact
from pytest_agentfix.judge.repetition import OrderResult, Repetition
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import ParallelSessions, SessionRunner
from pytest_agentfix.judge.sessions.run_report import RunReport
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.suite_facts import SuiteFacts
from pytest_agentfix.judge.variants.plan import VariantPlan

# Seconds that a session may take for the suite to be run in a third order as well.
QUICK: Final = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionQuery:
    """A change set to run the other tests with.

    ``cover`` are the changed lines, ``impact`` the changed functions; both are looked at only where
    ``is_coverage_needed``. ``also`` are the only tests to run; ``None`` means all that passed
    before.
    """

    cluster: Cluster
    changes: ChangeSet
    variant_plan: VariantPlan
    cover: Mapping[str, Sequence[int]]
    impact: Impact
    deadline: float
    is_coverage_needed: bool = True
    also: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """The tests that ran a change in one session.

    ``covering`` ran a changed line and passed; ``problem`` says why these are not known.
    ``reaching`` passed and may have run a changed function; the ``unmeasured`` were red in that
    session and passed in another. ``is_known`` means there are no others.
    """

    covering: tuple[str, ...] = ()
    problem: str = ""
    reaching: tuple[str, ...] = ()
    unmeasured: tuple[str, ...] = ()
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


NOT_ASKED: Final = Coverage(problem="nobody recorded which tests run the changed lines")


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionResult:
    """The result of a regression run.

    ``runs`` are sessions with the change, one for each order.
    """

    finding: Finding
    runs: tuple[SessionResult, ...] = ()
    coverage: Coverage = field(default_factory=Coverage)
    neighbours: Neighbours = field(default_factory=Neighbours)


class RegressionRunner:
    """Runs what passed before; any thread may use it.

    ``passed`` is read anew each time, so a caller may add to it. ``whole_suite`` are node ids of
    the whole suite (folders); if given, what passes of it on the base has to stay green as well.
    """

    def __init__(
        self, passed: Sequence[str], suite: SuiteFacts, *, whole_suite: Sequence[str] = ()
    ) -> None:
        self._passed = passed
        self.suite = suite
        self._whole_suite = whole_suite

    @property
    def has_tests(self) -> bool:
        """Tell whether there is anything to run."""
        return bool(self._passed or self._whole_suite)

    def start(self, query: RegressionQuery, jobs: ParallelSessions) -> PendingRegressions:
        """Start the sessions of a regression run."""
        return PendingRegressions(
            query=query,
            suite=self.suite,
            runner=jobs.runner,
            shuffled=jobs.start(partial(self._run_shuffled, query)),
            others=jobs.start(partial(self._run_others, query)),
        )

    def _run_shuffled(self, query: RegressionQuery, runner: SessionRunner) -> _FirstRun | None:
        """Run the tests with the additions, which would disturb the suite's own order."""
        added = query.variant_plan
        ids = self._find(query, runner)
        is_covered = query.is_coverage_needed and self.suite.can_bear_coverage
        task = Task(
            ids=(*ids, *added.canaries),
            files=added.canary.files,
            order=self.suite.shuffled,
            cover=query.cover if is_covered else {},
            around=query.impact.lines if is_covered else {},
        )
        return _run_first(ids, task, query, runner) if ids else None

    def _run_others(self, query: RegressionQuery, runner: SessionRunner) -> list[_FirstRun]:
        """Run the tests in the suite's own order, and reversely shuffled where that is quick."""
        ids = self._find(query, runner)
        if not ids:
            return []
        usual = _run_first(ids, Task(ids=ids, order=self.suite.usual), query, runner)
        if usual.run.completed.seconds > QUICK or len(ids) == 1:
            return [usual]
        task = Task(ids=ids, order=self.suite.reversed)
        return [usual, _run_first(ids, task, query, runner)]

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
            with runner.open_sandbox(ChangeSet()) as sandbox:
                task = Task(ids=self._whole_suite)
                report = runner.sessions.run_in_time(sandbox, task, deadline).report
            return tuple(i for i in report.collected if report.outcome_of(i).is_passed)

        with runner.sessions.hold(self.suite.suite_lock, deadline):
            return self.suite.find_suite(ask)


@dataclass(frozen=True, slots=True, kw_only=True)
class _FirstRun:
    """The first session with the change in one order."""

    ids: tuple[str, ...]
    task: Task
    run: SessionResult


def _run_first(
    ids: tuple[str, ...], task: Task, query: RegressionQuery, runner: SessionRunner
) -> _FirstRun:
    with runner.open_sandbox(query.changes) as sandbox:
        run = runner.sessions.run_in_time(
            sandbox,
            task,
            query.deadline,
            usual=query.variant_plan.usual,
        )
    return _FirstRun(ids=ids, task=task, run=run)


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingRegressions:
    """A regression run that is under way."""

    query: RegressionQuery
    suite: SuiteFacts
    runner: SessionRunner
    shuffled: Future[_FirstRun | None]
    others: Future[list[_FirstRun]]

    def result(self) -> RegressionResult:
        """Wait for the sessions, and repeat them as far as red tests make that necessary.

        Raises as ``Sessions.run_in_time`` does.
        """
        others, shuffled = self.others.result(), self.shuffled.result()
        if shuffled is None:
            no_coverage = Coverage(problem=NOTHING_ELSE_PASSED.evidence.detail, is_known=True)
            return RegressionResult(finding=NOTHING_ELSE_PASSED, coverage=no_coverage)
        first = [*others, shuffled]
        results: list[OrderResult] = []
        known_red = frozenset[str]()  # in an order of the base
        for one in first:
            results.append(self._settle(one, known_red))
            known_red |= results[-1].excused.keys() - results[-1].passed
            if results[-1].broken or results[-1].trouble:
                break
        neighbours = make_neighbours(shuffled.ids, results)
        finding = _make_finding(neighbours, results, first[len(results) - 1].run)
        return RegressionResult(
            finding=finding,
            # A session that was stopped counts as it ended when it was run again.
            runs=tuple(
                result.last if result and one.run.has_met_time_limit else one.run
                for one, result in zip_longest(first, results)
            ),
            coverage=self._read_coverage(shuffled, neighbours),
            neighbours=neighbours,
        )

    def _settle(self, first: _FirstRun, known_red: AbstractSet[str]) -> OrderResult:
        order = first.task.order
        repetition = Repetition(
            order=order,
            ids=first.ids,
            known_red=known_red,
            # What a part of the suite does without the rest of it says nothing about the whole.
            always_red=self.suite.always_red(order) if self.query.also is None else {},
            changes=self.query.changes,
            suite=self.suite,
            deadline=self.query.deadline,
            runner=self.runner,
        )
        result = repetition.settle(first.run)
        if first.task.cover and any(nodeid in result.passed for nodeid in result.excused):
            self.suite.forgo_coverage()
        return result

    def _read_coverage(self, shuffled: _FirstRun, neighbours: Neighbours) -> Coverage:
        if not shuffled.task.cover:
            return NOT_ASKED
        coverage = Coverage.read(shuffled.run, frozenset(shuffled.ids), self.query.impact)
        never_passed = {outcome.nodeid for outcome in neighbours.unjudged}
        report = shuffled.run.report
        unmeasured = tuple(
            nodeid
            for nodeid in shuffled.ids
            if nodeid not in never_passed and not report.outcome_below(nodeid).is_passed
        )
        return replace(coverage, unmeasured=unmeasured)


def make_neighbours(ids: Sequence[str], results: Sequence[OrderResult]) -> Neighbours:
    """Put together what the orders say about ``ids``."""
    broken = {outcome.nodeid: outcome for result in results for outcome in result.broken}
    passed = frozenset[str]().union(*(result.passed for result in results))
    reasons: dict[str, str] = {}
    on_base: dict[str, TestOutcome] = {}
    for result in reversed(results):
        reasons |= result.excused
        on_base |= result.red_on_base
    return Neighbours(
        total=len(ids),
        broken=tuple(broken.values()),
        excused=tuple(
            Excuse(nodeid, reasons[nodeid])
            for nodeid in ids
            if nodeid in reasons and nodeid in passed and nodeid not in broken
        ),
        unjudged=tuple(
            on_base.get(nodeid) or TestOutcome(nodeid=nodeid, outcome="missing")
            for nodeid in ids
            if nodeid not in passed and nodeid not in broken
        ),
    )


def _make_finding(
    neighbours: Neighbours, results: Sequence[OrderResult], last: SessionResult
) -> Finding:
    if neighbours.broken:
        red = neighbours.broken
        where = results[-1].order
        names = name_tests([outcome.nodeid for outcome in red])
        detail = f"{summarise(red)} with the change, {where}: {names}"
        return Finding.failed(PASS_TO_PASS, detail, red=red)
    if results[-1].trouble:
        outcomes = [last.report.outcome_below(nodeid) for nodeid in results[-1].passed]
        return fail_untrusted(PASS_TO_PASS, last, outcomes)
    notes = _describe_exceptions(neighbours)
    if not neighbours.judged:
        detail = "; ".join(["nothing else that passed before can be judged", *notes])
        return Finding.impossible(PASS_TO_PASS, detail)
    detail = f"{count_tests(neighbours.judged)} still passed, {_describe_orders(results)}"
    return Finding.passed(PASS_TO_PASS, "; ".join([detail, *notes]))


def _describe_orders(results: Sequence[OrderResult]) -> str:
    orders = [result.order for result in results]
    seed = next((order.seed for order in orders if order.seed is not None), None)
    both = " both ways" if any(order.is_reversed for order in orders) else ""
    return f"in the suite's own order and shuffled{both} (seed {seed})"


def _describe_exceptions(neighbours: Neighbours) -> list[str]:
    notes = []
    if neighbours.unjudged:
        notes.append(f"{neighbours.judged} of {neighbours.total} judged")
    if neighbours.excused:
        notes.append(f"{len(neighbours.excused)} excused")
    return notes


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
