"""The repair phase of one pytest run: sweep, prepare, repair clusters side by side, clean up."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from typing import Final

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.machine import (
    choose_jobs,
    count_cores,
    find_free_memory,
    find_load_average,
)
from pytest_agentfix.core.model import Cluster, ClusterResult, RunRequest, RunResult
from pytest_agentfix.core.ports import Progress
from pytest_agentfix.core.signals import check_sigterm
from pytest_agentfix.core.text import clean
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.judge.in_sandbox.signed_report import ID_LIMIT
from pytest_agentfix.repair.scheduler import INTERRUPTED, Rerun, Scheduler
from pytest_agentfix.repository import check_landing
from pytest_agentfix.repository.landing_journal import FOLDER as LANDING_FOLDER
from pytest_agentfix.repository.landing_journal import settle_landings
from pytest_agentfix.runtime.base_versions import BaseVersions
from pytest_agentfix.runtime.cluster_repair import ClusterRepairer, unprepared
from pytest_agentfix.runtime.cluster_scope import cluster_failures, make_test_check
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.gateway_factory import GatewayContext, GatewayFactory
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode
from pytest_agentfix.runtime.opencode_trial import opencode_notices, try_opencode
from pytest_agentfix.runtime.preparation import Equipment, Preparation
from pytest_agentfix.runtime.unreachable import describe_copy, find_installed_copy
from pytest_agentfix.sandbox.cleanup import sweep_dead
from pytest_agentfix.sandbox.environments import list_left_out
from pytest_agentfix.sandbox.workspace import as_error

logger = logging.getLogger(__name__)

PAUSE: Final = 0.1  # seconds between two checks for clusters that can begin now
SHOWN: Final = 100  # characters of a node id in a notice
LEFT_OUT_SHOWN: Final = 5  # files in notices


class RepairRun:
    """The repair of one run's failures, once there is something to repair."""

    def __init__(self, context: RunContext, preparation: Preparation, *, token: str) -> None:
        self._context = context
        self._preparation = preparation
        self._clock = SystemClock()
        self._scheduler = Scheduler((), limit=context.settings.max_clusters)
        self._notices: list[str] = []
        self._began = self._clock.monotonic()
        self._token = token
        self._gateways: GatewayFactory | None = None

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        """Try every cluster; a cluster's trouble is its verdict, never an exception."""
        self._began = self._clock.monotonic()
        self._scheduler = Scheduler(
            cluster_failures(request.failures, self._context),
            limit=self._context.settings.max_clusters,
            starts=count_cores(),
        )
        try:
            self._end_unreachable(progress)
            if self._scheduler.count_waiting():
                self._prepare_and_repair(request, progress)
        except BaseException as error:
            self._scheduler.interrupt(_explain_end(error))
            raise
        return self.result_so_far()

    def _end_unreachable(self, progress: Progress) -> None:
        """End the clusters that no change to the tree could turn green; that costs nothing."""
        is_test, top = make_test_check(self._context), self._context.repository.top

        def end(cluster: Cluster) -> ClusterResult | None:
            copy = find_installed_copy(cluster, is_test)
            if copy is None:
                return None
            result = unprepared(cluster, describe_copy(copy, top))
            progress.say(cluster, f"{result.verdict.value}: {result.reason}")
            return result

        self._scheduler.end_all(end)

    def _prepare_and_repair(self, request: RunRequest, progress: Progress) -> None:
        try:
            equipment = self._prepare(request.imported)
        except AgentFixError as error:
            self._scheduler.end_all(partial(unprepared, error=error))
        except OSError as error:
            logger.debug("the repair could not be prepared", exc_info=True)
            told = as_error(error, str(self._context.scratch_root), "preparing a repair in")
            self._scheduler.end_all(partial(unprepared, error=told))
        else:
            self._repair_all(request, progress, equipment)

    def result_so_far(self) -> RunResult:
        """Return the results so far; clusters without a verdict were interrupted."""
        return RunResult(
            clusters=self._scheduler.results(),
            notices=tuple(self._notices),
            seconds=self._clock.monotonic() - self._began,
        )

    def close(self) -> None:
        """End what is left of it; the preparation is not its own. Twice is fine."""
        if self._gateways is not None:
            self._gateways.close_all()

    def _prepare(self, imported: Sequence[str]) -> Equipment:
        """Make what every cluster needs; what was made ahead is not made again."""
        context = self._context
        if swept := sweep_dead(context.engine, context.scratch_root, settle=settle_landings):
            self._notices.append(f"cleared up after {swept} earlier run(s) that were killed")
        check_landing(
            context.repository,
            branch=context.settings.branch,
            is_committing=context.settings.commit,
        )
        equipment = self._preparation.finish(imported)
        self._context = replace(context, environment=equipment.environment)
        self._tell_notices(equipment, imported)
        self._gateways = self._make_gateways(equipment.opencode)
        if equipment.opencode.binary.needs_trial:
            try_opencode(
                equipment.opencode.binary,
                equipment.sandboxes,
                equipment.agent_pool.plan(self._gateways.describe(context.upstream)),
                cache=context.cache,
                clock=self._clock,
            )
        return equipment

    def _tell_notices(self, equipment: Equipment, imported: Sequence[str]) -> None:
        left_out = list_left_out(self._context.environment, imported, self._context.repository.top)
        self._notices += (
            f"{clean(path)} is not in the sandbox: it looks as if it held a secret"
            for path in left_out[:LEFT_OUT_SHOWN]
        )
        is_verbose = self._context.settings.is_verbose
        self._notices += (
            *equipment.base.notices,
            *equipment.files.notices,
            *opencode_notices(equipment.opencode.binary, is_verbose=is_verbose),
        )

    def _make_gateways(self, opencode: FoundOpenCode) -> GatewayFactory:
        context = self._context
        gateway_context = GatewayContext(
            opencode=opencode.path,
            cache=context.cache,
            top=context.repository.top,
            environ=os.environ,
            replay=context.replay,
            catalogues={context.upstream.provider: opencode.catalogue},
        )
        return GatewayFactory(
            context.settings, gateway_context, clock=self._clock, token=self._token
        )

    def _repair_all(self, request: RunRequest, progress: Progress, equipment: Equipment) -> None:
        context, gateways = self._context, self._gateways
        assert gateways is not None
        passed = leave_out_long(request.passed, self._notices)
        base_versions = BaseVersions(
            context,
            sandboxes=equipment.sandboxes,
            request=replace(request, passed=passed),
            clock=self._clock,
            is_single=self._scheduler.count_waiting() == 1,
            ignored=equipment.files.ignored,
        )
        if known := self._preparation.baseline:
            base_versions.add_baseline(*known)
        repairer = ClusterRepairer(
            context=context,
            base_versions=base_versions,
            agent_pool=equipment.agent_pool,
            gateways=gateways,
            scheduler=self._scheduler,
            clock=self._clock,
            landing_folder=self._preparation.scratch.folder(LANDING_FOLDER),
        )
        self._scheduler.relate(base_versions.find_kin(self._scheduler.clusters))
        jobs = self._choose_jobs()
        executor = ThreadPoolExecutor(jobs, thread_name_prefix="agentfix-cluster")
        try:
            self._repair_in(executor, jobs, repairer, progress)
        except BaseException as error:
            # Before the clusters end, which is its doing.
            self._scheduler.interrupt(_explain_end(error))
            raise
        finally:
            repairer.merge_queue.stop()
            try:
                equipment.shut_down()
                gateways.close_all()
            finally:  # whatever happens, a fix that is landing lands whole
                executor.shutdown(cancel_futures=True)
        self._notices += gateways.notices()

    def _repair_in(
        self, executor: Executor, jobs: int, repairer: ClusterRepairer, progress: Progress
    ) -> None:
        """Keep ``jobs`` clusters under way until none is left; any executor will do."""
        running: set[Future[None]] = set()
        while True:
            while len(running) < jobs and (work := self._take(repairer, progress)) is not None:
                running.add(executor.submit(work))
            if not running:
                return
            if not self._context.settings.keep:
                repairer.prewarm_agents(free=jobs - len(running))
            done, running = wait(running, timeout=PAUSE, return_when=FIRST_COMPLETED)
            check_sigterm()
            for future in done:
                future.result()
            if done:
                self._tell_verdicts()

    def _take(self, repairer: ClusterRepairer, progress: Progress) -> Callable[[], None] | None:
        """Take what can be begun now: reruns first, as they may save a cluster its repair."""
        if (rerun := self._scheduler.take_rerun()) is not None:
            return partial(self._rerun, repairer, rerun, progress)
        cluster = self._scheduler.take()
        return None if cluster is None else partial(self._repair_one, repairer, cluster, progress)

    def _rerun(self, repairer: ClusterRepairer, rerun: Rerun, progress: Progress) -> None:
        self._scheduler.end_rerun(rerun, repairer.rerun(rerun, progress))

    def _repair_one(self, repairer: ClusterRepairer, cluster: Cluster, progress: Progress) -> None:
        result = repairer.repair(cluster, progress)
        if result is None:
            self._scheduler.put_back(cluster)
        else:
            self._scheduler.end(cluster, result)

    def _tell_verdicts(self) -> None:
        for result in self._scheduler.results_so_far():
            self._context.extensions.tell_verdict(result)

    def _choose_jobs(self) -> int:
        settings = self._context.settings
        if settings.record is not None or settings.replay is not None:
            return 1  # a cassette is one conversation after the other
        return choose_jobs(
            settings.jobs,
            cores=count_cores(),
            memory=find_free_memory(),
            load=find_load_average(),
        )


def leave_out_long(passed: tuple[str, ...], notices: list[str]) -> tuple[str, ...]:
    """Return the node ids that are not too long for a report from a sandbox; tell of the others."""
    kept = tuple(nodeid for nodeid in passed if len(nodeid) <= ID_LIMIT)
    if left_out := [nodeid for nodeid in passed if len(nodeid) > ID_LIMIT]:
        tests = "1 test is" if len(left_out) == 1 else f"{len(left_out)} tests are"
        notices.append(
            f"{tests} not judged, as the node id is longer than {ID_LIMIT:,} characters: "
            f"{clean(left_out[0], limit=SHOWN)}"
        )
    return kept


def _explain_end(error: BaseException) -> str:
    if isinstance(error, Exception):
        return f"not finished: internal error: {type(error).__name__}: {error}"
    return INTERRUPTED
