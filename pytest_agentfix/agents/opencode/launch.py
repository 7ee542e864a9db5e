"""Starts ``opencode serve`` in a sandbox."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.config import (
    ModelEndpoint,
    make_catalogue,
    make_config,
    make_environ,
)
from pytest_agentfix.agents.opencode.server_client import OpenCodeServer
from pytest_agentfix.core.errors import AgentTooSlowError, AgentUnavailableError
from pytest_agentfix.core.ports import Clock, Command, Process, Sandbox
from pytest_agentfix.core.progress import ProgressWait

BINARY: Final = Path("/opt/agentfix/opencode")  # where every agent sandbox has it, read-only
# In what the system or its dynamic loader says of a binary that it cannot run.
_LOADER: Final = (
    "exec format error",
    "no such file or directory",
    "glibc",
    "ld-linux",
    "ld-musl",
    "error while loading shared libraries",
    "symbol not found",
    "cannot execute",
    "permission denied",
)
SERVER_PORT: Final = 4602  # inside: OpenCode's own server


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """The longest waits, in seconds; see ``ProgressWait`` for those on an overloaded machine."""

    start: float = 60.0  # for the server to start, in each of two tries
    first_request: float = 90.0  # from a prompt to the first model request
    idle: float = 600.0  # without any event, while no model request is under way
    warm_up: float = 30.0  # for the whole warm-up prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCodePlan:
    """The input of an OpenCode server at its start, independent of the repair.

    ``directory`` is the one it works in, the repository's top for one that repairs. Without
    ``has_tools`` it can only answer.
    """

    access: ModelEndpoint
    instructions: str
    directory: Path
    env: Mapping[str, str]
    has_tools: bool = True
    patience: Patience = Patience()


class Launcher:
    """Starts the server, and reports the reason if it does not come up. ``home`` is its folder."""

    def __init__(
        self, sandbox: Sandbox, server: OpenCodeServer, plan: OpenCodePlan, clock: Clock
    ) -> None:
        self._sandbox = sandbox
        self._server = server
        self._plan = plan
        self._clock = clock
        self.home = ""

    def bring_up(self, *, deadline: float, unneeded: threading.Event) -> Process:
        """Return the server's process once it is healthy; raises ``AgentUnavailableError``.

        It gives up as soon as ``unneeded`` is set or ``deadline`` has passed.
        """
        # 1.18 is known to hang at its start sometimes; a second try has fresh data folders.
        for self.home in ("/tmp/home", "/tmp/home-2"):  # noqa: S108 - inside the sandbox
            process = self._sandbox.start(self._make_command(self.home))
            patience = ProgressWait(
                seconds=self._plan.patience.start,
                find_work=self._sandbox.find_work,
                now=self._clock.monotonic,
            )
            if self._wait_healthy(process, patience, deadline, unneeded):
                return process
            trouble = not_up(process, patience)
            process.kill()
            if unneeded.is_set():
                break
        raise trouble

    def _make_command(self, home: str) -> Command:
        plan = self._plan
        access = plan.access
        config = make_config(access, instructions=plan.instructions, has_tools=plan.has_tools)
        catalogue = make_catalogue(access)
        env = make_environ(config, plan.env, home=home, has_catalogue=bool(catalogue))
        argv = [str(BINARY), "serve", "--port", str(SERVER_PORT), "--hostname", "127.0.0.1"]
        return Command(argv=argv, cwd=plan.directory, env=env, stdin=catalogue)

    def _wait_healthy(
        self,
        process: Process,
        patience: ProgressWait,
        deadline: float,
        unneeded: threading.Event,
    ) -> bool:
        while not patience.is_over() and not unneeded.is_set():
            if self._clock.monotonic() >= deadline:
                return False
            if not process.is_running():
                return False
            if self._server.is_healthy(timeout=1.0):
                return True
            self._clock.sleep(0.05)
        return False


def not_up(process: Process | None, patience: ProgressWait | None = None) -> AgentUnavailableError:
    """Return the error for a server that is not up, with the last line that ``process`` wrote.

    ``patience`` is the wait for it that is over, ``None`` where it was up before.
    """
    lines = process.tail().splitlines() if process else []
    words = lines[-1] if lines else "no output"
    has_ended = process is None or not process.is_running()
    if has_ended and any(sign in words.lower() for sign in _LOADER):
        return AgentUnavailableError(
            f"OpenCode cannot be run in the sandbox ({words}).",
            "The environment must be able to run a glibc binary; try `opencode --version` in it.",
        )
    if patience is None or has_ended:
        return AgentUnavailableError(
            f"OpenCode ended in the sandbox ({words}).",
            "Run pytest again; if it stays, try `opencode serve` in the environment.",
        )
    return AgentTooSlowError(
        f"OpenCode did not come up in the sandbox in {patience.describe()} ({words}).",
        "Run pytest again when the machine has less to do, or with a smaller --agent-fix-jobs.",
    )
