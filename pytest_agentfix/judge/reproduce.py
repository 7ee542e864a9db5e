"""Reproduce a cluster: run its targets, and the judge's additions to them, on the base.

Everything is first run in one session in one sandbox: there is no change yet that could take
advantage of that. If anything in it is not as expected, its results are discarded, and targets and
additions run in separate sandboxes, so that neither can interfere with the other.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet, Cluster, Collected, Frame, ProbeResult
from pytest_agentfix.core.ports import Reproduction, Sandbox
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.judge.calibration import (
    Calibrator,
    are_red,
    find_differing_clones,
)
from pytest_agentfix.judge.failure_comparison import (
    Difference,
    FailureComparison,
    describe_differences,
    note_differences,
)
from pytest_agentfix.judge.findings import (
    RED,
    Finding,
    list_outcomes,
    make_judgement,
    probe_fail_before,
)
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import OpenSandbox
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import Sessions
from pytest_agentfix.judge.time_limits import limit_on_base
from pytest_agentfix.judge.variants.plan import VariantPlan

TOGETHER_PATIENCE: Final = 60.0  # seconds for the session with everything in it
SHARE: Final = 4  # the divisor of the remaining time that it may take at most

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproducer:
    """Runs targets and additions in fresh sandboxes with the base.

    ``plan_variants`` plans the additions. ``comparison`` is with the user's failures, which are
    those of the run's first base only; ``patience`` is in seconds, for a session of the targets;
    ``is_on_top`` is as for ``probe_fail_before``.
    """

    sessions: Sessions
    open_sandbox: OpenSandbox
    plan_variants: Callable[[Cluster], VariantPlan]
    comparison: FailureComparison
    top: Path
    patience: float
    is_on_top: bool = False

    def reproduce(self, cluster: Cluster, *, deadline: float) -> Baseline:
        """Run the targets and the additions on the base.

        Raises ``SandboxError`` if pytest cannot run there, ``OutOfMemoryError``, and
        ``TimeoutError`` if ``deadline`` has passed before it starts.
        """
        added = self.plan_variants(cluster)
        return self._try_in_one_session(cluster, added, deadline) or self._run_separately(
            cluster, added, deadline
        )

    def rerun(self, cluster: Cluster, *, deadline: float) -> Reproduction:
        """Run the targets alone on the base; raises as ``reproduce`` does.

        In what way they fail is not compared with the user's failures.
        """
        run, litter = self._run_targets(cluster, deadline)
        finding = probe_fail_before(cluster, run, is_on_top=self.is_on_top)
        return Reproduction(
            judgement=replace(make_judgement([finding]), red=finding.red),
            missing=finding.missing,
            unfit=finding.unfit,
            litter=litter,
            seconds=run.completed.seconds,
        )

    def _try_in_one_session(
        self, cluster: Cluster, added: VariantPlan, deadline: float
    ) -> Baseline | None:
        with self.open_sandbox(ChangeSet()) as sandbox:
            run = self._run_in_one_session(sandbox, cluster, added, deadline)
            if run is None:
                return None
            litter = _list_paths(sandbox.collect()) - self._list_added(added)
            calibrator = self._make_calibrator(run, deadline)
            known = calibrator.rule_out_endless_calls(added)
            gone = dict.fromkeys(added.added_files)
            others = calibrator.find_differing_plain_calls(sandbox, known, gone)
        if others:  # what ran there before may be the reason
            known = calibrator.recheck_plain_calls(known)
        return self._make_baseline(cluster, run, litter, known)

    def _run_in_one_session(
        self, sandbox: Sandbox, cluster: Cluster, added: VariantPlan, deadline: float
    ) -> SessionResult | None:
        patience = min(TOGETHER_PATIENCE, self.sessions.remaining(deadline) / SHARE)
        task = self._make_task(cluster, added)
        try:
            run = self.sessions.run(sandbox, task, deadline, patience=patience)
        except SandboxError as trouble:  # too many tests for the memory, for example
            _log.debug("%s: not all in one session: %s", cluster.slug, trouble)
            return None
        if is_as_expected(cluster, added, run):
            return run
        _log.debug("%s: not all in one session: %s", cluster.slug, run.trouble or "other ends")
        return None

    def _run_separately(self, cluster: Cluster, added: VariantPlan, deadline: float) -> Baseline:
        run, litter = self._run_targets(cluster, deadline)
        finding, _ = self._examine(cluster, run)
        if not finding.red or finding.missing:
            return self._make_baseline(cluster, run, litter, VariantPlan())
        known = self._make_calibrator(run, deadline).calibrate(added)
        return self._make_baseline(cluster, run, litter, known)

    def _run_targets(
        self, cluster: Cluster, deadline: float
    ) -> tuple[SessionResult, frozenset[str]]:
        """Run the targets alone in a fresh sandbox, and list what merely running them leaves."""
        with self.open_sandbox(ChangeSet()) as sandbox:
            run = self.sessions.run(
                sandbox,
                self._make_task(cluster),
                deadline,
                patience=limit_on_base(cluster, longest=self.patience),
            )
            check_base(run)
            return run, _list_paths(sandbox.collect())

    def _make_calibrator(self, run: SessionResult, deadline: float) -> Calibrator:
        return Calibrator(
            open_sandbox=self.open_sandbox, sessions=self.sessions, base_run=run, deadline=deadline
        )

    def _make_baseline(
        self,
        cluster: Cluster,
        run: SessionResult,
        litter: frozenset[str],
        variant_plan: VariantPlan,
    ) -> Baseline:
        finding, differences = self._examine(cluster, run)
        return Baseline(
            targets=cluster.targets,
            reproduction=Reproduction(
                judgement=replace(make_judgement([finding]), red=finding.red),
                missing=finding.missing,
                unfit=finding.unfit,
                note=note_differences(differences),
                litter=litter,
                entered=_list_entered(cluster, run),
                seconds=run.completed.seconds,
            ),
            finding=finding,
            variant_plan=variant_plan,
            differences=differences,
        )

    def _make_task(self, cluster: Cluster, added: VariantPlan | None = None) -> Task:
        added = added or VariantPlan()
        ids = (*cluster.targets, *added.added_ids)
        is_first = not self.is_on_top
        return Task(ids=ids, files=added.added_files, watch=is_first, enter=is_first)

    def _examine(
        self, cluster: Cluster, run: SessionResult
    ) -> tuple[Finding, tuple[Difference, ...]]:
        """Check that the targets fail, and as they did for the user.

        Where they fail for want of something, that is missing; the differences are all others.
        """
        finding = probe_fail_before(cluster, run, is_on_top=self.is_on_top)
        if self.is_on_top:
            return finding, ()
        if finding.missing:
            return self._explain_missing(cluster, run, finding), ()
        differences = self.comparison.find_differences(cluster, finding.red)
        lacking = [one for one in differences if one.is_lacking]
        evidence = finding.evidence
        if lacking:
            missing = lacking[0].summary
            evidence = replace(
                evidence,
                result=ProbeResult.FAILED,
                detail=f"fails in the sandbox for want of something: {missing}",
            )
            unfit = tuple(one.nodeid for one in lacking)
            return replace(finding, evidence=evidence, missing=missing, unfit=unfit), ()
        detail = f"{evidence.detail}{describe_differences(differences)}"
        return replace(finding, evidence=replace(evidence, detail=detail)), differences

    def _explain_missing(self, cluster: Cluster, run: SessionResult, finding: Finding) -> Finding:
        """Put the user's failure beside the error that keeps a target from being collected."""
        target = finding.unfit[0]
        error = run.report.error_above(target)
        failure = next(one for one in cluster.failures if one.nodeid == target)
        if error is None or not error.exception:
            return finding
        outcome = error.as_outcome(target)
        missing = self.comparison.describe(failure, outcome, is_lacking=True).summary
        detail = f"cannot be run in the sandbox: {missing}"
        evidence = replace(finding.evidence, detail=detail)
        return replace(finding, evidence=evidence, missing=missing)

    def _list_added(self, added: VariantPlan) -> frozenset[str]:
        """List the additions' own files as a sandbox's ``collect`` names them."""
        paths = (Path(path) for path in added.added_files)
        return frozenset(
            path.relative_to(self.top).as_posix() for path in paths if path.is_relative_to(self.top)
        )


