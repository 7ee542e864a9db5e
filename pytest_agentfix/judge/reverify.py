"""Judge an accepted change again, on a base that other fixes have been added to since.

Probes of the change itself are not repeated. Checked is only what those fixes can have changed:
that the change is still needed, that its targets pass together with them, and that tests which can
run a line of both do. The code of those fixes is not trusted either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Evidence,
    Judgement,
    Neighbours,
    ProbeResult,
)
from pytest_agentfix.judge.findings import (
    PASS_TO_PASS,
    Finding,
    count_tests,
    has_red,
    list_outcomes,
    make_judgement,
    probe_fail_before,
    probe_targets,
)
from pytest_agentfix.judge.impact import Impact
from pytest_agentfix.judge.probe import Subject
from pytest_agentfix.judge.probe_runner import check_sessions
from pytest_agentfix.judge.regressions import (
    Coverage,
    RegressionQuery,
    RegressionResult,
    RegressionRunner,
    drop_contained,
)
from pytest_agentfix.judge.reproduce import check_base
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.parallel import OpenSandbox, ParallelSessions, SessionRunner
from pytest_agentfix.judge.sessions.session_end import UsualSession
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import Sessions
from pytest_agentfix.judge.variants.plan import Additions

ON_TOP: Final = ", on top of the fixes before it"
_EARLIER: Final = "; without those fixes: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverification:
    """A change set accepted (``judgement``) on an earlier base; see ``ports.Judge``.

    The ``subject`` has canaries alone, and none if the suite did not take them before. ``cover``
    and ``impact`` are those of ``RegressionQuery``.
    """

    subject: Subject
    judgement: Judgement
    also: Sequence[str] | None
    cover: Mapping[str, Sequence[int]]
    impact: Impact
    deadline: float

    @property
    def cluster(self) -> Cluster:
        """The cluster that the change repairs."""
        return self.subject.cluster

    @property
    def changes(self) -> ChangeSet:
        """The change."""
        return self.subject.changes

    @property
    def canaries(self) -> Additions:
        """The canaries to add to a session."""
        return self.subject.variants.canary

    @property
    def other_tests(self) -> tuple[str, ...]:
        """``also`` without the targets."""
        targets = frozenset(self.cluster.targets)
        return drop_contained(nodeid for nodeid in self.also or () if nodeid not in targets)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverifier:
    """Reruns what other fixes can have changed; each session gets ``patience`` seconds."""

    sessions: Sessions
    open_sandbox: OpenSandbox
    regressions: RegressionRunner
    patience: float

    def reverify(self, request: Reverification) -> Judgement:
        """Judge ``request`` on the current base."""
        with ParallelSessions(self.sessions, self.open_sandbox) as jobs:
            without = jobs.start(partial(self._run_targets, request, ChangeSet()))
            # When everything reruns, one session for targets and suite would gain nothing.
            together = None
            if request.also is not None:
                together = jobs.start(partial(self._run_in_one_session, request))
            base = without.result()
            findings = _check_without_change(request, base)
            if any(finding.has_failed for finding in findings):
                return _merge_with_earlier(request, findings)
            usual = base.as_usual
            run = None if together is None else _result_or_none(together)
            if run is not None:
                run = replace(run, usual=usual)
                if _is_green(request, run):
                    regressions = _read_one_session(request, run)
                    found = (*findings, probe_targets(request.cluster, run), regressions.finding)
                    return _merge_with_earlier(request, found, regressions)
            return self._run_separately(request, findings, jobs, usual)

    def _run_separately(
        self,
        request: Reverification,
        findings: Sequence[Finding],
        jobs: ParallelSessions,
        usual: UsualSession,
    ) -> Judgement:
        targets = jobs.start(partial(self._run_targets, request, request.changes))
        others = self.regressions.start(self._make_query(request, usual), jobs)
        run = replace(targets.result(), usual=usual)
        found = [*findings, probe_targets(request.cluster, run), *_find_forgeries(request, (run,))]
        if any(finding.has_failed for finding in found):
            return _merge_with_earlier(request, found)
        regressions = others.result()
        forgeries = _find_forgeries(request, regressions.runs)
        return _merge_with_earlier(request, (*found, regressions.finding, *forgeries), regressions)

    def _run_targets(
        self, request: Reverification, changes: ChangeSet, runner: SessionRunner
    ) -> SessionResult:
        added = request.canaries
        task = Task(ids=(*request.cluster.targets, *added.ids), files=added.files)
        run = self._run(request, changes, task, runner)
        if changes and run.has_met_time_limit:  # the machine may have been busy
            run = self._run(request, changes, task, runner)
        return run

    def _run_in_one_session(self, request: Reverification, runner: SessionRunner) -> SessionResult:
        added = request.canaries
        task = Task(
            ids=(*request.cluster.targets, *request.other_tests, *added.ids),
            files=added.files,
            order=self.regressions.suite.shuffled,
            cover=request.cover,
            around=request.impact.lines,
        )
        return self._run(request, request.changes, task, runner)

    def _run(
        self, request: Reverification, changes: ChangeSet, task: Task, runner: SessionRunner
    ) -> SessionResult:
        with runner.open_sandbox(changes) as sandbox:
            return runner.sessions.run_in_time(
                sandbox, task, request.deadline, patience=self.patience
            )

    @staticmethod
    def _make_query(request: Reverification, usual: UsualSession) -> RegressionQuery:
        return RegressionQuery(
            cluster=request.cluster,
            changes=request.changes,
            variant_plan=replace(request.subject.variants, usual=usual),
            cover=request.cover,
            impact=request.impact,
            deadline=request.deadline,
            also=request.also,
        )


def _result_or_none(together: Future[SessionResult]) -> SessionResult | None:
    """Return the session of everything, ``None`` if it was too much for a sandbox."""
    try:
        return together.result()
    except SandboxError:
        return None


def _check_without_change(request: Reverification, run: SessionResult) -> list[Finding]:
    """Check that the targets are still red without the change, and that the session is honest."""
    known = replace(run, usual=run.as_usual)
    check_base(known)
    finding = probe_fail_before(request.cluster, known)
    if finding.has_failed:
        outcomes = list_outcomes(request.cluster, request.cluster.targets, known.report)
        # Only what passes has been fixed by others: not what is skipped, or not to be found.
        red = tuple(outcome for outcome in outcomes if not outcome.is_passed)
        finding = replace(finding, red=red)
    return [finding, *_find_forgeries(request, (known,))]


def _find_forgeries(request: Reverification, runs: Sequence[SessionResult]) -> list[Finding]:
    """List what shows that sessions are not to be believed."""
    return [finding for finding in check_sessions(request.subject, runs) if finding.has_failed]


def _is_green(request: Reverification, run: SessionResult) -> bool:
    """Return whether one session of everything leaves no question open."""
    target = probe_targets(request.cluster, run)
    return not (
        target.has_failed or has_red(request.other_tests, run) or _find_forgeries(request, (run,))
    )


def _read_one_session(request: Reverification, run: SessionResult) -> RegressionResult:
    ids = request.other_tests
    coverage = Coverage.read(run, frozenset(ids), request.impact)
    if ids:
        finding = Finding.passed(PASS_TO_PASS, f"{count_tests(len(ids))} still passed")
    else:
        coverage = Coverage(is_known=True)
        finding = Finding.impossible(PASS_TO_PASS, "no other test runs lines of both")
    return RegressionResult(
        finding=finding,
        runs=(run,),
        coverage=coverage,
        neighbours=Neighbours(total=len(ids)),
    )


def _merge_with_earlier(
    request: Reverification,
    findings: Iterable[Finding],
    regressions: RegressionResult | None = None,
) -> Judgement:
    """Return the earlier judgement with the new findings in place of the old."""
    earlier = request.judgement
    findings = list(findings)
    seen = make_judgement(findings)
    probes = {probe.name: probe for probe in earlier.probes}
    for finding in findings:
        evidence = finding.evidence
        probes[evidence.name] = _combine_evidence(request, evidence, probes.get(evidence.name))
    renewed = replace(
        seen,
        probes=tuple(probes.values()),
        covering=earlier.covering,
        unmeasured=earlier.unmeasured,
        is_covering_known=False,
        neighbours=earlier.neighbours,
    )
    if regressions is None:
        return renewed
    coverage = regressions.coverage
    if request.also is None:
        return replace(
            renewed,
            covering=coverage.all,
            unmeasured=coverage.unmeasured,
            is_covering_known=coverage.is_known,
            neighbours=regressions.neighbours,
        )
    return replace(
        renewed,
        neighbours=replace(earlier.neighbours, broken=regressions.neighbours.broken),
        covering=tuple(dict.fromkeys((*earlier.covering, *coverage.all))),
        is_covering_known=earlier.is_covering_known and coverage.is_known,
    )


def _combine_evidence(
    request: Reverification, probe: Evidence, earlier: Evidence | None
) -> Evidence:
    """Return the new evidence, with the earlier one appended if it is about some tests only."""
    repeated = replace(probe, detail=f"{probe.detail}{ON_TOP}")
    is_part = probe.name == PASS_TO_PASS and request.also is not None
    if not is_part or earlier is None or probe.result is ProbeResult.FAILED:
        return repeated
    first = earlier.detail.rpartition(_EARLIER)[2]
    result = earlier.result if probe.result is ProbeResult.NOT_APPLICABLE else probe.result
    return Evidence(probe.name, result, f"{repeated.detail}{_EARLIER}{first}")
