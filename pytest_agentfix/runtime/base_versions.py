"""What changes are measured with: judge, policy and hold-out, on each state of the base."""

from __future__ import annotations

import importlib.metadata
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from pytest_agentfix.core.machine import count_cores
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Collected,
    Drop,
    Fix,
    Judgement,
    RunRequest,
)
from pytest_agentfix.core.paths import fold
from pytest_agentfix.core.ports import Clock
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.judge.judge import JudgePlan, SandboxJudge
from pytest_agentfix.judge.lint import Level
from pytest_agentfix.judge.policy import Policy, apply_policy
from pytest_agentfix.judge.policy.globs import compile_glob
from pytest_agentfix.judge.policy.test_files import Suite
from pytest_agentfix.judge.sessions.session_limit import SessionLimiter
from pytest_agentfix.judge.suite_facts import SuiteFacts
from pytest_agentfix.repair.holdout import HoldOut, choose_hold_out
from pytest_agentfix.repair.prompts.prompt import first_prompt
from pytest_agentfix.runtime.cluster_scope import (
    config_file,
    folders_of_tests,
    inside,
    target_files,
)
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.sandbox_factory import Keep, SandboxFactory
from pytest_agentfix.sandbox.workspace import Base


class BaseVersions:
    """Any thread may use it. A ``number`` tells a base by the fixes of this run in it."""

    def __init__(
        self, setup: RunContext, *, sandboxes: SandboxFactory, request: RunRequest, clock: Clock
    ) -> None:
        self._setup = setup
        self._sandboxes = sandboxes
        self._clock = clock
        self._top = setup.repository.top
        self._passed: list[list[str]] = [list(request.passed)]  # judges read it anew each time
        self._bases: list[Base] = [sandboxes.base]
        self._paths = [frozenset(sandboxes.base.files)]  # of each base; the policy knows them again
        self._suites = [SuiteFacts(seed=secrets.randbelow(1_000_000))]
        self._slots = SessionLimiter(count_cores())
        self._known: dict[str, Baseline] = {}  # by slug: what was found out ahead
        self._submodules = setup.repository.submodules
        self._test_paths = folders_of_tests(setup.invocation, self._top)
        self._suite = Suite.build(
            Policy(
                test_patterns=setup.invocation.test_patterns,
                test_paths=self._test_paths,
                base_paths=self._paths[0],
            )
        )

    @property
    def number(self) -> int:
        """How many fixes the base has now."""
        return len(self._bases) - 1

    def base(self, number: int) -> Base:
        """One state of the base."""
        return self._bases[number]

    def advance(self, fix: Fix) -> None:
        """A landed fix is part of the base from now on, and its tests have to stay green."""
        self._passed.append([*self._passed[-1], *fix.cluster.targets])
        self._suites.append(self._suites[-1].on_next_base())
        self._paths.append(_paths_after(self._paths[-1], fix.changes))
        self._bases.append(self._bases[-1].with_changes(fix.changes))

    def keep_green(self, targets: Sequence[str]) -> None:
        """Tests that are green without a fix of their own have to stay green as well."""
        self._passed[-1].extend(targets)

    def know(self, slug: str, before: Baseline) -> None:
        """Take what was found out about a cluster ahead of time, on the first base."""
        self._known[slug] = before

    def make_judge(
        self, number: int, *, keep: Keep, stopwatch: Callable[[float], None]
    ) -> SandboxJudge:
        """A judge on one base; it remembers what it reproduced. ``stopwatch`` is told seconds."""
        base = self._bases[number]
        judge = SandboxJudge(
            plan=replace(self.plan_judge(), is_on_top=number > 0),
            open_sandbox=lambda changes: self._sandboxes.open_for_judge(base, changes, keep),
            read_base=base.read,
            passed=self._passed[number],
            clock=self._clock,
            stopwatch=stopwatch,
            slots=self._slots,
            suite=self._suites[number],
        )
        if number == 0:
            for slug, before in self._known.items():
                judge.adopt(slug, before)
        return judge

    def plan_judge(self) -> JudgePlan:
        """How judges of this run go about it."""
        settings = self._setup.settings
        return JudgePlan(
            invocation=inside(self._setup.invocation, self._top),
            python=self._setup.environment.python,
            base_env=self._setup.environment.env,
            top=self._top,
            levels={rule: Level(level) for rule, level in settings.lint},
            is_exempt=self.is_test,
            is_whole_suite=settings.regressions == "all",
        )

    def is_test(self, path: str) -> bool:
        """Whether ``path`` is a test's, which only a user can open for changes."""
        return self._suite.is_test(fold(path))

    def hold_out(self, number: int, cluster: Cluster) -> HoldOut:
        """Which cases of ``cluster`` the agent is not shown."""
        return choose_hold_out(
            cluster,
            top=self._top,
            read_base=self._bases[number].read,
            can_edit_tests=self.can_edit_tests(cluster),
            passed=self._passed[number],
        )

    def can_edit_tests(self, cluster: Cluster) -> bool:
        """Whether the policy is open for any of the cluster's own test files."""
        targets = target_files(cluster, self._top)
        globs = self._setup.settings.allow
        return cluster.policy.allow_test_edits or any(
            compile_glob(glob).fullmatch(path) for glob in globs for path in targets
        )

    def accept(
        self, number: int, cluster: Cluster, collected: Collected, litter: frozenset[str]
    ) -> tuple[ChangeSet, tuple[Drop, ...]]:
        """The policy: what may stay of what was collected, and what may not."""
        base = self._bases[number]
        policy = Policy(
            test_patterns=self._setup.invocation.test_patterns,
            test_paths=self._test_paths,
            targets=target_files(cluster, self._top),
            paths=cluster.policy.paths,
            allow_test_edits=cluster.policy.allow_test_edits,
            base_paths=self._paths[number],
            installed_names=_find_installed_names(),
            submodules=self._submodules,
            protected=config_file(self._setup.invocation, self._top),
            allow=self._setup.settings.allow,
        )
        accepted = apply_policy(policy, collected, litter, read_base=base.read)
        return accepted.changes, accepted.dropped

    def first_prompt(
        self, number: int, cluster: Cluster, judgement: Judgement, hold_out: HoldOut, note: str
    ) -> str:
        """What an agent is told first."""
        return first_prompt(
            cluster,
            judgement.red,
            python=self._setup.environment.python,
            top=self._top,
            read_base=self._bases[number].read,
            hold_out=hold_out,
            note=note,
        )


def _paths_after(paths: frozenset[str], changes: ChangeSet) -> frozenset[str]:
    """The same set where no file comes or goes, which is much quicker to work with."""
    gone = {path for path, change in changes.files.items() if change.is_deletion}
    new = changes.files.keys() - gone - paths
    return paths - gone | new if new or gone else paths


def find_test_files(setup: RunContext) -> Callable[[Path], bool]:
    """Tell whether a file, by its absolute path, is a test's; before there is a base."""
    top = setup.repository.top
    suite = Suite.build(
        Policy(
            test_patterns=setup.invocation.test_patterns,
            test_paths=folders_of_tests(setup.invocation, top),
        )
    )
    return lambda path: (
        path.is_relative_to(top) and suite.is_test(fold(path.relative_to(top).as_posix()))
    )


@cache
def _find_installed_names() -> frozenset[str]:
    """The importable top-level names that are no project's own. Reading them all takes a while."""
    packages = importlib.metadata.packages_distributions()
    return frozenset(sys.stdlib_module_names) | frozenset(packages)
