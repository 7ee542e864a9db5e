"""The versions of the base, and the judge, policy, hold-out and prompt on each of them."""

from __future__ import annotations

import importlib.metadata
import os
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from pathlib import Path

from pytest_agentfix.core.machine import count_cores
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Collected,
    Drop,
    Fix,
    HoldOut,
    Judgement,
    RunRequest,
)
from pytest_agentfix.core.paths import fold, normalise
from pytest_agentfix.core.ports import Clock
from pytest_agentfix.core.slots import Slots
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.judge.judge import JudgePlan, SandboxJudge
from pytest_agentfix.judge.lint import Level
from pytest_agentfix.judge.policy import Policy, apply_policy
from pytest_agentfix.judge.policy.globs import compile_glob
from pytest_agentfix.judge.policy.test_files import Suite
from pytest_agentfix.judge.suite_facts import SuiteFacts
from pytest_agentfix.repair.holdout import choose_hold_out
from pytest_agentfix.repair.kin import Kinship
from pytest_agentfix.repair.prompts.excerpts import Sources
from pytest_agentfix.repair.prompts.prompt import first_prompt
from pytest_agentfix.repair.trails import TrailFinder
from pytest_agentfix.repository import find_below
from pytest_agentfix.runtime.advice import Advisor
from pytest_agentfix.runtime.cluster_scope import (
    config_file,
    find_doctest_files,
    folders_of_tests,
    inside,
    make_test_check,
    target_files,
)
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.judge_sandbox import JudgeSandbox
from pytest_agentfix.runtime.sandbox_factory import Keep, SandboxFactory
from pytest_agentfix.sandbox.workspace import Base


