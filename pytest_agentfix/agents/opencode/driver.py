"""Drives OpenCode 1.18 in a sandbox: talks to ``opencode serve`` through the pipe."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Final

from pytest_agentfix.agents.opencode.config import AGENT, list_folders, session_rules
from pytest_agentfix.agents.opencode.events import TurnWatch
from pytest_agentfix.agents.opencode.launch import (
    BINARY,
    SERVER_PORT,
    Launcher,
    OpenCodePlan,
    Patience,
    not_up,
)
from pytest_agentfix.agents.opencode.listener import EventListener
from pytest_agentfix.agents.opencode.server_client import OpenCodeServer
from pytest_agentfix.agents.opencode.session import OpenCodeSession
from pytest_agentfix.agents.opencode.turn import QUIET, TICK, TurnContext, TurnFollower
from pytest_agentfix.core.errors import AgentUnavailableError
from pytest_agentfix.core.model import Turn, TurnEnd
from pytest_agentfix.core.ports import Clock, ModelAccess, Process, Sandbox

__all__ = ["BINARY", "SERVER_PORT", "OpenCodeAgent", "OpenCodePlan", "Patience"]

WARM_UP: Final = "Say ok."  # a throw-away prompt


class OpenCodeAgent(OpenCodeSession):
    """One OpenCode server in one sandbox, with one session at a time."""

    can_start_over = True

    def __init__(self, sandbox: Sandbox, plan: OpenCodePlan, *, clock: Clock) -> None:
        super().__init__(sandbox, plan, clock=clock)
        self._server = OpenCodeServer(
            lambda port, timeout: sandbox.dial(port, timeout=timeout),
            port=SERVER_PORT,
            directory=plan.directory,
        )
        self._listener = EventListener(self._server)
        self._process: Process | None = None
        self._home = ""

    def launch(self, *, deadline: float, unneeded: threading.Event | None = None) -> None:
        """Start the server and wait until it is up; raises ``AgentUnavailableError``.

        It gives up at once when ``unneeded`` is set meanwhile.
        """
        launcher = Launcher(self._sandbox, self._server, self._plan, self._clock)
        self._process = launcher.bring_up(deadline=deadline, unneeded=unneeded or threading.Event())
        self._home = launcher.home
        self._listener.start()

    def warm_up(self, *, deadline: float, unneeded: threading.Event | None = None) -> bool:
        """Have it answer a throw-away prompt, in a session that is deleted afterwards.

        Return whether it is warm; if not, it works as well but answers its first prompt more
        slowly. Raises ``AgentUnavailableError`` if the server ended. ``unneeded`` and ``deadline``
        end the wait.
        """
        is_warm = False
        end = min(deadline, self._clock.monotonic() + self._plan.patience.warm_up)
        with contextlib.suppress(AgentUnavailableError):
            left = max(1.0, end - self._clock.monotonic())
            session = self._server.create_session(session_rules(()), AGENT, timeout=left)
            try:
                is_warm = self._warm(session, end, unneeded or threading.Event())
            finally:
                if not is_warm:
                    self._server.abort(session)
                self._server.delete(session)
        self._listener.forget()
        if not self._is_alive():
            raise not_up(self._process)
        return is_warm

    def _warm(self, session: str, end: float, unneeded: threading.Event) -> bool:
        """Send the prompt, wait for the end of its turn, and return whether it ended well."""
        watch = TurnWatch(session)
        self._send(session, WARM_UP)
        last_event = self._clock.monotonic()
        while not watch.is_over:
            event = self._listener.next_event(TICK)
            now = self._clock.monotonic()
            if now >= end or unneeded.is_set() or not self._is_running():
                return False
            if event is not None and watch.take(event):
                last_event = now
            elif now - last_event > QUIET:  # the stream of events may have been opened too late
                if self._server.status(session) == "idle":
                    return True
                last_event = now
        return not watch.error

    def begin(self, model_access: ModelAccess, *, locked: Sequence[str] = ()) -> None:
        """Open the session of the repair; raises ``AgentUnavailableError``.

        ``model_access`` is the gateway that serves its model requests. ``locked`` are patterns of
        paths that the edit tools may not write.
        """
        rules = session_rules(locked, has_tools=self._plan.has_tools)
        self._session = self._server.create_session(rules, AGENT)
        self._model_access = model_access

    @property
    def folders(self) -> tuple[str, ...]:
        """Temporary folders that the server needs; what is in them it can do without."""
        return list_folders(self._home)

    def forget(self) -> None:
        """End the session, and have the server drop what it keeps for any folder."""
        self._listener.close()
        self._server.delete(self._session)
        self._server.dispose()
        super().forget()

    def resume(self) -> None:
        """Listen to the server again, which makes it look at the tree anew."""
        self._listener = EventListener(self._server)
        self._listener.start()
        end = self._clock.monotonic() + self._plan.patience.start
        while self._listener.next_event(TICK) is None:  # the first one comes when it has looked
            if self._clock.monotonic() >= end or not self._is_running():
                raise not_up(self._process)

    def _take_turn(
        self, text: str, model_access: ModelAccess, before: int, deadline: float
    ) -> Turn:
        self._listener.forget()
        turn = TurnFollower(self._make_context(model_access), deadline=deadline, requests=before)
        self._send(self._session, text)
        end, detail = turn.follow()
        if end is not TurnEnd.FINISHED:
            self._server.abort(self._session)
        return Turn(end=end, detail=detail, text=turn.watch.text, retries=turn.watch.retries)

    def _make_context(self, model_access: ModelAccess) -> TurnContext:
        return TurnContext(
            server=self._server,
            session=self._session,
            model_access=model_access,
            listener=self._listener,
            clock=self._clock,
            patience=self._plan.patience,
            is_alive=self._is_alive,
            find_work=self._sandbox.find_work,
        )

    def _send(self, session: str, text: str) -> None:
        access = self._plan.access
        self._server.prompt(
            session, text, provider=access.provider, model=access.model, agent=AGENT
        )

    def _is_running(self) -> bool:
        return self._process is not None and self._process.is_running()

    def _is_alive(self) -> bool:
        """Return whether the server runs; raises ``SandboxError`` if its sandbox has ended."""
        if self._is_running():
            return True
        with contextlib.suppress(ConnectionError):
            self._sandbox.dial(SERVER_PORT, timeout=5.0).close()
        return False

    def close(self) -> None:
        """End the session and its sandbox; calling it twice is fine."""
        self._listener.close()
        self._server.close()
        super().close()
