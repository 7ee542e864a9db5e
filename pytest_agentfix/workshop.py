"""Makes the repair loop's parts, with the real worlds behind them, for each cluster."""

from __future__ import annotations

import importlib.metadata
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from pytest_agentfix.agents.opencode import OpenCodeAgent, OpenCodePlan
from pytest_agentfix.agents.opencode_config import ModelAccess
from pytest_agentfix.errors import AgentFixError
from pytest_agentfix.gateway.model_gateway import ModelGateway, SystemClock
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateways import Gateways
from pytest_agentfix.holdout import HoldOut, choose_hold_out
from pytest_agentfix.judge.judging import JudgePlan, SandboxJudge
from pytest_agentfix.lint import Level
from pytest_agentfix.message import default_message
from pytest_agentfix.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Collected,
    Drop,
    FileChange,
    Fix,
    Invocation,
    Judgement,
    Landing,
    ProbeResult,
    RunRequest,
    Verdict,
)
from pytest_agentfix.policy import Policy, apply_policy, fold
from pytest_agentfix.policy.globs import compile_glob
from pytest_agentfix.policy.suite import Suite
from pytest_agentfix.ports import Lander, Progress
from pytest_agentfix.prompt import INSTRUCTIONS, first_prompt, next_prompt
from pytest_agentfix.repair import repair
from pytest_agentfix.repository import CommitLander
from pytest_agentfix.sandboxes import Sandboxes
from pytest_agentfix.scope import (
    config_file,
    folders_of_tests,
    inside,
    locked_patterns,
    target_files,
)
from pytest_agentfix.setup import Setup
from pytest_agentfix.work import Parts