class BaseVersions:
    """All versions of one run's base; version N has its first N fixes. Any thread may use it.

    ``is_single``: the run has one cluster to begin with.
    """

    def __init__(  # noqa: PLR0913 - all of it by name
        self,
        context: RunContext,
        *,
        sandboxes: SandboxFactory,
        request: RunRequest,
        clock: Clock,
        is_single: bool = False,
        ignored: frozenset[str] = frozenset(),  # files of the base that git ignores
    ) -> None:
        self._context = context
        self._ignored = ignored
        self._sandboxes = sandboxes
        self._clock = clock
        self._failures = request.failures
        self._is_single = is_single
        self._top = context.repository.top
        self._passed: list[list[str]] = [list(request.passed)]  # judges read it each time
        self._bases: list[Base] = [sandboxes.base]
        self._paths = [
            frozenset(sandboxes.base.files)
        ]  # of each version; the policy caches by them
        self._suites = [SuiteFacts(seed=secrets.randbelow(1_000_000))]
        self._session_limiter = Slots(count_cores())
        self._baselines: dict[str, Baseline] = {}  # by slug: found out ahead of time
        self._submodules = context.repository.submodules
        self._left_out = context.repository.left_out
        self._imported = frozenset(find_below(self._top, request.imported))
        self._advisor = Advisor(
            top=self._top,
            home=Path.home(),
            environ=os.environ,
            is_ignored=sandboxes.ignore.is_ignored,
            cwd=context.invocation.cwd,
            roots=tuple(map(Path, sys.path)),
        )
        self._test_paths = folders_of_tests(context.invocation, self._top)
        ids = (*request.passed, *(failure.nodeid for failure in request.failures))
        self._doctested = find_doctest_files(ids, context.invocation, self._top)
        self._suite = Suite.build(
            Policy(
                test_patterns=context.invocation.test_patterns,
                test_paths=self._test_paths,
                base_paths=self._paths[0],
            )
        )

    @property
    def newest(self) -> int:
        """The newest version: the number of fixes that the base has now."""
        return len(self._bases) - 1

    def base(self, version: int) -> Base:
        """Return one version of the base."""
        return self._bases[version]

    def advance(self, fix: Fix) -> None:
        """Make a landed fix part of the base; from now on its tests have to stay green."""
        self._passed.append([*self._passed[-1], *fix.cluster.targets])
        self._suites.append(self._suites[-1].on_next_base())
        self._paths.append(_paths_after(self._paths[-1], fix.changes))
        self._bases.append(self._bases[-1].with_changes(fix.changes))

    def keep_green(self, targets: Sequence[str]) -> None:
        """Require that tests which are green without a fix of their own stay green as well."""
        self._passed[-1].extend(targets)

    def add_baseline(self, slug: str, baseline: Baseline) -> None:
        """Use what was found out about a cluster ahead of time, on the first version."""
        self._baselines[slug] = baseline

    def make_judge(
        self, version: int, *, keep: Keep, stopwatch: Callable[[float], None]
    ) -> SandboxJudge:
        """Return a judge on one version; it remembers what it reproduced.

        ``stopwatch`` gets the seconds of each test session.
        """
        base = self._bases[version]
        judge = SandboxJudge(
            plan=replace(self.plan_judge(), is_on_top=version > 0),
            open_sandbox=partial(self._open_sandbox, base, keep),
            read_base=base.read,
            passed=self._passed[version],
            clock=self._clock,
            stopwatch=stopwatch,
            limiter=self._session_limiter,
            suite=self._suites[version],
        )
        if version == 0:
            for slug, baseline in self._baselines.items():
                judge.adopt(slug, baseline)
        return judge

    def _open_sandbox(
        self, base: Base, keep: Keep, changes: ChangeSet, *, is_bare: bool = False
    ) -> JudgeSandbox:
        return self._sandboxes.open_for_judge(base, changes, keep, is_bare=is_bare)

    def plan_judge(self) -> JudgePlan:
        """Return what all judges of this run have in common."""
        settings = self._context.settings
        return JudgePlan(
            invocation=inside(self._context.invocation, self._top),
            python=self._context.environment.python,
            base_env=self._context.environment.env,
            top=self._top,
            levels={rule: Level(level) for rule, level in settings.lint},
            is_exempt=self.is_test,
            is_whole_suite=settings.regressions == "all",
            is_minimising=settings.minimise,
            is_alone=self._is_single and self.newest == 0,
            advise=self._advisor.advise,
            failures=self._failures,
            probes=self._context.probes,
        )

    def is_test(self, path: str) -> bool:
        """Return whether ``path`` is a test file, which only the user can open for changes."""
        return self._suite.is_test(fold(path))

    def find_kin(self, clusters: Sequence[Cluster]) -> Kinship:
        """Find out which of ``clusters`` lead into the same functions of the first version."""
        sources = Sources(self._top, self._bases[0].read)
        trails = TrailFinder(sources, self._top, make_test_check(self._context))
        return Kinship(clusters, trails)

    def choose_hold_out(self, version: int, cluster: Cluster) -> HoldOut:
        """Choose the cases of ``cluster`` that the agent is not shown."""
        return choose_hold_out(
            cluster,
            top=self._top,
            read_base=self._bases[version].read,
            can_edit_tests=self.can_edit_tests(cluster),
            passed=self._passed[version],
        )

    def can_edit_tests(self, cluster: Cluster) -> bool:
        """Return whether the policy is open for any of the cluster's own test files."""
        targets = target_files(cluster, self._top)
        globs = self._context.settings.allow
        is_open = self._context.extensions.is_open
        return (
            cluster.policy.allow_test_edits
            or any(compile_glob(glob).fullmatch(path) for glob in globs for path in targets)
            or any(is_open(path, cluster) for path in sorted(targets))
        )

    def apply_policy(
        self, version: int, cluster: Cluster, collected: Collected, litter: frozenset[str]
    ) -> tuple[ChangeSet, tuple[Drop, ...]]:
        """Divide ``collected`` into what the policy lets through and what it leaves out."""
        base = self._bases[version]
        answers = {
            path: self._context.extensions.is_open(path, cluster)
            for path in collected.changes.files
            if normalise(path) is not None and path not in litter
        }
        plain = [path for path in collected.changes.files if normalise(path) is not None]
        modules = frozenset(path for path in self._doctested if path.endswith(".py"))
        forms = self._context.repository.read_stored_forms(plain, base.read)
        policy = Policy(
            test_patterns=self._context.invocation.test_patterns,
            test_paths=self._test_paths,
            targets=target_files(cluster, self._top) | (self._doctested - modules),
            doctested=modules,
            paths=cluster.policy.paths,
            allow_test_edits=cluster.policy.allow_test_edits,
            base_paths=self._paths[version],
            installed_names=_find_installed_names(),
            submodules=self._submodules,
            ignored=self._ignored,
            filtered=forms.filtered,
            left_out=self._left_out,
            encodings=forms.encodings,
            imported=self._imported,
            protected=config_file(self._context.invocation, self._top),
            allow=self._context.settings.allow,
            opened=frozenset(path for path, answer in answers.items() if answer is True),
            closed=frozenset(path for path, answer in answers.items() if answer is False),
        )
        accepted = apply_policy(policy, collected, litter, read_base=base.read)
        return accepted.changes, accepted.dropped

    def first_prompt(
        self, version: int, cluster: Cluster, judgement: Judgement, hold_out: HoldOut, note: str
    ) -> str:
        """Return the first prompt for an agent, with what other plugins add to it."""
        prompt = first_prompt(
            cluster,
            judgement.red,
            python=self._context.environment.python,
            top=self._top,
            read_base=self._bases[version].read,
            hold_out=hold_out,
            note=note,
        )
        return "\n\n".join([prompt, *self._context.extensions.prompt_notes(cluster, prompt)])


def _paths_after(paths: frozenset[str], changes: ChangeSet) -> frozenset[str]:
    """Return the paths after ``changes``: the same object if none comes or goes, as is quicker."""
    gone = {path for path, change in changes.files.items() if change.is_deletion}
    new = changes.files.keys() - gone - paths
    return paths - gone | new if new or gone else paths


@cache
def _find_installed_names() -> frozenset[str]:
    """Return the importable top-level names of installed packages, which take a while to read."""
    packages = importlib.metadata.packages_distributions()
    return frozenset(sys.stdlib_module_names) | frozenset(packages)
