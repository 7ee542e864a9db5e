"""Send the corpus through the real policy, lint and judge, in real sandboxes."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Collected,
    Failure,
    FileChange,
    HoldOut,
    Invocation,
    Judgement,
    ProbeResult,
    RunRequest,
)
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.gateway.providers.choosing import choose_upstream
from pytest_agentfix.judge.lint import Level
from pytest_agentfix.judge.probes.lint import LINT, lint
from pytest_agentfix.judge.sessions.command import CommandBuilder
from pytest_agentfix.repair.clustering import make_slug
from pytest_agentfix.repository import Repository, make_snapshot
from pytest_agentfix.runtime.base_versions import BaseVersions
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory, is_agent_file
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import choose_environment
from pytest_agentfix.sandbox.scratch import Scratch
from pytest_agentfix.sandbox.workspace import Base
from tests.cheats import failure_dump

PLUGIN = "agentfix_failure_dump"  # a name of its own: projects have a package ``tests`` too
# Seconds for one judgement, and for one session of the targets: some cheats hang. What is to be
# accepted is not to fail for a busy machine.
LIMIT, PATIENCE = 200.0, 60.0
LONG_LIMIT, LONG_PATIENCE = 400.0, 100.0
__all__ = ["LINT", "POLICY", "TIME", "Changes", "JudgedChange", "JudgedProject"]
POLICY = "policy"
TIME = "time"
Changes = Mapping[str, "bytes | str | None"]
Suite = tuple[tuple[Failure, ...], tuple[str, ...]]  # the failures, and the node ids that passed


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedChange:
    """One judged change set.

    ``caught_by`` are the probes (or the policy) against it, ``lint_rules`` the rules of the lint
    that refuse it, in alphabetical order.
    """

    caught_by: tuple[str, ...]
    judgement: Judgement | None
    lint_rules: tuple[str, ...] = ()

    @property
    def is_accepted(self) -> bool:
        return self.judgement is not None and self.judgement.is_accepted

    def describe(self) -> str:
        """Return all evidence, for the message of a failing test."""
        probes = self.judgement.probes if self.judgement else ()
        lines = [f"{probe.name}: {probe.result.value}: {probe.detail}" for probe in probes]
        red = self.judgement.red if self.judgement else ()
        lines += [f"{one.nodeid}: {one.outcome}\n{one.detail[-3000:]}" for one in red[:3]]
        return "\n".join([f"caught by {self.caught_by}", *lines])


class JudgedProject:
    """One project under the judge, set up as a run of the product would."""

    def __init__(  # noqa: PLR0913 - one project, by name
        self,
        folder: Path,
        files: Mapping[str, str | bytes],
        *,
        engine: Engine,
        arguments: tuple[str, ...] = (),
        only: tuple[str, ...] = (),
        is_thorough: bool = False,
    ) -> None:
        self.top = folder / "project"
        _write(self.top, files)
        self._scratch = Scratch(folder / "scratch")
        self.context = context = self._make_context(engine, folder)
        self.sandboxes = self._make_sandboxes(context)
        self.failures, self.passed = self._run_suite(folder, arguments)
        if only:
            self.failures = tuple(one for one in self.failures if one.nodeid in only)
        self._base_versions = BaseVersions(
            context,
            sandboxes=self.sandboxes,
            request=RunRequest(
                failures=self.failures, passed=self.passed, invocation=context.invocation
            ),
            clock=SystemClock(),
        )
        self._judge = self._base_versions.make_judge(
            0, keep=lambda _: None, stopwatch=lambda _: None
        )
        self._judge._plan = replace(self._judge._plan, is_thorough=is_thorough)
        self.cluster = Cluster(slug=make_slug(self.top.name), failures=self.failures)
        self.hold_out: HoldOut = self._base_versions.choose_hold_out(0, self.cluster)

    def judge(self, changes: Changes, *, has_time: bool) -> JudgedChange:
        """Judge one change set after the policy; without ``has_time`` a hang is ended early."""
        limit, patience = (LONG_LIMIT, LONG_PATIENCE) if has_time else (LIMIT, PATIENCE)
        self._judge._plan = replace(self._judge._plan, patience=patience)
        collected = Collected(changes=_make_changes(changes))
        kept, _ = self._base_versions.apply_policy(0, self.cluster, collected, frozenset())
        if not kept:
            return JudgedChange(caught_by=(POLICY,), judgement=None)
        try:
            judgement = self._judge.judge(
                self.cluster,
                kept,
                deadline=time.monotonic() + limit,
                withheld=self.hold_out.withheld,
                note=self.hold_out.reason,
            )
        except TimeoutError:  # the product's verdict would be ``timeout``
            return JudgedChange(caught_by=(TIME,), judgement=None)
        failed = [probe.name for probe in judgement.probes if probe.result is ProbeResult.FAILED]
        return JudgedChange(
            caught_by=tuple(failed), judgement=judgement, lint_rules=self._list_rules(kept)
        )

    def _list_rules(self, changes: ChangeSet) -> tuple[str, ...]:
        plan = self._judge._plan
        hits = lint(
            self.cluster,
            changes,
            rootdir=plan.invocation.rootdir,
            top=plan.top,
            read_base=self._judge._read_base,
            levels=plan.levels,
            is_exempt=plan.is_exempt,
        )
        return tuple(sorted({hit.rule for hit in hits if hit.level is Level.REFUSE}))

    def close(self) -> None:
        self.sandboxes.shutdown()
        self._scratch.close()

    def _run_suite(self, folder: Path, arguments: tuple[str, ...]) -> Suite:
        return _run_on_host(self.top, folder, arguments)

    def _make_context(self, engine: Engine, folder: Path) -> RunContext:
        settings = Settings(base_url="http://127.0.0.1:9/v1", model="scripted/model")
        invocation = Invocation(
            rootdir=self.top,
            cwd=self.top,
            config_file=_find_config(self.top),
            has_cwd_on_path=True,
            arguments=("-p", "no:hypothesispytest"),  # most of a second in each session
        )
        return RunContext(
            settings=settings,
            invocation=invocation,
            repository=Repository.open(self.top),
            engine=engine,
            environment=choose_environment(settings, engine, top=self.top),
            upstream=choose_upstream(settings, environ={}, home=folder),
            choose_upstream=lambda *_: choose_upstream(settings, environ={}, home=folder),
            find_opencode=lambda: OpenCodeBinary(path=Path("/nowhere"), version="1.18.34"),
            scratch_root=folder / "scratch",
            cache=folder / "cache",
            patch_folder=folder,
        )

    def _make_sandboxes(self, context: RunContext) -> SandboxFactory:
        base = Base.create(
            top=self.top,
            files=context.repository.list_files(()),
            folder=self._scratch.folder("base"),
            owner=None if os.getuid() else context.environment.user,
            is_hidden=is_agent_file,
            snapshot=make_snapshot,
        )
        return SandboxFactory(
            engine=context.engine,
            environment=context.environment,
            scratch=self._scratch,
            base=base,
            ignore=context.repository.ignore_rules(),
            opencode=Path("/nowhere"),
            session=CommandBuilder(
                invocation=context.invocation,
                top=self.top,
                python=context.environment.python,
                base_env=context.environment.env,
            ).build_waiting(),
        )


def _write(top: Path, files: Mapping[str, str | bytes]) -> None:
    for path, content in files.items():
        target = top / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
    identity = ("-c", "user.name=A Tester", "-c", "user.email=tester@example.com")
    for arguments in (("init", "-q"), ("add", "-fA"), (*identity, "commit", "-qm", "base")):
        subprocess.run(["git", *arguments], cwd=top, check=True)


def _find_config(top: Path) -> Path | None:
    names = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
    found = (top / name for name in names)
    return next((path for path in found if path.exists() and b"pytest" in path.read_bytes()), None)


def _run_on_host(top: Path, folder: Path, arguments: tuple[str, ...]) -> Suite:
    """Run the suite as its owner does, on code nobody has touched."""
    target = folder / "failures"
    (folder / "plugin").mkdir()
    shutil.copy(failure_dump.__file__, folder / "plugin" / f"{PLUGIN}.py")
    env = {
        **os.environ,
        "PYTHONPATH": str(folder / "plugin"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        failure_dump.TARGET: str(target),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", PLUGIN]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", *arguments],
        cwd=top,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert target.exists(), done.stdout + done.stderr
    found: Suite = pickle.loads(target.read_bytes())
    return found


def _make_changes(changes: Changes) -> ChangeSet:
    files = {
        path: FileChange(content.encode() if isinstance(content, str) else content)
        for path, content in changes.items()
    }
    return ChangeSet(files)