def is_as_expected(cluster: Cluster, added: VariantPlan, run: SessionResult) -> bool:
    """Return whether one session of everything says the same as several would.

    All targets are red and came first, all canaries are red, each clone ended like its target, and
    nothing about the session is odd.
    """
    finding = probe_fail_before(cluster, run)
    if run.trouble or finding.missing or not are_red(run, added.canaries):
        return False
    outcomes = list_outcomes(cluster, cluster.targets, run.report)
    return (
        all(outcome.outcome in RED and outcome.nodeid in cluster.targets for outcome in outcomes)
        and not find_differing_clones(added, run, run)
        and _are_first(cluster.targets, run)
    )


def _are_first(targets: tuple[str, ...], run: SessionResult) -> bool:
    """Return whether no addition ran before a target: it might have left something behind."""
    known = [nodeid in targets for nodeid in run.report.outcomes]
    return known == sorted(known, reverse=True)


def check_base(run: SessionResult) -> None:
    """Raise ``SandboxError`` if pytest cannot run on the base."""
    if run.completed.is_timed_out:
        raise SandboxError(
            f"The tests do not end in the sandbox (waited {run.limit:.0f} s).",
            "Give them a time-out of their own, or raise --agent-fix-timeout.",
        )
    if run.is_broken:
        raise SandboxError(
            f"The tests cannot be run in the sandbox: {run.trouble}: {run.complaint}.",
            "Make them run with the same packages and files but no network, then try again.",
        )


def _list_entered(cluster: Cluster, run: SessionResult) -> tuple[Frame, ...]:
    entered = run.report.entered
    frames = (frame for target in cluster.targets for frame in entered.get(target, ()))
    return tuple(dict.fromkeys(frames))


def _list_paths(collected: Collected) -> frozenset[str]:
    return frozenset(collected.changes.files) | {drop.path for drop in collected.irregular}
