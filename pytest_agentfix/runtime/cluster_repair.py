"""Makes the repair loop's parts, with the real worlds behind them, for each cluster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Drop,
    FileChange,
    Judgement,
    Landing,
    Probe,
    Verdict,
)
from pytest_agentfix.core.ports import Agent, Clock, Progress, StartupSignals
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.judge import SandboxJudge
from pytest_agentfix.repair.holdout import HoldOut
from pytest_agentfix.repair.loop import repair
from pytest_agentfix.repair.merge_queue import MergeQueue
from pytest_agentfix.repair.prompts.prompt import next_prompt
from pytest_agentfix.repair.state import BaseView, LoopServices
from pytest_agentfix.repository import CommitLander
from pytest_agentfix.repository.commit_message import default_message
from pytest_agentfix.runtime.agent_pool import AgentPool, AgentRequest
from pytest_agentfix.runtime.base_versions import BaseVersions
from pytest_agentfix.runtime.cluster_scope import locked_patterns
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.gateway_factory import GatewayFactory


class ClusterRepairer:
    """Makes the loop's parts for each cluster; any thread may use it.

    ``split_off`` is given clusters that came out of others, ``settle`` results of parts.
    """

    def __init__(  # noqa: PLR0913 - all but the first by name
        self,
        setup: RunContext,
        *,
        bench: BaseVersions,
        crew: AgentPool,
        gateways: GatewayFactory,
        clock: Clock,
        split_off: Callable[[Cluster], None],
        settle: Callable[[ClusterResult], None],
    ) -> None:
        self._setup = setup
        self._bench = bench
        self._crew = crew
        self._gateways = gateways
        self._clock = clock
        self._split_off = split_off
        self._settle = settle
        self._lander = CommitLander(
            setup.repository,
            read_base=bench.base(0).read,
            message=default_message,
            branch=setup.settings.branch,
            is_committing=setup.settings.commit,
            patch_folder=setup.patch_folder,
        )
        self.train = MergeQueue(
            lander=self._lander, advance=bench.advance, keep_green=bench.keep_green, clock=clock
        )

    def repair(
        self,
        cluster: Cluster,
        progress: Progress,
        *,
        stop_run: Callable[[str], None],
        under_way: Callable[[], None],
    ) -> ClusterResult:
        """Repair one cluster; an accepted fix becomes part of the base."""
        upstream = self._setup.upstream
        try:
            if cluster.policy.model is not None:
                upstream = self._setup.choose_upstream(cluster.policy.model)
            gateway, access = self._gateways.open(upstream)
        except AgentFixError as error:
            return unprepared(cluster, error)
        job = _ClusterRun(gateway=gateway, access=access)
        try:
            parts = replace(self._parts(job, upstream, stop_run), under_way=under_way)
            result = repair(cluster, parts, progress)
        finally:
            self._gateways.close(gateway)
        if stopped := self._gateways.ledger.run.stopped:
            stop_run(stopped)
        return replace(
            result,
            tokens=gateway.tokens(),
            cost_usd=gateway.cost(),
            test_seconds=sum(job.test_seconds),
            kept=tuple(job.kept),
        )

    def _parts(
        self, job: _ClusterRun, upstream: Upstream, stop_run: Callable[[str], None]
    ) -> LoopServices:
        settings = self._setup.settings
        get_ground = partial(self._stand, job)
        return LoopServices(
            ground=get_ground,
            land=lambda fix, made_on, deadline: self.train.land(
                fix, made_on, get_ground=get_ground, deadline=deadline
            ),
            find_fixer=partial(self._find_fixer, job),
            split_off=self._split_off,
            settle=self._settle,
            next_prompt=_next_prompt,
            count_lines=self._lander.diff_stats,
            stop_run=stop_run,
            clock=self._clock,
            model=upstream.name,
            max_attempts=settings.max_attempts,
            timeout=settings.timeout,
            is_minimising=settings.minimise,
        )

    def _stand(self, job: _ClusterRun) -> BaseView:
        """The base as it is now, and who works on it for ``job``."""
        settled = self.train.settled  # before anything else: what comes later is looked at again
        number, bench = self._bench.number, self._bench
        return BaseView(
            number=number,
            settled=settled,
            judge=self._find_judge(job, number),
            read_base=bench.base(number).read,
            hold_out=partial(bench.hold_out, number),
            open_agent=partial(self._open_agent, job, number),
            accept=partial(bench.accept, number),
            first_prompt=partial(bench.first_prompt, number),
        )

    def _find_judge(self, job: _ClusterRun, number: int) -> SandboxJudge:
        """The judge of ``job`` on the base with ``number`` fixes; it remembers what it found."""
        if number not in job.judges:
            job.judges[number] = self._bench.make_judge(
                number, keep=job.kept.append, stopwatch=job.test_seconds.append
            )
        return job.judges[number]

    def _find_fixer(
        self, job: _ClusterRun, cluster: Cluster, ground: BaseView, deadline: float
    ) -> tuple[Landing, tuple[Probe, ...]] | None:
        return self.train.find_fixer(
            cluster.targets,
            ground.number,
            lambda number: self._find_judge(job, number).reproduce(cluster, deadline=deadline),
        )

    def _open_agent(  # noqa: PLR0913, PLR0917 - two are bound, four are the loop's
        self,
        job: _ClusterRun,
        number: int,
        cluster: Cluster,
        hold_out: HoldOut,
        deadline: float,
        summons: StartupSignals,
    ) -> Agent:
        shown = {path: FileChange(content) for path, content in hold_out.files.items()}
        post = AgentRequest(
            access=job.access,
            door=job.gateway,
            base=self._bench.base(number),
            shown=ChangeSet(shown),
            locked=locked_patterns(
                cluster,
                self._setup.repository.top,
                is_open=self._bench.can_edit_tests(cluster),
            ),
            keep=job.kept.append,
        )
        return self._crew.send(post, deadline=deadline, summons=summons)


@dataclass(slots=True, kw_only=True)
class _ClusterRun:
    """One cluster's repair: its way to the model, and what adds up meanwhile."""

    gateway: ModelGateway
    access: ModelEndpoint
    test_seconds: list[float] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    judges: dict[int, SandboxJudge] = field(default_factory=dict)  # by the number of fixes


def _next_prompt(judgement: Judgement | None, dropped: tuple[Drop, ...], hold_out: HoldOut) -> str:
    if judgement is None:
        return next_prompt((), dropped, ())
    return next_prompt(judgement.red, dropped, judgement.complaints, hold_out)


def unprepared(cluster: Cluster, error: AgentFixError) -> ClusterResult:
    """The result of a cluster that could not even be begun."""
    return ClusterResult(cluster=cluster, verdict=Verdict.ENVIRONMENT, reason=str(error))
