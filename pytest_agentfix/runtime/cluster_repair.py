"""Repairs one cluster after another: what the repair loop calls, with the real worlds behind it."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.core.errors import AgentFixError, EnvironmentTrouble
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Collected,
    Drop,
    Evidence,
    FileChange,
    FileStat,
    Fix,
    HoldOut,
    Judgement,
    Landing,
    Tokens,
    Verdict,
)
from pytest_agentfix.core.ports import (
    Agent,
    BaseView,
    Clock,
    Judge,
    LandingOutcome,
    Progress,
    Reproduction,
    Reviewer,
    StartupSignals,
)
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.judge import SandboxJudge
from pytest_agentfix.repair.loop import make_settled, repair
from pytest_agentfix.repair.merge_queue import MergeQueue
from pytest_agentfix.repair.prompts.prompt import next_prompt
from pytest_agentfix.repair.scheduler import Rerun, Scheduler
from pytest_agentfix.repository import CommitLander
from pytest_agentfix.repository.commit_message import complete_message, default_message
from pytest_agentfix.runtime.agent_pool import AgentPool, AgentRequest
from pytest_agentfix.runtime.base_versions import BaseVersions
from pytest_agentfix.runtime.cluster_scope import locked_patterns
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.gateway_factory import GatewayFactory
from pytest_agentfix.runtime.review import ModelReviewer

_log = logging.getLogger(__name__)

AGENTS_AHEAD: Final = 2  # beyond those at work; each takes some 0.6 GB


@dataclass(slots=True, kw_only=True)
class ClusterRepairer:
    """Repairs the clusters of one run, each with a gateway of its own; any thread may use it."""

    context: RunContext
    base_versions: BaseVersions
    agent_pool: AgentPool
    gateways: GatewayFactory
    scheduler: Scheduler
    clock: Clock
    landing_folder: Path  # scratch
    lander: CommitLander = field(init=False)
    merge_queue: MergeQueue = field(init=False)
    # Slug -> what was kept for a cluster in any of its tries, those that were put back included.
    kept: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list), init=False)
    _withholding: dict[str, bool] = field(default_factory=dict)  # slug -> cases are withheld

    def __post_init__(self) -> None:
        settings = self.context.settings
        self.lander = CommitLander(
            self.context.repository,
            read_base=self.base_versions.base(0).read,
            message=self._write_message,
            branch=settings.branch,
            is_committing=settings.commit,
            patch_folder=self.context.patch_folder,
            scratch=self.landing_folder,
            max_unjudged=settings.max_unjudged,
        )
        self.merge_queue = MergeQueue(
            lander=self.lander,
            advance=self.base_versions.advance,
            keep_green=self.base_versions.keep_green,
            clock=self.clock,
        )

    def _write_message(self, fix: Fix) -> str:
        message = default_message(fix)
        other = self.context.extensions.commit_message(fix, message)
        return message if other is None else complete_message(other, fix)

    def prewarm_agents(self, *, free: int) -> None:
        """Have agents ready for the next clusters, of which ``free`` can begin now."""
        ready = self.scheduler.list_ready()[:AGENTS_AHEAD]
        self.agent_pool.prewarm([not self._can_share(cluster) for cluster in ready], free=free)

    def count_sharing(self) -> int:
        """Count the clusters to come that can go on in a sandbox of another one."""
        return sum(self._can_share(cluster) for cluster in self.scheduler.list_waiting())

    def _can_share(self, cluster: Cluster) -> bool:
        """Return whether ``cluster`` is for the usual model, and none of its cases is withheld."""
        if cluster.slug not in self._withholding:
            is_withheld = True
            with suppress(AgentFixError):  # told where the cluster is repaired
                newest = self.base_versions.newest
                is_withheld = bool(self.base_versions.choose_hold_out(newest, cluster).files)
            self._withholding[cluster.slug] = is_withheld
        return cluster.policy.model is None and not self._withholding[cluster.slug]

    def repair(self, cluster: Cluster, progress: Progress) -> ClusterResult | None:
        """Repair one cluster; an accepted fix becomes part of the base.

        ``None``: it has to wait for another one.
        """
        upstream = self.context.upstream
        try:
            if cluster.policy.model is not None:
                upstream = self.context.choose_upstream(self.context.settings, cluster.policy.model)
            gateway, access = self.gateways.open(upstream)
        except AgentFixError as error:
            return unprepared(cluster, error)
        run = _ClusterRun(self, cluster, gateway, access, upstream)
        try:
            result = repair(cluster, run, progress)
        finally:
            for each in run.gateways:
                self.gateways.close(each)
        if result is None:
            return None
        if stopped := self.gateways.ledger.run.stopped:
            self.scheduler.stop(stopped)
        return replace(
            result,
            tokens=sum((each.tokens() for each in run.gateways), Tokens()),
            cost_usd=_add_costs(run.gateways),
            test_seconds=sum(run.test_seconds),
            kept=tuple(run.kept),
        )

    def rerun(self, rerun: Rerun, progress: Progress) -> list[ClusterResult]:
        """Run clusters again with a fix that may have helped them; return those it has settled."""
        seconds: list[float] = []
        kept: list[str] = []
        deadline = self.clock.monotonic() + self.context.settings.timeout

        def rerun_at(version: int, cluster: Cluster) -> Reproduction:
            judge = self.base_versions.make_judge(
                version, keep=kept.append, stopwatch=seconds.append
            )
            return judge.rerun(cluster, deadline=deadline)

        for cluster in rerun.clusters:
            progress.say(cluster, "its tests run again, with the fix of others like them")

        def settle(clusters: Sequence[Cluster]) -> list[Cluster]:
            try:
                return self.merge_queue.settle(clusters, rerun.landing, rerun_at)
            except TimeoutError as trouble:  # each is begun in its turn
                _log.debug("not run again: %s", trouble)
                return []
            except EnvironmentTrouble as trouble:
                _log.debug("not run again together: %s", trouble)
                middle = len(clusters) // 2  # one of them may end the process that runs them all
                if not middle:
                    return []
                return settle(clusters[:middle]) + settle(clusters[middle:])

        settled = settle(rerun.clusters)
        results = [make_settled(cluster, rerun.landing) for cluster in settled]
        for result in results:
            progress.say(result.cluster, f"{result.verdict.value}: {result.reason}")
        if not results:
            self.kept[rerun.clusters[0].slug] += kept
        return [
            replace(result, test_seconds=sum(seconds), kept=tuple(kept)) if not place else result
            for place, result in enumerate(results)
        ]


class _ClusterRun:
    """The repair of one cluster, and what adds up meanwhile. Implements ``ports.LoopServices``."""

    def __init__(
        self,
        repairer: ClusterRepairer,
        cluster: Cluster,
        gateway: ModelGateway,
        access: ModelEndpoint,
        upstream: Upstream,
    ) -> None:
        settings = repairer.context.settings
        self.repairer = repairer
        self.cluster = cluster  # as the scheduler gave it: it may be split later
        self.gateway = gateway
        self.access = access
        self.clock = repairer.clock
        self.model = upstream.name
        self.max_attempts = settings.max_attempts
        self.timeout = settings.timeout
        self.is_minimising = settings.minimise
        self.test_seconds: list[float] = []
        self.kept = repairer.kept[cluster.slug]
        self._reviewer = self._make_reviewer(upstream) if settings.review is not None else None
        self.reviewer: Reviewer | None = self._reviewer
        self._judges: dict[int, SandboxJudge] = {}  # by the version of the base
        self.is_withholding = False

    def _make_reviewer(self, upstream: Upstream) -> ModelReviewer:
        """Return a reviewer with the model for reviews, by default the one that repairs.

        Its gateway is its own, as what the agent has left in its sandbox can still reach the
        other one; what it takes counts in the same account.
        """
        repairer, chosen = self.repairer, self.repairer.context.review or upstream
        return ModelReviewer(
            model=chosen.name,
            open_gateway=lambda: repairer.gateways.open(chosen, self.gateway.account),
            agent_pool=repairer.agent_pool,
            top=repairer.context.repository.top,
            clock=self.clock,
            keep=self.kept.append,
        )

    @property
    def gateways(self) -> list[ModelGateway]:
        """The gateways of this cluster that were opened so far."""
        of_reviews = self._reviewer.gateway if self._reviewer else None
        return [self.gateway] if of_reviews is None else [self.gateway, of_reviews]

    def current_base(self) -> BaseView:
        # The count comes first: what settles from now on is judged again.
        settled_count = self.repairer.merge_queue.settled_count
        return _ClusterBase(self, self.repairer.base_versions.newest, settled_count)

    def find_judge(self, version: int) -> SandboxJudge:
        """Return this cluster's judge on one version of the base; it remembers what it found."""
        if version not in self._judges:
            self._judges[version] = self.repairer.base_versions.make_judge(
                version, keep=self.kept.append, stopwatch=self.test_seconds.append
            )
        return self._judges[version]

    def must_wait(self, reproduction: Reproduction) -> bool:
        return self.repairer.scheduler.must_wait(self.cluster, reproduction.entered)

    def next_prompt(
        self, judgement: Judgement | None, dropped: Sequence[Drop], hold_out: HoldOut
    ) -> str:
        if judgement is None:
            return next_prompt((), dropped, ())
        return next_prompt(judgement.red, dropped, judgement.complaints, hold_out)

    def land(self, fix: Fix, made_on: BaseView, *, deadline: float) -> LandingOutcome:
        return self.repairer.merge_queue.land(
            fix, made_on, current_base=self.current_base, deadline=deadline
        )

    def find_fixing_commit(
        self, cluster: Cluster, base: BaseView, *, deadline: float
    ) -> tuple[Landing, tuple[Evidence, ...]] | None:
        def reproduce_at(version: int) -> Reproduction:
            return self.find_judge(version).reproduce(cluster, deadline=deadline)

        return self.repairer.merge_queue.find_fixing_commit(
            cluster.targets, base.version, reproduce_at
        )

    def count_lines(self, fix: Fix) -> tuple[FileStat, ...]:
        return self.repairer.lander.diff_stats(fix)

    def add_cluster(self, cluster: Cluster) -> None:
        self.repairer.scheduler.add(cluster)

    def add_result(self, result: ClusterResult) -> None:
        self.repairer.scheduler.settle(result)

    def agent_turn(self) -> AbstractContextManager[None]:
        self.repairer.scheduler.mark_started(self.cluster)
        judge = self._judges[max(self._judges)]
        needed = judge.count_sandboxes(is_withholding=self.is_withholding)
        return self.repairer.agent_pool.sandboxes.agent_at_work(needed)

    def interruption(self) -> str:
        return self.repairer.scheduler.interruption

    def stop_run(self, reason: str) -> None:
        self.repairer.scheduler.stop(reason)


