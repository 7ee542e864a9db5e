"""A place for sandboxes on a real engine, shared by the tests.

No ``__init__.py`` beside this file: the folder's name is that of the engine's package.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import docker
import docker.errors

from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.ports import AcceptHandler
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.sandbox.container import ContainerSandbox, SandboxPlan
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL, ContainerSpec, Engine
from pytest_agentfix.sandbox.environments import Environment, choose_environment
from pytest_agentfix.sandbox.scratch import Scratch, owner_name
from pytest_agentfix.sandbox.workspace import Base, BindMount, OverlayWorkspace, remove_tree
from tests.kits.sandbox_contract import CodeRunner

TOP = Path("/work space:1/project")  # where sandboxes see the workspace: no easy name


class FolderCopy:
    """A workspace that is a folder and nothing else."""

    def __init__(self, path: Path, user: tuple[int, int]) -> None:
        self.path = path
        if os.getuid() == 0:
            os.chown(path, *user)
        path.chmod(0o755)

    @property
    def mount(self) -> BindMount:
        return BindMount(self.path)

    def remove(self) -> None:
        remove_tree(self.path)


class WrongEngine(Engine):
    """An engine that gives its sandboxes something else than it was asked for."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        mounts: tuple[dict[str, Any], ...] = (),
        user: str | None = None,
    ) -> None:
        super().__init__(docker.from_env())
        self._config = config or {}
        self._mounts = list(mounts)
        self._user = user

    def _create(self, spec: ContainerSpec) -> str:
        return super()._create(dataclasses.replace(spec, user=self._user or spec.user))

    def _host_config(self, spec: ContainerSpec) -> dict[str, Any]:
        config = super()._host_config(spec)
        return {**config, **self._config, "Mounts": [*config["Mounts"], *self._mounts]}


class Place:
    """Opens sandboxes of one session, with everything of theirs below one scratch root."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self.engine = engine
        self.root = root
        self.scratch = Scratch(root)
        self.stack = ExitStack()
        self.environment = choose_environment(Settings(), engine, top=TOP)

    def open(  # noqa: PLR0913 - what a test may want otherwise
        self,
        *,
        engine: Engine | None = None,
        environment: Environment | None = None,
        accept: AcceptHandler | None = None,
        read_changes: Callable[[], Collected] = Collected,
        is_kept: bool = False,
        workspace: OverlayWorkspace | None = None,
    ) -> ContainerSandbox:
        """Return a sandbox that is closed after the test at the latest."""
        environment = environment or self.environment
        owner, session = owner_name(self.root), self.scratch.session
        plan = SandboxPlan(
            environment=environment,
            top=TOP,
            labels={SESSION_LABEL: session, OWNER_LABEL: owner},
            is_kept=is_kept,
        )
        copy = workspace or FolderCopy(self.scratch.folder("workspace"), environment.user)
        sandbox = ContainerSandbox(
            engine or self.engine, plan, copy, read_changes=read_changes, accept=accept
        )
        return self.stack.enter_context(sandbox)

    def copy_base(self, top: Path, files: Sequence[str]) -> Base:
        """Return a base of the tree at ``top``, for workspaces of this place's sandboxes."""
        return Base.create(
            top=top,
            files=files,
            folder=self.scratch.folder("base"),
            owner=self.owner,
            snapshot=make_snapshot,
        )

    def overlay(self, base: Base) -> OverlayWorkspace:
        """Return a workspace over ``base``."""
        folder = self.scratch.folder("workspace")
        return OverlayWorkspace.create(base, folder, owner=self.owner)

    @property
    def owner(self) -> tuple[int, int] | None:
        """The owner of the workspaces, where that is not the test's own user."""
        return None if os.getuid() else self.environment.user

    def runner(self, sandbox: ContainerSandbox | None = None) -> CodeRunner:
        """Return the sandbox as the contract's tests want it, with its Python and variables."""
        return CodeRunner(
            sandbox=sandbox or self.open(),
            folder=TOP,
            python=self.environment.python,
            env=dict(self.environment.env),
        )

    def containers(self) -> list[str]:
        """Return the ids of the containers that are there now."""
        found = self.engine.sessions(owner_name(self.root))
        return [identity for session in found.values() for identity in session]

    def close(self) -> None:
        """End all sandboxes and the session."""
        self.stack.close()
        self.scratch.close()


def volumes_of(engine: Engine, root: Path) -> list[str]:
    """Return the volumes of the sessions below ``root`` that are there now."""
    labels = {"label": [f"{OWNER_LABEL}={owner_name(root)}"]}
    return [volume["Name"] for volume in engine._api.volumes(filters=labels)["Volumes"] or []]
