"""The judge: runs a cluster's targets and their neighbours in fresh sandboxes."""

from __future__ import annotations

import logging
import math
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from pytest_agentfix.errors import OutOfMemoryError, SandboxError
from pytest_agentfix.judge.command import CommandBuilder
from pytest_agentfix.judge.parsing import parse_report
from pytest_agentfix.judge.probes import (
    NOTHING_BEFORE,
    BaseLine,
    Finding,
    has_red,
    probe_before,
    probe_neighbours,
    probe_targets,
)
from pytest_agentfix.judge.run import Run
from pytest_agentfix.model import ChangeSet, Cluster, Collected, Invocation, Judgement
from pytest_agentfix.ports import Clock, Reproduction, Sandbox

_log = logging.getLogger(__name__)

PATIENCE: Final = 300.0  # seconds the targets get before the change counts as hanging
_OUT_OF_TIME: Final = "the cluster's time ran out while its change was judged"


class SandboxJudge:
    """Implements ``ports.Judge`` with pytest sessions in sandboxes; any thread may use it.

    ``open_sandbox`` gives a fresh sandbox with the base (fixes accepted earlier in the run
    included) plus a change set. ``python`` and ``base_env`` are the sandbox's own. ``passed`` are
    the node ids to keep green; it is read anew at each judgement, so that a caller may add the
    targets of accepted fixes to it. ``stopwatch`` is told the seconds of each test session.
    """

    def __init__(  # noqa: PLR0913 - what a judge needs to know, by name
        self,
        *,
        open_sandbox: Callable[[ChangeSet], AbstractContextManager[Sandbox]],
        invocation: Invocation,
        python: str,
        base_env: Mapping[str, str],
        passed: Sequence[str],
        clock: Clock,
        stopwatch: Callable[[float], None] = lambda _: None,
        patience: float = PATIENCE,
        scratch: str = "/tmp",  # noqa: S108 - the sandbox's own, on its tmpfs
    ) -> None:
        self._open_sandbox = open_sandbox
        self._commands = CommandBuilder(
            invocation=invocation, python=python, base_env=base_env, scratch=scratch
        )
        self._passed = passed
        self._clock = clock
        self._stopwatch = stopwatch
        self._patience = patience
        self._before: dict[str, Finding] = {}  # by the cluster's slug
        self._base_lock = threading.Lock()
        self._base_seen: set[str] = set()
        self._base = BaseLine()

    def reproduce(self, cluster: Cluster, *, deadline: float) -> Reproduction:
        """Run the targets on the base.

        Raises ``SandboxError`` where pytest does not get through there, ``OutOfMemoryError``, and
        ``TimeoutError`` when ``deadline`` has passed before it starts.
        """
        with self._open_sandbox(ChangeSet()) as sandbox:
            run = self._run(sandbox, cluster.targets, limit=self._remaining(deadline))
            _check_base(run)
            litter = _list_paths(sandbox.collect())
        finding = probe_before(cluster, run)
        self._before[cluster.slug] = finding
        return Reproduction(
            judgement=Judgement(probes=(finding.probe,), red=finding.red),
            missing=finding.missing,
            litter=litter,
            seconds=run.completed.seconds,
        )

    def judge(self, cluster: Cluster, changes: ChangeSet, *, deadline: float) -> Judgement:
        """Run the targets and what passed before on the base plus ``changes``.

        Ends at the first probe that fails. A change under which the targets do not end is judged
        red. Raises ``OutOfMemoryError``, and ``TimeoutError`` when ``deadline`` passes meanwhile.
        """
        if cluster.slug not in self._before:
            self.reproduce(cluster, deadline=deadline)
        before = self._before[cluster.slug]
        if before.has_failed:
            return Judgement(probes=(before.probe,), red=before.red)
        findings = self._try_change(cluster, changes, deadline)
        for finding in findings:
            _log.debug("%s: %s", cluster.slug, finding.probe)
        return Judgement(
            probes=(before.probe, *(finding.probe for finding in findings)),
            red=tuple(outcome for finding in findings for outcome in finding.red),
        )

    def _try_change(
        self, cluster: Cluster, changes: ChangeSet, deadline: float
    ) -> tuple[Finding, ...]:
        """Run the targets and, once they are green, the neighbours, in one fresh sandbox."""
        neighbours = self._find_neighbours(cluster)
        with self._open_sandbox(changes) as sandbox:
            patience = self._patience
            run = self._run_in_time(sandbox, cluster.targets, deadline, patience=patience)
            target = probe_targets(cluster, run)
            if target.has_failed:
                return (target,)
            if not neighbours:
                return target, NOTHING_BEFORE
            run = self._run_in_time(sandbox, neighbours, deadline)
        base = self._look_at_base(neighbours, deadline) if has_red(neighbours, run) else BaseLine()
        return target, probe_neighbours(neighbours, run, base)

    def _find_neighbours(self, cluster: Cluster) -> tuple[str, ...]:
        targets = frozenset(cluster.targets)
        return tuple(nodeid for nodeid in tuple(self._passed) if nodeid not in targets)

    def _look_at_base(self, ids: Sequence[str], deadline: float) -> BaseLine:
        """See what ``ids`` do without the change, run once for all judgements.

        All of them and in order, not only the red ones: a test that leans on another one's traces
        would be red alone, and a broken neighbour would be excused.
        """
        with self._base_lock:
            unseen = [nodeid for nodeid in ids if nodeid not in self._base_seen]
            if unseen:
                self._base = self._extend_base(unseen, deadline)
                self._base_seen.update(unseen)
            return self._base

    def _extend_base(self, ids: Sequence[str], deadline: float) -> BaseLine:
        with self._open_sandbox(ChangeSet()) as sandbox:
            run = self._run_in_time(sandbox, ids, deadline)
        red = {nodeid for nodeid in ids if not run.report.outcome_of(nodeid).is_passed}
        _log.debug("%d of %d neighbours are red on the base", len(red), len(ids))
        return BaseLine(red=self._base.red | red, trouble=self._base.trouble or run.trouble)

    def _run_in_time(
        self, sandbox: Sandbox, ids: Sequence[str], deadline: float, *, patience: float = math.inf
    ) -> Run:
        """Run ``ids`` for at most ``patience`` seconds; raises ``TimeoutError`` at the deadline."""
        remaining = self._remaining(deadline)
        run = self._run(sandbox, ids, limit=min(patience, remaining))
        if run.completed.is_timed_out and run.limit == remaining:
            raise TimeoutError(_OUT_OF_TIME)
        return run

    def _run(self, sandbox: Sandbox, ids: Sequence[str], *, limit: float) -> Run:
        nonce = secrets.token_hex(8)
        completed = sandbox.run(self._commands.build(ids, nonce=nonce), timeout=limit)
        self._stopwatch(completed.seconds)
        if completed.is_out_of_memory:
            raise OutOfMemoryError(
                "The tests ran into the sandbox's memory limit.",
                "Run fewer of them, or run them where there is more memory.",
            )
        report = parse_report(completed.report, nonce=nonce)
        return Run(completed=completed, report=report, limit=limit)

    def _remaining(self, deadline: float) -> float:
        """Seconds until ``deadline``; raises ``TimeoutError`` when there are none."""
        seconds = deadline - self._clock.monotonic()
        if seconds <= 0:
            raise TimeoutError(_OUT_OF_TIME)
        return seconds


def _check_base(run: Run) -> None:
    """Raise ``SandboxError`` when pytest does not get through on the base."""
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


def _list_paths(collected: Collected) -> frozenset[str]:
    return frozenset(collected.changes.files) | {drop.path for drop in collected.irregular}
