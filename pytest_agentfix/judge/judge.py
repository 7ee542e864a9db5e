"""The judge: decides about a change set by running tests in sandboxes the agent never touched."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.hunks import split_hunks
from pytest_agentfix.core.machine import count_cores
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Failure,
    Invocation,
    Judgement,
    ProbeResult,
    ReadBase,
    Want,
)
from pytest_agentfix.core.ports import Clock, Reproduction
from pytest_agentfix.core.slots import Slots
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.judge.changed_lines import find_changed_lines
from pytest_agentfix.judge.failure_comparison import FailureComparison
from pytest_agentfix.judge.findings import Finding, make_judgement
from pytest_agentfix.judge.impact import find_impact
from pytest_agentfix.judge.lint import Level
from pytest_agentfix.judge.minimize import Minimiser
from pytest_agentfix.judge.planner import plan_variants
from pytest_agentfix.judge.probe import Probe, Subject
from pytest_agentfix.judge.probe_runner import ProbeRunner, conclude
from pytest_agentfix.judge.probes.lint import LintProbe
from pytest_agentfix.judge.regressions import RegressionRunner
from pytest_agentfix.judge.reproduce import Reproducer
from pytest_agentfix.judge.reverify import Reverification, Reverifier
from pytest_agentfix.judge.sessions.command import CommandBuilder
from pytest_agentfix.judge.sessions.parallel import OpenSandbox
from pytest_agentfix.judge.sessions.session_end import USUAL
from pytest_agentfix.judge.sessions.sessions import Sessions
from pytest_agentfix.judge.suite_facts import SuiteFacts
from pytest_agentfix.judge.time_limits import limit_with_change
from pytest_agentfix.judge.unjudged import explain_unjudged
from pytest_agentfix.judge.variants.plan import CANARY, CLONE, MUTANT, VariantPlan

_log = logging.getLogger(__name__)

PATIENCE: Final = 300.0  # seconds the targets get before the change counts as hanging
MINIMISE_SECONDS: Final = 60.0
ORDERS: Final = 3  # in which the other tests run
SIDES: Final = 2  # on which what other tests do is compared: the base, and with the change
WHOLE_SUITE: Final = ("",)


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgePlan:
    """The settings of a judge.

    ``python`` and ``base_env`` belong to the sandbox, ``top`` is the repository's. ``levels``
    override the lint's own levels by rule; paths that are ``is_exempt`` are not linted. With
    ``is_whole_suite`` every test that passes on the base has to stay green, not only those that
    passed in this run. ``is_on_top`` means that the base holds fixes of this run, and that every
    test that does not pass there counts as red. ``is_thorough`` runs all probes instead of stopping
    at the first that fails. ``is_minimising``: accepted changes will be minimised; ``is_alone``: no
    other fix of this run can land meanwhile. ``advise`` tells what would bring something into
    sandboxes that they lack, "" if nobody knows. ``patience`` and ``minimise`` are seconds.
    ``failures`` are all of the run, and ``probes`` a project's own.
    """

    invocation: Invocation
    python: str
    base_env: Mapping[str, str]
    top: Path
    levels: Mapping[str, Level] = field(default_factory=dict)
    is_exempt: Callable[[str], bool] = lambda _: False
    is_whole_suite: bool = False
    is_on_top: bool = False
    is_thorough: bool = False
    is_minimising: bool = True
    is_alone: bool = False
    patience: float = PATIENCE
    minimise: float = MINIMISE_SECONDS
    scratch: str = "/tmp"  # noqa: S108 - the sandbox's own, on its tmpfs
    advise: Callable[[Want], str] = lambda _: ""
    failures: Sequence[Failure] = ()
    probes: Sequence[Probe] = ()

    @property
    def whole_suite(self) -> tuple[str, ...]:
        """The node ids that hold the whole suite, empty unless it was asked for."""
        if not self.is_whole_suite:
            return ()
        paths = self.invocation.test_paths
        has_globs = any(set(path) & set("*?[") for path in paths)
        return paths if paths and not has_globs else WHOLE_SUITE


class SandboxJudge:
    """Implements ``ports.Judge`` with test sessions in sandboxes; any thread may use it.

    ``open_sandbox`` opens a fresh sandbox with the base (including fixes accepted earlier in the
    run) plus a change set; ``read_base`` reads a file of that base. ``passed`` are the node ids to
    keep green; it is read anew for each judgement, so a caller may add the targets of accepted
    fixes. ``stopwatch`` gets the seconds of each session; like ``open_sandbox`` it is called from
    several threads. ``rng`` chooses names, values and orders that code under test must not be able
    to predict. ``limiter`` is shared by all judges of a run, ``suite`` by those of one base.
    """

    def __init__(  # noqa: PLR0913 - what a judge needs to know, by name
        self,
        *,
        plan: JudgePlan,
        open_sandbox: OpenSandbox,
        read_base: ReadBase,
        passed: Sequence[str],
        clock: Clock,
        stopwatch: Callable[[float], None] = lambda _: None,
        rng: random.Random | None = None,
        limiter: Slots | None = None,
        suite: SuiteFacts | None = None,
    ) -> None:
        self._plan = plan
        self._open_sandbox = open_sandbox
        self._read_base = read_base
        self._rng = rng or random.SystemRandom()
        commands = CommandBuilder(
            invocation=plan.invocation,
            top=plan.top,
            python=plan.python,
            base_env=plan.base_env,
            scratch=plan.scratch,
        )
        self._sessions = Sessions(
            commands=commands,
            clock=clock,
            limiter=limiter or Slots(count_cores()),
            stopwatch=stopwatch,
        )
        self._regressions = RegressionRunner(
            passed,
            suite or SuiteFacts(seed=self._rng.randrange(1_000_000)),
            whole_suite=plan.whole_suite,
        )
        self._baselines: dict[str, Baseline] = {}  # by the cluster's slug
        self._adopted: set[str] = set()  # slugs whose cluster was reproduced elsewhere

    def reproduce(self, cluster: Cluster, *, deadline: float) -> Reproduction:
        """Run the targets on the base, and try the judge's additions there.

        A baseline that was adopted or inherited is used once instead. Raises ``SandboxError`` if
        pytest cannot run there, ``OutOfMemoryError``, and ``TimeoutError`` if ``deadline`` has
        passed before it starts.
        """
        self._sessions.commands.learn(cluster)
        known = self._baselines.get(cluster.slug)
        is_adopted = cluster.slug in self._adopted
        self._adopted.discard(cluster.slug)
        if known is None or not is_adopted or known.targets != cluster.targets:
            known = self._reproducer.reproduce(cluster, deadline=deadline)
            self._baselines[cluster.slug] = known
        return known.reproduction

    def rerun(self, cluster: Cluster, *, deadline: float) -> Reproduction:
        """Run the targets on the base and nothing else; raises as ``reproduce`` does."""
        self._sessions.commands.learn(cluster)
        return self._reproducer.rerun(cluster, deadline=deadline)

    def baseline(self, slug: str) -> Baseline | None:
        """Return the baseline of a cluster reproduced here, for another judge of the same base."""
        return self._baselines.get(slug)

    def adopt(self, slug: str, baseline: Baseline) -> None:
        """Use a cluster's baseline found by another judge of this base or by another process."""
        self._baselines[slug] = baseline
        self._adopted.add(slug)

    def inherit(self, part: Cluster, whole: Cluster) -> bool:
        """Derive the baseline of ``part`` from that of ``whole``.

        Return whether that was possible; if not, ``part`` is reproduced like any other cluster.
        """
        known = self._baselines.get(whole.slug)
        rootdir = self._plan.invocation.rootdir
        taken = None if known is None else known.for_subset(part, rootdir=rootdir)
        if taken is None:
            return False
        self.adopt(part.slug, taken)
        return True

    def count_sandboxes(self, *, is_withholding: bool) -> int:
        """Guess how many sandboxes for sessions a judgement takes that finds nothing wrong.

        It is about the cluster reproduced last; ``is_withholding``: some of its targets are not
        shown to the agent. Locality is left out: it is not known whether it will apply.
        """
        plan = next(iter(reversed(self._baselines.values()))).variant_plan
        alone = 1 + sum(bool(plan.of(name).ids) for name in (MUTANT, CLONE))
        if not self._regressions.has_tests:
            return alone
        return alone + ORDERS + (0 if is_withholding else SIDES)

    def judge(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        *,
        deadline: float,
        withheld: Sequence[str] = (),
        note: str = "",
    ) -> Judgement:
        """Run all probes on ``changes``, stopping at the first that fails.

        ``withheld`` are targets the agent was not shown; ``note`` says why no more were withheld. A
        change under which the targets do not finish is judged red. Raises ``OutOfMemoryError``, and
        ``TimeoutError`` if ``deadline`` passes meanwhile.
        """
        self._sessions.commands.learn(cluster)
        baseline = self._find_baseline(cluster, deadline)
        if baseline.finding.has_failed:
            return make_judgement([baseline.finding])
        subject = replace(
            self._make_subject(cluster, changes),
            variants=baseline.variant_plan.without_changed(
                [str(self._plan.top / path) for path in changes.files]
            ),
            red_on_base=tuple(outcome.nodeid for outcome in baseline.finding.red),
            withheld=tuple(withheld),
            note=note,
        )
        findings = [baseline.finding, self._lint(subject)]
        if findings[-1].has_failed and not self._plan.is_thorough:
            return make_judgement(findings)
        runner = ProbeRunner(
            sessions=self._sessions,
            open_sandbox=self._open_sandbox,
            regressions=self._regressions,
            patience=limit_with_change(
                cluster, baseline.reproduction.seconds, longest=self._plan.patience
            ),
            deadline=deadline,
            more=self._plan.probes,
            is_coverage_needed=self._is_coverage_needed(changes, withheld),
            is_thorough=self._plan.is_thorough,
        )
        results = runner.run(subject)
        findings += results.by_name.values()
        for finding in findings:
            _log.debug("%s: %s", cluster.slug, finding.evidence)
        return replace(
            make_judgement(findings),
            covering=results.coverage.all,
            unmeasured=results.coverage.unmeasured,
            is_covering_known=results.coverage.is_known,
            neighbours=explain_unjudged(results.neighbours, self._plan.advise),
        )

    def reverify(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        judgement: Judgement,
        *,
        also: Sequence[str] | None,
        deadline: float,
    ) -> Judgement:
        """Judge again what was accepted on an earlier base, on top of the fixes in this one.

        ``also`` are the tests whose end can have changed, ``None`` stands for all that passed.
        Where the targets are green without it now, ``fail-before`` has failed and nothing is red.
        Raises as ``judge`` does.
        """
        self._sessions.commands.learn(cluster)
        reverifier = Reverifier(
            sessions=self._sessions,
            open_sandbox=self._open_sandbox,
            regressions=self._regressions,
            patience=limit_with_change(cluster, 0.0, longest=self._plan.patience),
        )
        has_canaries = any(
            probe.name == CANARY and probe.result is ProbeResult.PASSED
            for probe in judgement.probes
        )
        variants = self._plan_variants(cluster).only_canaries() if has_canaries else VariantPlan()
        known = Reverification(
            subject=replace(self._make_subject(cluster, changes), variants=variants),
            judgement=judgement,
            also=also,
            cover=find_changed_lines(changes, self._read_base, top=self._plan.top),
            impact=find_impact(changes, self._read_base, top=self._plan.top),
            deadline=deadline,
        )
        renewed = reverifier.reverify(known)
        explained = explain_unjudged(renewed.neighbours, self._plan.advise)
        renewed = replace(renewed, neighbours=explained)
        for probe in renewed.probes:
            _log.debug("%s again: %s", cluster.slug, probe)
        return renewed

    def minimise(  # noqa: PLR0913 - all but the three by name
        self,
        cluster: Cluster,
        changes: ChangeSet,
        judgement: Judgement,
        *,
        deadline: float,
        withheld: Sequence[str] = (),
        note: str = "",
    ) -> tuple[ChangeSet, Judgement]:
        """Leave out hunks that an accepted change does not need.

        The smaller change is judged like any other; if it is not accepted, the whole change stays.
        Raises as ``judge`` does.
        """
        known = self._baselines.get(cluster.slug)
        minimiser = Minimiser(
            sessions=self._sessions,
            usual=USUAL if known is None else known.variant_plan.usual,
            open_sandbox=self._open_sandbox,
            read_base=self._read_base,
            top=self._plan.top,
            seconds=self._plan.minimise,
        )
        smaller, probe = minimiser.minimise(
            cluster, changes, also=judgement.covering, deadline=deadline
        )
        if smaller == changes:
            return changes, minimiser.note(judgement, probe)
        again = self.judge(cluster, smaller, deadline=deadline, withheld=withheld, note=note)
        if not again.is_accepted:
            return changes, minimiser.note(judgement, minimiser.explain_kept(again))
        return smaller, minimiser.note(again, probe)

    @property
    def _reproducer(self) -> Reproducer:
        return Reproducer(
            sessions=self._sessions,
            open_sandbox=self._open_sandbox,
            plan_variants=self._plan_variants,
            comparison=FailureComparison(
                top=self._plan.top,
                home=self._sessions.commands.home,
                advise=self._plan.advise,
            ),
            top=self._plan.top,
            patience=self._plan.patience,
            is_on_top=self._plan.is_on_top,
        )

    def _plan_variants(self, cluster: Cluster) -> VariantPlan:
        return plan_variants(
            cluster,
            rootdir=self._plan.invocation.rootdir,
            top=self._plan.top,
            read_base=self._read_base,
            rng=self._rng,
        )

    def _find_baseline(self, cluster: Cluster, deadline: float) -> Baseline:
        known = self._baselines.get(cluster.slug)
        if known is None or known.targets != cluster.targets:
            self.reproduce(cluster, deadline=deadline)
        return self._baselines[cluster.slug]

    def _is_coverage_needed(self, changes: ChangeSet, withheld: Sequence[str]) -> bool:
        """Tell whether evidence, minimising or other fixes will ask for the covering tests."""
        is_divisible = self._plan.is_minimising and len(split_hunks(changes, self._read_base)) > 1
        return is_divisible or not withheld or not self._plan.is_alone

    def _make_subject(self, cluster: Cluster, changes: ChangeSet) -> Subject:
        return Subject(
            cluster=cluster,
            changes=changes,
            rootdir=self._plan.invocation.rootdir,
            top=self._plan.top,
            read_base=self._read_base,
            failures=tuple(self._plan.failures),
        )

    def _lint(self, subject: Subject) -> Finding:
        probe = LintProbe(self._plan.levels, self._plan.is_exempt)
        return conclude(probe, probe.verdict(subject, ()))
