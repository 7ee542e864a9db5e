"""One change set through all probes that run something.

The targets come first and alone: most changes that are not enough end there. The change is taken
back in the sandbox in which they were green. Everything else gets a fresh one each, where nothing
that another run left can be in its way, or help it, and all of that goes on side by side; what was
found is looked at in one fixed order, and what comes after a failure is ended and not looked at.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from concurrent.futures import Future
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, Cluster, ReadBase, TestOutcome
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.judge.changed_lines import find_changed_lines, undo
from pytest_agentfix.judge.cheat_probes import (
    LEFT_BEHIND,
    probe_again,
    probe_canary,
    probe_clone,
    probe_hold_out,
    probe_mutant,
    probe_plain,
    probe_report,
)
from pytest_agentfix.judge.impact import find_reach
from pytest_agentfix.judge.probes import Finding, outcomes_of, probe_targets
from pytest_agentfix.judge.regressions import (
    Coverage,
    RegressionQuery,
    RegressionResult,
    RegressionRunner,
)
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import OpenSandbox, ParallelSessions, SessionRunner
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import PlainRun, Sessions
from pytest_agentfix.judge.variants.plan import PlainPlan, VariantPlan

# What was found, in groups that belong together.
Groups = Generator[Sequence[Finding], None, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verification:
    """A change set, and what is known before it is looked at.

    ``red_before`` are the targets that fail on the base. ``withheld`` were kept from the agent,
    ``note`` says what kept more from being withheld.
    """

    cluster: Cluster
    changes: ChangeSet
    preparation: VariantPlan
    red_before: tuple[str, ...]
    withheld: tuple[str, ...]
    note: str
    top: Path
    read_base: ReadBase
    deadline: float


@dataclass(slots=True)
class ProbeResults:
    """What the probes found, by name; a failure is never replaced by a later success."""

    by_name: dict[str, Finding] = field(default_factory=dict)
    coverage: Coverage = field(default_factory=Coverage)

    def add(self, finding: Finding) -> None:
        """Take one more."""
        known = self.by_name.get(finding.probe.name)
        if known is None or not known.has_failed:
            self.by_name[finding.probe.name] = finding

    @property
    def has_failed(self) -> bool:
        """Whether any probe speaks against the change."""
        return any(finding.has_failed for finding in self.by_name.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _PendingProbes:
    """What goes on side by side once the targets are green."""

    again: Future[Finding]
    mutants: Future[Finding]
    clones: Future[SessionResult | None]
    plain: Future[Finding]
    around: Future[RegressionResult]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Runs the probes; ``patience`` are the seconds each session of the targets gets."""

    sessions: Sessions
    open_sandbox: OpenSandbox
    neighbours: RegressionRunner
    patience: float
    is_thorough: bool = False

    def examine(self, what: Verification) -> ProbeResults:
        """Probe after probe; ends at the first that fails, unless it is to be thorough."""
        findings = ProbeResults()
        with (
            ParallelSessions(self.sessions, self.open_sandbox) as jobs,
            closing(self._probe(what, findings, jobs)) as steps,
        ):
            for group in steps:
                for finding in group:
                    findings.add(finding)
                if findings.has_failed and not self.is_thorough:
                    break
        return findings

    def _probe(self, what: Verification, findings: ProbeResults, jobs: ParallelSessions) -> Groups:
        with ExitStack() as owned:
            sandbox = owned.enter_context(jobs.hands.open_sandbox(what.changes))
            first = self._run(jobs.hands, sandbox, what, self._all_targets(what))
            yield from self._look_at_targets(what, first)
            rest = self._start_rest(what, jobs, sandbox, owned.pop_all())
        yield (rest.again.result(),)
        yield (rest.mutants.result(),)
        copies = rest.clones.result()
        yield (probe_clone(what.preparation, copies),)
        yield (rest.plain.result(),)
        around = rest.around.result()
        findings.coverage = around.coverage
        runs = (first, *([copies] if copies else []), *around.runs)
        last = probe_hold_out(
            _withheld_outcomes(what, first),
            note=what.note,
            covering=around.coverage.covering,
            problem=around.coverage.problem,
        )
        report, canary = probe_report(runs), probe_canary(what.preparation, runs)
        if report.has_failed or canary.has_failed:
            yield (around.finding, report, canary)
        yield (around.finding,)
        yield (report, canary, last)

    def _start_rest(
        self, what: Verification, jobs: ParallelSessions, sandbox: Sandbox, owned: ExitStack
    ) -> _PendingProbes:
        """Start the longest first; ``owned`` closes the targets' ``sandbox``."""
        around = jobs.start(partial(self._look_around, what))
        return _PendingProbes(
            again=jobs.start(partial(self._undo, what, sandbox, owned)),
            mutants=jobs.start(partial(self._run_mutants, what)),
            clones=jobs.start(partial(self._run_clones, what)),
            plain=jobs.start(partial(self._call_plainly, what)),
            around=around,
        )

    def _look_at_targets(self, what: Verification, run: SessionResult) -> Groups:
        """Look at the one session in which targets and canaries ran."""
        target = probe_targets(what.cluster, run, withheld=what.withheld)
        report, canary = probe_report((run,)), probe_canary(what.preparation, (run,))
        if report.has_failed or canary.has_failed:
            # Who lies is refused, whatever the targets are said to do.
            yield (target, report, canary)
        yield (target,)
        hold_out = probe_hold_out(_withheld_outcomes(what, run), note="", covering=(), problem="")
        if hold_out.has_failed:
            yield (hold_out,)

    def _undo(
        self, what: Verification, sandbox: Sandbox, owned: ExitStack, hands: SessionRunner
    ) -> Finding:
        """Take the change back where it has just been green.

        Tests whose runs leave something behind are told from tests that are green by chance.
        """
        gone = dict.fromkeys(what.preparation.canary_files)
        base = undo(what.changes, what.read_base, top=what.top)
        task = Task(ids=what.red_before, files={**gone, **what.preparation.test_files, **base})
        with owned:
            run = self._run(hands, sandbox, what, task)
        again = probe_again(what.cluster, what.red_before, run)
        if not again.has_failed:
            return again
        with hands.open_sandbox(ChangeSet()) as another:
            fresh = self._run(hands, another, what, Task(ids=what.red_before))
        is_red = not probe_again(what.cluster, what.red_before, fresh).has_failed
        return LEFT_BEHIND if is_red else again

    def _run_mutants(self, what: Verification, hands: SessionRunner) -> Finding:
        added = what.preparation
        if not added.mutants:
            return probe_mutant(added, None)
        with hands.open_sandbox(what.changes) as sandbox:
            task = Task(ids=added.mutants, files=added.mutant_files)
            return probe_mutant(added, self._run(hands, sandbox, what, task))

    def _all_targets(self, what: Verification) -> Task:
        added = what.preparation
        return Task(ids=(*what.cluster.targets, *added.canaries), files=added.canary_files)

    def _run_clones(self, what: Verification, hands: SessionRunner) -> SessionResult | None:
        """Run them where no original has been: it may leave what a copy cannot bear.

        Nor do they run among the neighbours: whoever wants to know a copy would find there what it
        was copied from, and what the neighbours left may make a copy pass.
        """
        added = what.preparation
        if not added.clones:
            return None
        with hands.open_sandbox(what.changes) as sandbox:
            task = Task(ids=added.added_ids, files=added.added_files)
            return self._run(hands, sandbox, what, task)

    def _call_plainly(self, what: Verification, hands: SessionRunner) -> Finding:
        added = what.preparation
        if not added.plain:
            return probe_plain(added, ())
        with hands.open_sandbox(what.changes) as sandbox:
            calls = [self._call(hands, sandbox, what, plan) for plan in added.plain]
        return probe_plain(added, calls)

    def _look_around(self, what: Verification, hands: SessionRunner) -> RegressionResult:
        asked = RegressionQuery(
            cluster=what.cluster,
            changes=what.changes,
            preparation=what.preparation,
            cover=find_changed_lines(what.changes, what.read_base, top=what.top),
            reach=find_reach(what.changes, what.read_base, top=what.top),
            deadline=what.deadline,
        )
        return self.neighbours.look(asked, hands)

    def _run(
        self, hands: SessionRunner, sandbox: Sandbox, what: Verification, task: Task
    ) -> SessionResult:
        return hands.sessions.run_in_time(
            sandbox,
            task,
            what.deadline,
            patience=self.patience,
            is_tallied=what.preparation.is_tallied,
        )

    def _call(
        self, hands: SessionRunner, sandbox: Sandbox, what: Verification, plan: PlainPlan
    ) -> PlainRun:
        order = {**plan.order, "sys_path": list(what.preparation.sys_path)}
        files = what.preparation.test_files
        return hands.sessions.run_plain(
            sandbox, order, files, what.deadline, patience=self.patience
        )


def _withheld_outcomes(what: Verification, run: SessionResult) -> Sequence[TestOutcome]:
    return [
        outcome
        for target in what.withheld
        for outcome in outcomes_of(what.cluster, target, run.report)
    ]