@dataclass(slots=True)
class _ClusterBase:
    """One version of the base in the repair of one cluster. Implements ``ports.BaseView``."""

    run: _ClusterRun
    version: int
    settled_count: int
    judge: Judge = field(init=False)
    _versions: BaseVersions = field(init=False)

    def __post_init__(self) -> None:
        self.judge = self.run.find_judge(self.version)
        self._versions = self.run.repairer.base_versions

    def read_base(self, path: str) -> tuple[bytes, bool] | None:
        return self._versions.base(self.version).read(path)

    def choose_hold_out(self, cluster: Cluster) -> HoldOut:
        hold_out = self._versions.choose_hold_out(self.version, cluster)
        self.run.is_withholding = bool(hold_out.withheld)
        return hold_out

    def open_agent(
        self, cluster: Cluster, hold_out: HoldOut, *, deadline: float, signals: StartupSignals
    ) -> Agent:
        shown = {path: FileChange(content) for path, content in hold_out.files.items()}
        request = AgentRequest(
            access=self.run.access,
            gateway=self.run.gateway,
            base=self._versions.base(self.version),
            shown=ChangeSet(shown),
            locked=locked_patterns(
                cluster,
                self.run.repairer.context.repository.top,
                is_open=self._versions.can_edit_tests(cluster),
            ),
            keep=self.run.kept.append,
            count_others=self.run.repairer.count_sharing,
        )
        return self.run.repairer.agent_pool.acquire(request, deadline=deadline, signals=signals)

    def first_prompt(
        self, cluster: Cluster, judgement: Judgement, hold_out: HoldOut, note: str
    ) -> str:
        return self._versions.first_prompt(self.version, cluster, judgement, hold_out, note)

    def apply_policy(
        self, cluster: Cluster, collected: Collected, litter: frozenset[str]
    ) -> tuple[ChangeSet, tuple[Drop, ...]]:
        return self._versions.apply_policy(self.version, cluster, collected, litter)


def _add_costs(gateways: Sequence[ModelGateway]) -> float | None:
    """Return the US dollars spent, ``None`` if no request was made or a price is unknown."""
    costs = [each.cost() for each in gateways if each.requests()]
    known = [cost for cost in costs if cost is not None]
    return sum(known) if known and len(known) == len(costs) else None


def unprepared(cluster: Cluster, error: AgentFixError) -> ClusterResult:
    """Return the result of a cluster that could not even be begun."""
    return ClusterResult(cluster=cluster, verdict=Verdict.ENVIRONMENT, reason=str(error))
