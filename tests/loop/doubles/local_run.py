"""The outside of a repair, as doubles: no engine, local sandboxes, an agent without OpenCode."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeVar, cast

import pytest

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.download import PINNED_VERSION
from pytest_agentfix.agents.opencode.version import OpenCodeBinary, examine
from pytest_agentfix.core.errors import AgentUnavailableError
from pytest_agentfix.core.ports import AcceptHandler, Agent, ModelAccess
from pytest_agentfix.gateway.warmup import SwitchableHandler, WarmupModel
from pytest_agentfix.repair.prompts.prompt import INSTRUCTIONS
from pytest_agentfix.repair.prompts.review import REVIEW_INSTRUCTIONS
from pytest_agentfix.runtime import bootstrap, preparation, process
from pytest_agentfix.runtime.agent_pool import AgentPool, WarmAgent
from pytest_agentfix.runtime.sandbox_factory import (
    AnyWorkspace,
    Keep,
    SandboxFactory,
    WorkspaceSandbox,
)
from pytest_agentfix.sandbox.container import ContainerSandbox
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.sandbox.put_back import PROCESSES
from pytest_agentfix.sandbox.workspace import remove_tree
from pytest_agentfix.testing.chat_agent import ChatAgent
from pytest_agentfix.testing.local_sandbox import LocalSandbox

T = TypeVar("T")


class NoEngine(Engine):
    """An engine on which nothing is, and which is not asked for anything."""

    def __init__(self) -> None:
        """Without any connection."""

    @classmethod
    def connect(cls) -> Engine:
        return cls()

    @property
    def is_local(self) -> bool:
        return False

    def sessions(self, owner: str) -> Mapping[str, list[str]]:
        return {}

    def volumes(self, owner: str) -> Mapping[str, list[str]]:
        return {}

    def close(self) -> None:
        """Nothing is open."""


class LocalContainer(LocalSandbox):
    """A local sandbox with the rest of what a container can do."""

    def clear(self) -> None:
        self.close()

    def look(self, read: Callable[[], T]) -> tuple[T, int]:
        return read(), PROCESSES

    def listen(self, _port: int) -> None:
        """Its agent has a way of its own to the gateway."""


class LocalSandboxes(SandboxFactory):
    """Sandboxes that are commands of this machine, each with a workspace at the user's place."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._has_overlays = False
        self.temporary = ()  # they are this machine's

    def open_for_agent(self, accept: AcceptHandler) -> WorkspaceSandbox:
        return self._make_plain("agent")

    def _start(
        self,
        kind: str,
        workspace: AnyWorkspace,
        read_only: Mapping[Path, Path] | None,
        accept: AcceptHandler | None,
    ) -> WorkspaceSandbox:
        read_changes = self._make_reader(workspace)
        for source, target in (read_only or {}).items():
            if target == self.base.top / ".git":  # as a mount would
                remove_tree(workspace.path / ".git")
                shutil.copytree(source, workspace.path / ".git")
        local = LocalContainer(workspace.path, collect=read_changes, place=self.base.top)
        sandbox = cast("ContainerSandbox", local)
        self._open.add(sandbox)
        self._check_open()
        return WorkspaceSandbox(container=sandbox, workspace=workspace)


class WaitingAgent(ChatAgent):
    """An agent that can be up before its cluster is known, and go on with another one."""

    can_start_over = True
    folders = ()

    def begin(self, model_access: ModelAccess, *, locked: Sequence[str] = ()) -> None:
        self.gateway = model_access

    def forget(self) -> None:
        self._messages.clear()

    def resume(self) -> None:
        """It has no server."""


class ChatAgents(AgentPool):
    """Agents that ask the model themselves."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._driver = cast("Any", WaitingAgent)

    def _launch(
        self, open_sandbox: Callable[[AcceptHandler], WorkspaceSandbox], access: Any, *_: object
    ) -> WarmAgent:
        switch = SwitchableHandler(WarmupModel(clock=self._clock))
        box = open_sandbox(switch.handle)
        agent = WaitingAgent(
            access=access,
            gateway=cast("Any", None),
            sandbox=box.container,
            folder=box.workspace.path,
            top=self.sandboxes.base.top,
            instructions=INSTRUCTIONS,
            environ=self._environ,
        )
        return WarmAgent(agent=cast("Any", agent), sandbox=box, switch=switch)

    def _start_ahead(self, unneeded: Event) -> WarmAgent:
        raise AgentUnavailableError("None is made ahead.", "Nothing has to be done.")

    def open_reviewer(
        self, access: ModelEndpoint, gateway: ModelAccess, *, deadline: float, keep: Keep
    ) -> Agent:
        box = self.sandboxes.open_for_agent(gateway.handle)
        return ChatAgent(
            access=access,
            gateway=gateway,
            sandbox=box.container,
            folder=box.workspace.path,
            top=self.sandboxes.base.top,
            instructions=REVIEW_INSTRUCTIONS,
            environ={},
            has_tools=False,
        )


def choose_environment(*_: object, **__: object) -> Environment:
    """Return what the user has, under the user's own name."""
    path = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.defpath])
    return Environment(
        kind="local",
        image="",
        python=sys.executable,
        user=(os.getuid(), os.getgid()),
        env={"PATH": path, "HOME": "/nowhere", "LANG": "C.UTF-8"},
    )


def find_opencode(*, configured: Path | None, **_: object) -> OpenCodeBinary:
    """Examine what is configured, which may be a script here; else pretend to have the pin."""
    if configured is not None:
        return examine(configured)
    return OpenCodeBinary(path=Path(__file__), version=PINNED_VERSION, note="passed over: another")


def install() -> None:
    """Put the doubles in their places, for as long as this process lives."""
    patch = pytest.MonkeyPatch()
    patch.setattr(bootstrap, "Engine", NoEngine)
    patch.setattr(bootstrap, "choose_environment", choose_environment)
    patch.setattr(bootstrap, "can_find_opencode", lambda **_: True)
    patch.setattr(bootstrap, "find_opencode", find_opencode)
    patch.setattr(process, "Engine", NoEngine)
    patch.setattr(preparation, "SandboxFactory", LocalSandboxes)
    patch.setattr(preparation, "AgentPool", ChatAgents)
