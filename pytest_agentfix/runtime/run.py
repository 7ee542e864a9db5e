"""The repair phase of one pytest run: sweep, prepare, the clusters side by side, clear up."""

from __future__ import annotations

import logging
import os
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from functools import partial
from typing import Final

from pytest_agentfix.core.errors import AgentFixError, OpenCodeMissingError
from pytest_agentfix.core.machine import choose_jobs, count_cores, find_free_memory
from pytest_agentfix.core.model import Cluster, RunRequest, RunResult
from pytest_agentfix.core.ports import Progress
from pytest_agentfix.core.signals import check_sigterm
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.repair.clustering import make_clusters
from pytest_agentfix.repair.scheduler import Scheduler
from pytest_agentfix.runtime.agent_pool import AgentPool
from pytest_agentfix.runtime.background.client import BackgroundProcess
from pytest_agentfix.runtime.base_versions import BaseVersions, find_test_files
from pytest_agentfix.runtime.cluster_repair import ClusterRepairer, unprepared
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.gateway_factory import GatewayContext, GatewayFactory
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode, find
from pytest_agentfix.runtime.prewarm.client import PrewarmClient
from pytest_agentfix.runtime.prewarm.reaper import begin_aftercare
from pytest_agentfix.runtime.prewarm.result import PrewarmResult, sort_out
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory, lay_out_base, list_base_files
from pytest_agentfix.sandbox.cleanup import end_session, sweep_dead
from pytest_agentfix.sandbox.scratch import Scratch
from pytest_agentfix.sandbox.workspace import Base

logger = logging.getLogger(__name__)

PAUSE: Final = 0.1  # seconds between two looks for clusters that can begin now
AGENTS_AHEAD: Final = 2  # beyond those at work; each takes some 0.6 GB


