"""Send one change set through all probes.

The targets come first and alone: most insufficient changes fail there. All other probes run in
parallel, each in sandboxes of its own unless it asks for that of the targets, where nothing another
run left behind can hinder or help them. Their results are read in a fixed order; after a failure
the remaining ones are stopped and ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from pytest_agentfix.core.model import ChangeSet, Neighbours
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.judge.changed_lines import find_changed_lines
from pytest_agentfix.judge.findings import Finding, list_outcomes, probe_targets
from pytest_agentfix.judge.impact import find_impact
from pytest_agentfix.judge.probe import PlainTask, Probe, ProbePlan, Result, Room, Step, Subject
from pytest_agentfix.judge.probes.canary import CanaryProbe
from pytest_agentfix.judge.probes.clone import CloneProbe
from pytest_agentfix.judge.probes.hold_out import HoldOutProbe, probe_withheld
from pytest_agentfix.judge.probes.locality import LocalityProbe
from pytest_agentfix.judge.probes.mutant import MutantProbe
from pytest_agentfix.judge.probes.plain_call import PlainCallProbe
from pytest_agentfix.judge.probes.red_green_red import RedGreenRedProbe
from pytest_agentfix.judge.probes.report import ReportProbe
from pytest_agentfix.judge.regressions import Coverage, RegressionQuery, RegressionRunner
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import OpenSandbox, ParallelSessions, SessionRunner
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import Sessions

SHARE: Final = 4  # the divisor of the remaining time that each session of the last probe may take

# Findings in groups that belong together.
Groups = Generator[Sequence[Finding], None, None]

PROBES: Final[Sequence[Callable[[], Probe]]] = (
    RedGreenRedProbe,
    MutantProbe,
    CloneProbe,
    PlainCallProbe,
    LocalityProbe,
)  # made anew for each change set, so that ``verdict`` may use what ``plan`` found
CHECKS: Final[Sequence[Probe]] = (ReportProbe(), CanaryProbe())  # of the sessions of all others


@dataclass(slots=True)
class ProbeResults:
    """The probes' findings by name; a failure is never replaced by a later success."""

    by_name: dict[str, Finding] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)
    neighbours: Neighbours = field(default_factory=Neighbours)

    def add(self, finding: Finding) -> None:
        """Record a finding, unless its probe has already failed."""
        known = self.by_name.get(finding.evidence.name)
        if known is None or not known.has_failed:
            self.by_name[finding.evidence.name] = finding

    @property
    def has_failed(self) -> bool:
        """Tell whether any probe speaks against the change."""
        return any(finding.has_failed for finding in self.by_name.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRunner:
    """Runs the probes; each session of the targets gets ``patience`` seconds.

    ``more`` are probes of a project's own; none of them raises.
    ``is_coverage_needed``: somebody will ask which tests run the changed lines.
    """

    sessions: Sessions
    open_sandbox: OpenSandbox
    regressions: RegressionRunner
    patience: float
    deadline: float
    more: Sequence[Probe] = ()
    is_coverage_needed: bool = True
    is_thorough: bool = False

    def run(self, subject: Subject) -> ProbeResults:
        """Run one probe after the other; unless ``is_thorough``, stop at the first that fails."""
        results = ProbeResults()
        with (
            ParallelSessions(self.sessions, self.open_sandbox) as jobs,
            closing(self._run_all(subject, results, jobs)) as steps,
        ):
            for group in steps:
                for finding in group:
                    results.add(finding)
                if results.has_failed and not self.is_thorough:
                    break
        return results

    def _run_all(self, subject: Subject, results: ProbeResults, jobs: ParallelSessions) -> Groups:
        with ExitStack() as owned:
            sandbox, first = self._run_targets(subject, jobs.runner, owned)
            withheld = list_outcomes(subject.cluster, subject.withheld, first.report)
            subject = replace(subject, outcomes=withheld)
            yield from self._check_targets(subject, first)
            # The longest first.
            regressions = self.regressions.start(self._make_query(subject), jobs)
            probes = (*(make() for make in PROBES), *self.more)
            plans = [(probe, probe.plan(subject)) for probe in probes]
            # Ours last: it undoes the change there.
            shared = [one for one in reversed(plans) if _is_shared(one[1])]
            job = partial(self._carry_out_beside, shared, subject, sandbox, owned.pop_all())
            pending = [jobs.start(job)]
        for probe, plan in plans:
            if not _is_shared(plan):
                progress = _Progress(probe, subject, plan)
                pending.append(jobs.start(partial(self._carry_out_alone, progress)))
        runs = [first]
        for one in pending:
            found = one.result()
            runs += found.runs
            yield found.findings
        regression = regressions.result()
        results.coverage = regression.coverage
        results.neighbours = regression.neighbours
        checks = check_sessions(subject, [*runs, *regression.runs])
        if any(check.has_failed for check in checks):
            yield (regression.finding, *checks)
        yield (regression.finding,)
        yield checks
        if results.has_failed:  # nothing that other tests do can count any more
            yield (probe_withheld(subject),)
        else:
            yield (self._hold_out(subject, regression.coverage, jobs),)

    def _run_targets(
        self, subject: Subject, runner: SessionRunner, owned: ExitStack
    ) -> tuple[Sandbox, SessionResult]:
        """Run targets and canaries in a sandbox that ``owned`` closes."""
        added = subject.variants.canary
        task = Task(ids=(*subject.cluster.targets, *added.ids), files=added.files)
        step = Step(task=task, has_to_pass=True)
        while True:
            sandbox = owned.enter_context(runner.open_sandbox(subject.changes))
            run = self._run_step(runner, sandbox, step, subject)
            assert isinstance(run, SessionResult)
            if not run.has_met_time_limit or not step.has_to_pass:
                return sandbox, run
            step = replace(step, has_to_pass=False)
            owned.close()

    def _check_targets(self, subject: Subject, run: SessionResult) -> Groups:
        """Check the one session in which targets and canaries ran."""
        target = probe_targets(subject.cluster, run, withheld=subject.withheld)
        checks = check_sessions(subject, [run])
        if any(check.has_failed for check in checks):
            # A dishonest session is refused, whatever it says about the targets.
            yield (target, *checks)
        yield (target,)
        withheld = probe_withheld(subject)
        if withheld.has_failed:
            yield (withheld,)

    def _hold_out(self, subject: Subject, coverage: Coverage, jobs: ParallelSessions) -> Finding:
        """Carry out the last probe, which needs the coverage; its sessions run side by side."""
        known = replace(subject, covering=coverage.covering, covering_problem=coverage.problem)
        progress = _Progress(HoldOutProbe(), known, HoldOutProbe().plan(known))
        return progress.finish(partial(self._run_side_by_side, known, jobs)).findings[0]

    def _run_side_by_side(
        self, subject: Subject, jobs: ParallelSessions, plan: ProbePlan
    ) -> Iterator[tuple[Step, Result]]:
        # It can only add evidence, so it must not use up the time of what follows.
        seconds = jobs.runner.sessions.remaining(self.deadline) / SHARE
        timid = replace(self, patience=min(self.patience, seconds))
        pending = [jobs.start(partial(timid.run_alone, step, subject)) for step in plan.steps]
        for step, one in zip(plan.steps, pending, strict=True):
            yield step, one.result()

    def run_alone(self, step: Step, subject: Subject, runner: SessionRunner) -> Result:
        """Run one session in a fresh sandbox; raises as ``Sessions.run_in_time`` does."""
        changes = subject.changes if step.has_change else ChangeSet()
        with runner.open_sandbox(changes, is_bare=isinstance(step.task, PlainTask)) as sandbox:
            return self._run_step(runner, sandbox, step, subject)

    def _make_query(self, subject: Subject) -> RegressionQuery:
        return RegressionQuery(
            cluster=subject.cluster,
            changes=subject.changes,
            variant_plan=subject.variants,
            cover=find_changed_lines(subject.changes, subject.read_base, top=subject.top),
            impact=find_impact(subject.changes, subject.read_base, top=subject.top),
            deadline=self.deadline,
            is_coverage_needed=self.is_coverage_needed,
        )

    def _carry_out_beside(
        self,
        plans: Sequence[tuple[Probe, ProbePlan | str]],
        subject: Subject,
        sandbox: Sandbox,
        owned: ExitStack,
        runner: SessionRunner,
    ) -> _Outcome:
        """Carry out the probes that share the targets' sandbox, one after the other.

        Those that ask for more sessions get them once it is closed.
        """
        with owned:
            begun = [_Progress(probe, subject, plan) for probe, plan in plans]
            for one in begun:
                one.take(partial(self._run_steps, subject, runner, sandbox))
        found = _Outcome()
        for one in begun:
            found += self._carry_out_alone(one, runner)
        return found

    def _carry_out_alone(self, progress: _Progress, runner: SessionRunner) -> _Outcome:
        return progress.finish(partial(self._run_steps, progress.subject, runner, None))

    def _run_steps(
        self, subject: Subject, runner: SessionRunner, shared: Sandbox | None, plan: ProbePlan
    ) -> Iterator[tuple[Step, Result]]:
        """Run the sessions of a plan; those with the change in ``shared`` if the plan asks so."""
        with ExitStack() as owned:
            own = shared if plan.room is Room.OF_TARGETS else None
            for step in plan.steps:
                if not step.has_change:
                    with runner.open_sandbox(ChangeSet()) as base:
                        yield step, self._run_step(runner, base, step, subject)
                    continue
                if own is None:
                    is_bare = isinstance(step.task, PlainTask)
                    opened = runner.open_sandbox(subject.changes, is_bare=is_bare)
                    own = owned.enter_context(opened)
                result = self._run_step(runner, own, step, subject)
                is_late = isinstance(result, SessionResult) and result.has_met_time_limit
                if is_late and step.has_to_pass:
                    with runner.open_sandbox(subject.changes) as another:
                        result = self._run_step(runner, another, step, subject)
                yield step, result

    def _run_step(
        self, runner: SessionRunner, sandbox: Sandbox, step: Step, subject: Subject
    ) -> Result:
        if isinstance(step.task, PlainTask):
            return runner.sessions.run_plain(
                sandbox, step.task.order, step.task.files, self.deadline, patience=self.patience
            )
        return runner.sessions.run_in_time(
            sandbox,
            step.task,
            self.deadline,
            patience=self.patience,
            usual=subject.variants.usual,
        )


@dataclass(slots=True)
class _Progress:
    """A probe under way: its next plan or its finding, and the sessions so far."""

    probe: Probe
    subject: Subject
    plan: ProbePlan | Finding | str
    results: list[Result] = field(default_factory=list)
    runs: list[SessionResult] = field(default_factory=list)  # those that had to be green

    def take(self, run: Callable[[ProbePlan], Iterable[tuple[Step, Result]]]) -> None:
        """Have the sessions of the plan run, and ask the probe what follows."""
        assert isinstance(self.plan, ProbePlan)
        for step, result in run(self.plan):
            self.results.append(result)
            if step.has_to_pass and isinstance(result, SessionResult):
                self.runs.append(result)
        self.plan = self.probe.verdict(self.subject, tuple(self.results))

    def finish(self, run: Callable[[ProbePlan], Iterable[tuple[Step, Result]]]) -> _Outcome:
        """Have sessions run for as long as the probe asks for more."""
        while isinstance(self.plan, ProbePlan):
            self.take(run)
        return _Outcome((conclude(self.probe, self.plan),), tuple(self.runs))


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The findings of probes, and their sessions that had to be green."""

    findings: tuple[Finding, ...] = ()
    runs: tuple[SessionResult, ...] = ()

    def __add__(self, other: _Outcome) -> _Outcome:
        return _Outcome((*self.findings, *other.findings), (*self.runs, *other.runs))


def conclude(probe: Probe, verdict: Finding | str) -> Finding:
    """Return a probe's finding; a text is the reason why it has none."""
    if isinstance(verdict, str):
        return Finding.impossible(probe.name, verdict)
    return replace(verdict, is_refusing=probe.is_refusing)


def check_sessions(subject: Subject, runs: Sequence[SessionResult]) -> list[Finding]:
    """Have ``CHECKS`` read sessions that had to be green."""
    findings = []
    for check in CHECKS:
        plan = check.plan(subject)
        verdict = check.verdict(subject, runs) if isinstance(plan, ProbePlan) else plan
        assert not isinstance(verdict, ProbePlan)
        findings.append(conclude(check, verdict))
    return findings


def _is_shared(plan: ProbePlan | str) -> bool:
    return isinstance(plan, ProbePlan) and plan.room is Room.OF_TARGETS