class Workshop:
    """Makes the loop's parts for one cluster after another."""

    def __init__(
        self,
        setup: Setup,
        sandboxes: Sandboxes,
        request: RunRequest,
        clock: SystemClock,
        gateways: Gateways,
    ) -> None:
        self._setup = setup
        self._sandboxes = sandboxes
        self._clock = clock
        self._gateways = gateways
        self._passed = list(request.passed)
        self._test_seconds: list[float] = []
        self._installed_names = frozenset(sys.stdlib_module_names) | frozenset(
            importlib.metadata.packages_distributions()
        )
        invocation = inside(setup.invocation, setup.repository.top)
        base = sandboxes.base
        self._suite = Suite.build(
            Policy(
                test_patterns=setup.invocation.test_patterns,
                test_paths=folders_of_tests(setup.invocation, setup.repository.top),
                base_paths=frozenset(base.files),
            )
        )
        make_judge = partial(
            SandboxJudge,
            plan=self._plan_judge(invocation),
            passed=self._passed,
            clock=clock,
            stopwatch=self._test_seconds.append,
        )
        self._judge = make_judge(open_sandbox=sandboxes.open_for_judge, read_base=self._read)
        self._judge_at_start = make_judge(
            open_sandbox=lambda _: sandboxes.open_at_start(), read_base=base.read
        )
        self._landed: list[Landing] = []
        self._lander = CommitLander(
            setup.repository,
            read_base=base.read,
            message=default_message,
            branch=setup.settings.branch,
            is_committing=setup.settings.commit,
            patch_folder=setup.patch_folder,
        )

    def repair(
        self, cluster: Cluster, progress: Progress, *, stop_run: Callable[[str], None]
    ) -> ClusterResult:
        """Repair one cluster; an accepted fix becomes the base of the next."""
        upstream = self._setup.upstream
        if cluster.policy.model is not None:
            try:
                upstream = self._setup.choose_upstream(cluster.policy.model)
            except AgentFixError as error:
                return unprepared(cluster, error)
        try:
            gateway, access = self._gateways.open(upstream)
        except AgentFixError as error:
            return unprepared(cluster, error)
        tests_before = len(self._test_seconds)
        kept_before = len(self._sandboxes.kept)
        try:
            parts = self._parts(upstream, (access, gateway), stop_run)
            result = repair(cluster, parts, progress)
        finally:
            self._gateways.close(gateway)
        if stopped := self._gateways.ledger.run.stopped:
            stop_run(stopped)
        return replace(
            result,
            tokens=gateway.tokens(),
            cost_usd=gateway.cost(),
            test_seconds=sum(self._test_seconds[tests_before:]),
            kept=tuple(self._sandboxes.kept[kept_before:]),
        )

    def _parts(
        self,
        upstream: Upstream,
        way: tuple[ModelAccess, ModelGateway],
        stop_run: Callable[[str], None],
    ) -> Parts:
        settings = self._setup.settings
        return Parts(
            judge=self._judge,
            lander=_Advancing(self._lander, self._accepted),
            open_agent=partial(self._open_agent, way),
            hold_out=self._hold_out,
            accept=self._accept,
            reproduce_at_start=lambda cluster, deadline: self._judge_at_start.reproduce(
                cluster, deadline=deadline
            ),
            landed=self._landed,
            first_prompt=self._first_prompt,
            next_prompt=_next_prompt,
            count_lines=self._lander.diff_stats,
            stop_run=stop_run,
            clock=self._clock,
            model=upstream.name,
            max_attempts=settings.max_attempts,
            timeout=settings.timeout,
            is_minimising=settings.minimise,
        )

    def _plan_judge(self, invocation: Invocation) -> JudgePlan:
        settings = self._setup.settings
        return JudgePlan(
            invocation=invocation,
            python=self._setup.environment.python,
            base_env=self._setup.environment.env,
            top=self._setup.repository.top,
            levels={rule: Level(level) for rule, level in settings.lint},
            is_exempt=self._is_test,
            is_whole_suite=settings.regressions == "all",
        )

    def _read(self, path: str) -> tuple[bytes, bool] | None:
        """A file of the base as it is now."""
        return self._sandboxes.base.read(path)

    def _is_test(self, path: str) -> bool:
        """Whether ``path`` is a test's, which only a user can open for changes."""
        return self._suite.is_test(fold(path))

    def _hold_out(self, cluster: Cluster) -> HoldOut:
        return choose_hold_out(
            cluster,
            top=self._setup.repository.top,
            read_base=self._read,
            can_edit_tests=self._can_edit_tests(cluster),
            passed=self._passed,
        )

    def _can_edit_tests(self, cluster: Cluster) -> bool:
        """Whether the policy is open for any of the cluster's own test files."""
        targets = target_files(cluster, self._setup.repository.top)
        globs = self._setup.settings.allow
        return cluster.policy.allow_test_edits or any(
            compile_glob(glob).fullmatch(path) for glob in globs for path in targets
        )

    def _open_agent(
        self,
        way: tuple[ModelAccess, ModelGateway],
        cluster: Cluster,
        hold_out: HoldOut,
        deadline: float,
        unneeded: threading.Event,
    ) -> OpenCodeAgent:
        access, gateway = way
        shown = {path: FileChange(content) for path, content in hold_out.files.items()}
        sandbox = self._sandboxes.open_for_agent(gateway.handle, ChangeSet(shown))
        plan = OpenCodePlan(
            access=access,
            instructions=INSTRUCTIONS,
            directory=self._setup.repository.top,
            env={**self._setup.invocation.environ, **self._setup.environment.env},
            locked=locked_patterns(
                cluster,
                self._setup.repository.top,
                is_open=self._can_edit_tests(cluster),
            ),
        )
        agent = OpenCodeAgent(sandbox, plan, door=gateway, clock=self._clock)
        try:
            agent.launch(deadline=deadline, unneeded=unneeded)
        except BaseException:
            agent.close()
            raise
        return agent

    def _accept(
        self, cluster: Cluster, collected: Collected, litter: frozenset[str]
    ) -> tuple[ChangeSet, tuple[Drop, ...]]:
        base = self._sandboxes.base
        policy = Policy(
            test_patterns=self._setup.invocation.test_patterns,
            test_paths=folders_of_tests(self._setup.invocation, self._setup.repository.top),
            targets=target_files(cluster, self._setup.repository.top),
            paths=cluster.policy.paths,
            allow_test_edits=cluster.policy.allow_test_edits,
            base_paths=frozenset(base.files),
            installed_names=self._installed_names,
            submodules=self._setup.repository.submodules,
            protected=config_file(self._setup.invocation, self._setup.repository.top),
            allow=self._setup.settings.allow,
        )
        accepted = apply_policy(policy, collected, litter, read_base=base.read)
        return accepted.changes, accepted.dropped

    def _first_prompt(self, cluster: Cluster, judgement: Judgement, hold_out: HoldOut) -> str:
        return first_prompt(
            cluster,
            judgement.red,
            python=self._setup.environment.python,
            top=self._setup.repository.top,
            read_base=self._read,
            hold_out=hold_out,
        )

    def _accepted(self, fix: Fix) -> None:
        """A landed fix is part of the base from now on, and its tests have to stay green."""
        self._sandboxes.advance(fix.changes)
        self._passed.extend(fix.cluster.targets)


@dataclass(frozen=True, slots=True)
class _Advancing:
    """A lander that tells when a fix has landed. Implements ``ports.Lander``."""

    lander: Lander
    landed: Callable[[Fix], None]

    def land(self, fix: Fix) -> Landing:
        """Land, then tell."""
        landing = self.lander.land(fix)
        self.landed(fix)
        return landing


def _next_prompt(judgement: Judgement | None, dropped: tuple[Drop, ...], hold_out: HoldOut) -> str:
    if judgement is None:
        return next_prompt((), dropped, ())
    failed = [probe for probe in judgement.probes if probe.result is ProbeResult.FAILED]
    complaints = [f"{probe.name}: {probe.detail}" for probe in failed]
    return next_prompt(judgement.red, dropped, complaints, hold_out)


def unprepared(cluster: Cluster, error: AgentFixError) -> ClusterResult:
    """The result of a cluster that could not even be begun."""
    return ClusterResult(cluster=cluster, verdict=Verdict.ENVIRONMENT, reason=str(error))