class RepairRun:
    """What ``lazy_run.LateRun`` is when there is something to repair.

    ``scratch`` and ``head_start`` are there if the suite failed before its end; ``token`` is the
    one the stand-by was told. ``finding`` is under way where there was no head start.
    """

    def __init__(
        self,
        setup: RunContext,
        *,
        token: str,
        scratch: Scratch | None,
        head_start: PrewarmClient | None,
        finding: Future[FoundOpenCode] | None = None,
    ) -> None:
        self._setup = setup
        self._clock = SystemClock()
        self._schedule = Scheduler((), limit=setup.settings.max_clusters)
        self._notices: list[str] = []
        self._began = self._clock.monotonic()
        self._scratch = scratch
        self._token = token
        self._gateways: GatewayFactory | None = None
        self._sandboxes: SandboxFactory | None = None
        self._crew: AgentPool | None = None
        self._head_start = head_start
        self._finding = finding
        self._aftercare: BackgroundProcess | None = None

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        """Try every cluster; a cluster's trouble is its verdict, never an exception."""
        self._began = self._clock.monotonic()
        clusters = make_clusters(request.failures, is_test=find_test_files(self._setup))
        self._schedule = Scheduler(
            clusters, limit=self._setup.settings.max_clusters, starts=count_cores()
        )
        try:
            self._prepare_and_repair(request, progress)
        except BaseException:
            self._schedule.interrupt()
            raise
        return self.result_so_far()

    def _prepare_and_repair(self, request: RunRequest, progress: Progress) -> None:
        try:
            ready = self._prepare()
        except AgentFixError as error:
            self._schedule.end_all(partial(unprepared, error=error))
        else:
            self._repair_all(request, progress, ready)

    def result_so_far(self) -> RunResult:
        """What ``repair`` has reached yet; clusters without a verdict were interrupted."""
        return RunResult(
            clusters=self._schedule.results(),
            notices=tuple(self._notices),
            seconds=self._clock.monotonic() - self._began,
        )

    def close(self) -> None:
        """Remove everything that was made; twice is fine."""
        with ExitStack() as steps:  # from the last to the first, whatever comes of one of them
            if self._aftercare is not None:
                steps.callback(self._aftercare.close)
            if self._scratch is not None:
                steps.callback(self._scratch.close, is_kept=self._setup.settings.keep)
                if not self._setup.settings.keep:
                    session = self._scratch.session
                    steps.callback(end_session, self._setup.engine, self._scratch.root, session)
                steps.callback(self._end_work)
                self._scratch = None
            if self._head_start is not None:
                steps.callback(self._head_start.close)

    def _end_work(self) -> None:
        """End what is at work, so that nobody waits for it: sandboxes first, they hold the rest."""
        if self._sandboxes is not None:
            self._sandboxes.shut()
        if self._crew is not None:
            self._crew.close()
        if self._gateways is not None:
            self._gateways.close_all()

    def _prepare(self) -> PrewarmResult:
        """Make what every cluster needs; what a stand-by has ready is not made again."""
        setup = self._setup
        if swept := sweep_dead(setup.engine, setup.scratch_root):
            self._notices.append(f"cleared up after {swept} earlier run(s) that were killed")
        ready = sort_out(None if self._head_start is None else self._head_start.collect())
        try:
            self._make_sandboxes(ready)
        except BaseException:
            ready.drop_agent()
            raise
        return ready

    def _make_sandboxes(self, ready: PrewarmResult) -> None:
        setup = self._setup
        scratch = self._scratch = self._scratch or Scratch(setup.scratch_root)
        if not setup.settings.keep:
            self._aftercare = begin_aftercare(scratch)
        base = self._bring_up_to_date(ready) or self._lay_out(scratch)
        self._notices += base.notices
        opencode = ready.opencode or self._find_opencode()
        self._gateways = self._make_gateways(opencode)
        self._sandboxes = SandboxFactory(
            engine=setup.engine,
            environment=setup.environment,
            scratch=scratch,
            base=base,
            ignore=setup.repository.ignore_rules(),
            opencode=opencode.path,
            is_kept=setup.settings.keep,
        )

    def _bring_up_to_date(self, ready: PrewarmResult) -> Base | None:
        """The base of the stand-by as the tree is now; what stood on an older one is dropped."""
        if ready.base is None:
            ready.drop_agent()
            ready.before = None
            return None
        files = list_base_files(self._setup.repository, self._setup.settings)
        base, is_changed = ready.base.refresh(files)
        if is_changed:
            ready.drop_agent()
            ready.before = None
        return base

    def _lay_out(self, scratch: Scratch) -> Base:
        setup = self._setup
        folder = scratch.folder("base")
        return lay_out_base(setup.repository, setup.settings, setup.environment, folder)

    def _find_opencode(self) -> FoundOpenCode:
        setup = self._setup
        if self._finding is not None:
            with suppress(OpenCodeMissingError):  # not on this machine yet
                return self._finding.result()
        return find(setup.find_opencode, setup.upstream.provider)

    def _make_gateways(self, opencode: FoundOpenCode) -> GatewayFactory:
        setup = self._setup
        around = GatewayContext(
            opencode=opencode.path,
            cache=setup.cache,
            top=setup.repository.top,
            environ=os.environ,
            replay=setup.replay,
            catalogues={setup.upstream.provider: opencode.catalogue},
        )
        return GatewayFactory(setup.settings, around, clock=self._clock, token=self._token)

    def _repair_all(self, request: RunRequest, progress: Progress, ready: PrewarmResult) -> None:
        setup, sandboxes = self._setup, self._sandboxes
        assert self._gateways is not None
        assert sandboxes is not None
        self._crew = crew = AgentPool(
            sandboxes,
            self._gateways.describe(setup.upstream),
            environ={**setup.invocation.environ, **setup.environment.env},
            clock=self._clock,
        )
        bench = BaseVersions(setup, sandboxes=sandboxes, request=request, clock=self._clock)
        if ready.before is not None:
            bench.know(ready.before.slug, ready.before.before)
        if ready.agent is not None:
            crew.adopt(ready.agent, ready.descriptor)
        shop = ClusterRepairer(
            setup,
            bench=bench,
            crew=crew,
            gateways=self._gateways,
            clock=self._clock,
            split_off=self._schedule.add,
            settle=self._schedule.settle,
        )
        jobs = self._choose_jobs()
        executor = ThreadPoolExecutor(jobs, thread_name_prefix="agentfix-cluster")
        try:
            self._work_through(executor, jobs, shop, progress)
        except BaseException:
            self._schedule.interrupt()  # before the clusters' ends, which are its doing
            raise
        finally:
            shop.train.stop()
            try:
                self._end_work()
            finally:  # a second Ctrl-C must not take away a fix that is landing
                executor.shutdown(cancel_futures=True)
        self._notices += self._gateways.notices()

    def _work_through(
        self, executor: Executor, jobs: int, shop: ClusterRepairer, progress: Progress
    ) -> None:
        """Keep ``jobs`` clusters under way until none is left; any executor will do."""
        running: set[Future[None]] = set()
        while True:
            while len(running) < jobs and (cluster := self._schedule.take()) is not None:
                running.add(executor.submit(self._repair_one, shop, cluster, progress))
            if not running:
                return
            self._stock_up()
            done, running = wait(running, timeout=PAUSE, return_when=FIRST_COMPLETED)
            check_sigterm()
            for future in done:
                future.result()

    def _repair_one(self, shop: ClusterRepairer, cluster: Cluster, progress: Progress) -> None:
        result = shop.repair(
            cluster,
            progress,
            stop_run=self._schedule.stop,
            under_way=partial(self._schedule.under_way, cluster),
        )
        self._schedule.end(cluster, result)

    def _choose_jobs(self) -> int:
        settings = self._setup.settings
        if settings.record is not None or settings.replay is not None:
            return 1  # a cassette is one conversation after the other
        return choose_jobs(settings.jobs, cores=count_cores(), memory=find_free_memory())

    def _stock_up(self) -> None:
        """Have agents for the next clusters come up while these are under way."""
        if self._crew is not None and not self._setup.settings.keep:
            self._crew.ahead.want(min(AGENTS_AHEAD, self._schedule.count_waiting()))
