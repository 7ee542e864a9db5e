"""Makes the sandboxes of a run: the workspace, the mounts, the labels, the preflight."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode import BINARY
from pytest_agentfix.model import ChangeSet
from pytest_agentfix.ports import MODEL_PORT, AcceptHandler
from pytest_agentfix.repository import IgnoreRules, make_snapshot
from pytest_agentfix.sandbox.container import ContainerSandbox, SandboxPlan
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL, Engine
from pytest_agentfix.sandbox.environment import Environment
from pytest_agentfix.sandbox.preflight import check_sandbox
from pytest_agentfix.sandbox.scratch import Scratch, owner_name
from pytest_agentfix.workspace import Base, Workspace

# What OpenCode would read, or import, of the repository's own; the agent's copy does without it.
AGENT_FILES: Final = frozenset({".opencode", "opencode.json", "opencode.jsonc"})


def is_agent_file(path: str) -> bool:
    """Whether ``path`` (repository-relative) is one of OpenCode's own files, or below one."""
    return any(part.casefold() in AGENT_FILES for part in path.split("/"))


@dataclass(slots=True, kw_only=True)
class Sandboxes:
    """The sandboxes of one run. ``base`` moves on with every accepted fix."""

    engine: Engine
    environment: Environment
    scratch: Scratch
    base: Base
    ignore: IgnoreRules
    opencode: Path
    is_kept: bool = False
    kept: list[str] = field(default_factory=list)
    _checked: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _first_base: Base = field(init=False)

    def __post_init__(self) -> None:
        self._first_base = self.base

    def open_for_judge(self, changes: ChangeSet) -> ContainerSandbox:
        """A sandbox with the base plus ``changes``, which the agent never touches."""
        return self._open("judge", self._make_workspace(self.base, changes))

    def open_at_start(self) -> ContainerSandbox:
        """The base as it was before the first fix of this run."""
        return self._open("judge", self._make_workspace(self._first_base, ChangeSet()))

    def open_for_agent(self, accept: AcceptHandler, shown: ChangeSet) -> ContainerSandbox:
        """A sandbox with the base, OpenCode, and a port that leads to ``accept``.

        ``shown`` are files as the agent is to see them; what it makes of them is compared with
        that.
        """
        workspace = self._make_workspace(self.base, shown, is_agents=True)
        sandbox = self._open("agent", workspace, {self.opencode: BINARY}, accept)
        try:
            sandbox.listen(MODEL_PORT)
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def _make_workspace(
        self, base: Base, changes: ChangeSet, *, is_agents: bool = False
    ) -> Workspace:
        return Workspace.create(
            base,
            self.scratch.folder("workspace"),
            changes=changes,
            owner=None if os.getuid() else self.environment.user,
            is_hidden=is_agent_file if is_agents else lambda _: False,
            snapshot=make_snapshot,
        )

    def _open(
        self,
        kind: str,
        workspace: Workspace,
        read_only: Mapping[Path, Path] | None = None,
        accept: AcceptHandler | None = None,
    ) -> ContainerSandbox:
        top = self.base.top
        skip = self.environment.mounts_inside(top)
        sandbox = ContainerSandbox(
            self.engine,
            self._plan(read_only or {}),
            workspace,
            read_changes=lambda: workspace.collect(is_ignored=self.ignore.is_ignored, skip=skip),
            accept=accept,
        )
        try:
            self._check_once(kind, sandbox)
        except BaseException:
            sandbox.close()
            raise
        if self.is_kept:
            self.kept.append(f"{kind}: container {sandbox.identity[:12]}, {workspace.path}")
        return sandbox

    def _plan(self, read_only: Mapping[Path, Path]) -> SandboxPlan:
        labels = {
            SESSION_LABEL: self.scratch.session,
            OWNER_LABEL: owner_name(self.scratch.root),
        }
        return SandboxPlan(
            environment=self.environment,
            top=self.base.top,
            labels=labels,
            read_only=read_only,
            is_kept=self.is_kept,
        )

    def _check_once(self, kind: str, sandbox: ContainerSandbox) -> None:
        """The preflight, once per run for each kind of sandbox; the mounts differ between them."""
        with self._lock:
            is_new = kind not in self._checked
        if is_new:
            check_sandbox(sandbox, self.environment, workspace=self.base.top)
            with self._lock:
                self._checked.add(kind)

    def advance(self, changes: ChangeSet) -> None:
        """An accepted fix becomes part of the base of everything opened from now on."""
        self.base = self.base.with_changes(changes)
