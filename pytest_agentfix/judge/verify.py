"""Send one change set through all probes that run something.

The targets come first and alone: most insufficient changes fail there. The change is undone in the
sandbox in which they were green. All other probes get a fresh sandbox each, where nothing another
run left behind can hinder or help them, and run in parallel. Their results are read in a fixed
order; after a failure the remaining ones are stopped and ignored.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, Cluster, Neighbours, ReadBase, TestOutcome
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.judge.changed_lines import find_changed_lines, undo
from pytest_agentfix.judge.cheat_probes import (
    LEFT_BEHIND,
    probe_canary,
    probe_clone,
    probe_hold_out,
    probe_mutant,
    probe_plain,
    probe_red_green_red,
    probe_report,
)
from pytest_agentfix.judge.findings import Finding, outcomes_of, probe_targets
from pytest_agentfix.judge.impact import find_impact
from pytest_agentfix.judge.regressions import (
    Coverage,
    PendingRegressions,
    RegressionQuery,
    RegressionRunner,
)
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import OpenSandbox, ParallelSessions, SessionRunner
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import PlainRun, Sessions
from pytest_agentfix.judge.variants.plan import PlainPlan, VariantPlan

# Findings in groups that belong together.
Groups = Generator[Sequence[Finding], None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A change set, and what is known about it beforehand.

    ``red_on_base`` are the targets that fail on the base. ``withheld`` were kept from the agent;
    ``note`` says why no more were withheld. ``is_coverage_needed``: somebody will ask which tests
    run the changed lines.
    """

    cluster: Cluster
    changes: ChangeSet
    variant_plan: VariantPlan
    red_on_base: tuple[str, ...]
    withheld: tuple[str, ...]
    note: str
    is_coverage_needed: bool
    top: Path
    read_base: ReadBase
    deadline: float


