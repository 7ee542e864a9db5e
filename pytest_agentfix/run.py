"""The repair phase of one pytest run: sweep, prepare, one cluster after another, clear up."""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from pytest_agentfix.clusters import make_clusters
from pytest_agentfix.errors import AgentFixError
from pytest_agentfix.gateway.model_gateway import SystemClock
from pytest_agentfix.gateways import Gateways, Surroundings
from pytest_agentfix.model import (
    Cluster,
    ClusterResult,
    RunRequest,
    RunResult,
    Verdict,
)
from pytest_agentfix.ports import Progress
from pytest_agentfix.sandbox.scratch import Scratch, is_alive, owner_name, sweep
from pytest_agentfix.sandboxes import Sandboxes
from pytest_agentfix.setup import Setup
from pytest_agentfix.workshop import Workshop, unprepared
from pytest_agentfix.workspace import Base

logger = logging.getLogger(__name__)


class Run:
    """Implements ``session.Repairer`` with the real parts."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._clock = SystemClock()
        self._clusters: tuple[Cluster, ...] = ()
        self._results: list[ClusterResult] = []
        self._notices: list[str] = []
        self._stopped = ""
        self._began = self._clock.monotonic()
        self._scratch: Scratch | None = None
        self._gateways: Gateways | None = None

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        """Try every cluster; a cluster's trouble is its verdict, never an exception."""
        self._began = self._clock.monotonic()
        self._clusters = make_clusters(request.failures)
        try:
            sandboxes = self._prepare()
        except AgentFixError as error:
            self._results += [unprepared(cluster, error) for cluster in self._clusters]
        else:
            self._repair_all(request, progress, sandboxes)
        return self.result_so_far()

    def result_so_far(self) -> RunResult:
        """What ``repair`` has reached yet; clusters without a verdict were interrupted."""
        undone = self._clusters[len(self._results) :]
        return RunResult(
            clusters=(*self._results, *map(_interrupted, undone)),
            notices=tuple(self._notices),
            seconds=self._clock.monotonic() - self._began,
        )

    def close(self) -> None:
        """Remove everything that was made; twice is fine."""
        if self._scratch is not None:
            if self._gateways is not None:
                self._gateways.close_all()
            if not self._setup.settings.keep:
                self._end_session(self._scratch.session)
            self._scratch.close(is_kept=self._setup.settings.keep)
            self._scratch = None
        self._setup.engine.close()

    def _prepare(self) -> Sandboxes:
        setup = self._setup
        self._sweep()
        opencode = setup.find_opencode()
        self._scratch = Scratch(setup.scratch_root)
        base = Base.lay_out(
            top=setup.repository.top,
            files=self._list_files(),
            folder=self._scratch.folder("base"),
        )
        self._notices += base.notices
        self._gateways = self._make_gateways(opencode)
        return Sandboxes(
            engine=setup.engine,
            environment=setup.environment,
            scratch=self._scratch,
            base=base,
            ignore=setup.repository.ignore_rules(),
            opencode=opencode,
            is_kept=setup.settings.keep,
        )

    def _list_files(self) -> list[str]:
        """The base's files. A run's own cassette is none: a replay would see another one there."""
        settings, top = self._setup.settings, self._setup.repository.top
        cassettes = {
            path.relative_to(top).as_posix()
            for path in (settings.record, settings.replay)
            if path is not None and path.is_relative_to(top)
        }
        files = self._setup.repository.list_files(settings.include)
        return [path for path in files if path not in cassettes]

    def _make_gateways(self, opencode: Path) -> Gateways:
        setup = self._setup
        around = Surroundings(
            opencode=opencode,
            cache=setup.cache,
            top=setup.repository.top,
            environ=os.environ,
            replay=setup.replay,
        )
        return Gateways(setup.settings, around, clock=self._clock)

    def _sweep(self) -> None:
        """Clear up after sessions of this user that died."""
        root = self._setup.scratch_root
        swept = sweep(root, self._end_session)
        for session, containers in self._setup.engine.sessions(owner_name(root)).items():
            if not is_alive(root, session):
                for container in containers:
                    self._setup.engine.remove(container)
                swept.append(session)
        if swept:
            count = len(set(swept))
            self._notices.append(f"cleared up after {count} earlier run(s) that were killed")

    def _end_session(self, session: str) -> None:
        with contextlib.suppress(AgentFixError):
            containers = self._setup.engine.sessions(owner_name(self._setup.scratch_root))
            for container in containers.get(session, ()):
                self._setup.engine.remove(container)

    def _repair_all(self, request: RunRequest, progress: Progress, sandboxes: Sandboxes) -> None:
        assert self._gateways is not None
        shop = Workshop(self._setup, sandboxes, request, self._clock, self._gateways)
        for number, cluster in enumerate(self._clusters):
            if not self._stopped and number >= self._setup.settings.max_clusters:
                limit = self._setup.settings.max_clusters
                self._stopped = f"over the limit of --agent-fix-max-clusters {limit}"
            if self._stopped:
                result = ClusterResult(
                    cluster=cluster, verdict=Verdict.SKIPPED, reason=self._stopped
                )
            else:
                result = shop.repair(cluster, progress, stop_run=self._stop)
            self._results.append(result)
        self._gateways.close_all()
        self._notices += self._gateways.notices()

    def _stop(self, reason: str) -> None:
        self._stopped = f"not tried, because of the cluster before: {reason}"


def _interrupted(cluster: Cluster) -> ClusterResult:
    return ClusterResult(
        cluster=cluster, verdict=Verdict.SKIPPED, reason="not finished: the run was interrupted"
    )