@dataclass(slots=True)
class ProbeResults:
    """The probes' findings by name; a failure is never replaced by a later success."""

    by_name: dict[str, Finding] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)
    neighbours: Neighbours = field(default_factory=Neighbours)

    def add(self, finding: Finding) -> None:
        """Record a finding, unless its probe has already failed."""
        known = self.by_name.get(finding.probe.name)
        if known is None or not known.has_failed:
            self.by_name[finding.probe.name] = finding

    @property
    def has_failed(self) -> bool:
        """Tell whether any probe speaks against the change."""
        return any(finding.has_failed for finding in self.by_name.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _PendingProbes:
    """The probes that run in parallel once the targets are green."""

    red_green_red: Future[Finding]
    mutants: Future[Finding]
    clones: Future[SessionResult | None]
    plain: Future[Finding]
    regressions: PendingRegressions


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Runs the probes; each session of the targets gets ``patience`` seconds."""

    sessions: Sessions
    open_sandbox: OpenSandbox
    regressions: RegressionRunner
    patience: float
    is_thorough: bool = False

    def verify(self, request: Verification) -> ProbeResults:
        """Run one probe after the other; unless ``is_thorough``, stop at the first that fails."""
        findings = ProbeResults()
        with (
            ParallelSessions(self.sessions, self.open_sandbox) as jobs,
            closing(self._probe(request, findings, jobs)) as steps,
        ):
            for group in steps:
                for finding in group:
                    findings.add(finding)
                if findings.has_failed and not self.is_thorough:
                    break
        return findings

    def _probe(
        self, request: Verification, findings: ProbeResults, jobs: ParallelSessions
    ) -> Groups:
        with ExitStack() as owned:
            sandbox = owned.enter_context(jobs.runner.open_sandbox(request.changes))
            first = self._run(jobs.runner, sandbox, request, self._all_targets(request))
            if first.has_met_time_limit:  # the machine may have been busy
                owned.close()
                sandbox = owned.enter_context(jobs.runner.open_sandbox(request.changes))
                first = self._run(jobs.runner, sandbox, request, self._all_targets(request))
            yield from self._check_targets(request, first)
            pending = self._start_pending(request, jobs, sandbox, owned.pop_all())
        yield (pending.red_green_red.result(),)
        yield (pending.mutants.result(),)
        copies = pending.clones.result()
        yield (probe_clone(request.variant_plan, copies),)
        yield (pending.plain.result(),)
        regressions = pending.regressions.result()
        findings.coverage = regressions.coverage
        findings.neighbours = regressions.neighbours
        runs = (first, *([copies] if copies else []), *regressions.runs)
        last = probe_hold_out(
            _withheld_outcomes(request, first),
            note=request.note,
            covering=regressions.coverage.covering,
            problem=regressions.coverage.problem,
        )
        with_canaries = (first, *([copies] if copies else []), *regressions.with_canaries)
        report, canary = probe_report(runs), probe_canary(request.variant_plan, with_canaries)
        if report.has_failed or canary.has_failed:
            yield (regressions.finding, report, canary)
        yield (regressions.finding,)
        yield (report, canary, last)

    def _start_pending(
        self, request: Verification, jobs: ParallelSessions, sandbox: Sandbox, owned: ExitStack
    ) -> _PendingProbes:
        """Start the longest first; ``owned`` closes the targets' ``sandbox``."""
        regressions = self.regressions.start(self._make_query(request), jobs)
        return _PendingProbes(
            red_green_red=jobs.start(partial(self._undo, request, sandbox, owned)),
            mutants=jobs.start(partial(self._run_mutants, request)),
            clones=jobs.start(partial(self._run_clones, request)),
            plain=jobs.start(partial(self._run_plain_calls, request)),
            regressions=regressions,
        )

    def _check_targets(self, request: Verification, run: SessionResult) -> Groups:
        """Check the one session in which targets and canaries ran."""
        target = probe_targets(request.cluster, run, withheld=request.withheld)
        report, canary = probe_report((run,)), probe_canary(request.variant_plan, (run,))
        if report.has_failed or canary.has_failed:
            # A dishonest session is refused, whatever it says about the targets.
            yield (target, report, canary)
        yield (target,)
        hold_out = probe_hold_out(
            _withheld_outcomes(request, run), note="", covering=(), problem=""
        )
        if hold_out.has_failed:
            yield (hold_out,)

    def _undo(
        self, request: Verification, sandbox: Sandbox, owned: ExitStack, runner: SessionRunner
    ) -> Finding:
        """Undo the change in the sandbox in which it has just been green.

        This distinguishes tests whose runs leave something behind from tests that are green by
        chance.
        """
        gone = dict.fromkeys(request.variant_plan.canary_files)
        base = undo(request.changes, request.read_base, top=request.top)
        task = Task(
            ids=request.red_on_base, files={**gone, **request.variant_plan.test_files, **base}
        )
        with owned:
            run = self._run(runner, sandbox, request, task)
        red_green_red = probe_red_green_red(request.cluster, request.red_on_base, run)
        if not red_green_red.has_failed:
            return red_green_red
        with runner.open_sandbox(ChangeSet()) as another:
            fresh = self._run(runner, another, request, Task(ids=request.red_on_base))
        is_red = not probe_red_green_red(request.cluster, request.red_on_base, fresh).has_failed
        return LEFT_BEHIND if is_red else red_green_red

    def _run_mutants(self, request: Verification, runner: SessionRunner) -> Finding:
        added = request.variant_plan
        if not added.mutants:
            return probe_mutant(added, None)
        with runner.open_sandbox(request.changes) as sandbox:
            task = Task(ids=added.mutants, files=added.mutant_files)
            return probe_mutant(added, self._run(runner, sandbox, request, task))

    def _all_targets(self, request: Verification) -> Task:
        added = request.variant_plan
        return Task(ids=(*request.cluster.targets, *added.canaries), files=added.canary_files)

    def _run_clones(self, request: Verification, runner: SessionRunner) -> SessionResult | None:
        """Run the clones where no original has run: it may leave something a copy cannot bear.

        Nor do they run together with the regression run: code that wants to recognise a copy would
        find the original there, and leftovers of other tests might make a copy pass.
        """
        added = request.variant_plan
        if not added.clones:
            return None
        task = Task(ids=added.added_ids, files=added.added_files)
        with runner.open_sandbox(request.changes) as sandbox:
            run = self._run(runner, sandbox, request, task)
        if not run.has_met_time_limit:
            return run
        with runner.open_sandbox(request.changes) as sandbox:
            return self._run(runner, sandbox, request, task)

    def _run_plain_calls(self, request: Verification, runner: SessionRunner) -> Finding:
        added = request.variant_plan
        if not added.plain:
            return probe_plain(added, ())
        with runner.open_sandbox(request.changes) as sandbox:
            calls = [self._call(runner, sandbox, request, plan) for plan in added.plain]
        return probe_plain(added, calls)

    @staticmethod
    def _make_query(request: Verification) -> RegressionQuery:
        return RegressionQuery(
            cluster=request.cluster,
            changes=request.changes,
            variant_plan=request.variant_plan,
            cover=find_changed_lines(request.changes, request.read_base, top=request.top),
            impact=find_impact(request.changes, request.read_base, top=request.top),
            deadline=request.deadline,
            is_coverage_needed=request.is_coverage_needed,
        )

    def _run(
        self, runner: SessionRunner, sandbox: Sandbox, request: Verification, task: Task
    ) -> SessionResult:
        return runner.sessions.run_in_time(
            sandbox,
            task,
            request.deadline,
            patience=self.patience,
            is_tallied=request.variant_plan.is_tallied,
            usual_end=request.variant_plan.usual_end,
        )

    def _call(
        self, runner: SessionRunner, sandbox: Sandbox, request: Verification, plan: PlainPlan
    ) -> PlainRun:
        order = {**plan.order, "sys_path": list(request.variant_plan.sys_path)}
        files = request.variant_plan.test_files
        return runner.sessions.run_plain(
            sandbox, order, files, request.deadline, patience=self.patience
        )


def _withheld_outcomes(request: Verification, run: SessionResult) -> Sequence[TestOutcome]:
    return [
        outcome
        for target in request.withheld
        for outcome in outcomes_of(request.cluster, target, run.report)
    ]
