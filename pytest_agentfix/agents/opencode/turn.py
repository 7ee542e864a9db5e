"""Follows one turn of OpenCode to its end, whatever ends it.

OpenCode's events, the gateway and the clock decide on the end, never the agent's own text.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.agents.opencode.events import TurnWatch
from pytest_agentfix.agents.opencode.launch import Patience
from pytest_agentfix.agents.opencode.listener import EventListener
from pytest_agentfix.agents.opencode.server_client import OpenCodeServer
from pytest_agentfix.core.errors import AgentUnavailableError
from pytest_agentfix.core.model import TurnEnd
from pytest_agentfix.core.ports import Clock, ModelAccess
from pytest_agentfix.core.progress import FindWork, ProgressWait

TICK: Final = 0.25  # seconds between two checks of the clock and the gateway
QUIET: Final = 10.0  # seconds without an event before the server is asked for its status

End = tuple[TurnEnd, str]  # with one line of detail


def end_by_model(model_access: ModelAccess) -> End | None:
    """Return the end that a cap or the provider puts to a turn."""
    if words := model_access.cap():
        return TurnEnd.CAPPED, words
    if model_access.trouble() is not None:
        return TurnEnd.ERROR, "the provider failed"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnContext:
    """The surroundings of a turn. ``is_alive`` raises ``SandboxError`` if the sandbox is gone."""

    server: OpenCodeServer
    session: str
    model_access: ModelAccess
    listener: EventListener
    clock: Clock
    patience: Patience
    is_alive: Callable[[], bool]
    find_work: FindWork

    def wait(self, seconds: float) -> ProgressWait:
        """Begin to wait for a sign of life from the sandbox."""
        return ProgressWait(seconds=seconds, find_work=self.find_work, now=self.clock.monotonic)


class TurnFollower:
    """Follows one turn from its prompt on. ``watch`` holds what its events said."""

    def __init__(self, context: TurnContext, *, deadline: float, requests: int) -> None:
        self._context = context
        self._deadline = deadline
        self._requests = requests  # before the turn
        self._last_event = self._asked = self._now = context.clock.monotonic()
        self._first_request = context.wait(context.patience.first_request)
        self._silence = context.wait(context.patience.idle)
        self.watch = TurnWatch(context.session)

    def follow(self) -> End:
        """Wait for the end, rejecting permissions requested meanwhile."""
        while True:
            self._take_next()
            end = (
                end_by_model(self._context.model_access)
                or self._end_by_agent()
                or self._end_by_clock()
                or self._end_by_silence()
                or self._end_by_status()
            )
            if end is not None:
                return end

    def _take_next(self) -> None:
        """Wait a tick for an event, and reject the permissions it requests."""
        event = self._context.listener.next_event(TICK)
        self._now = self._context.clock.monotonic()
        if (event is not None and self.watch.take(event)) or self._context.model_access.in_flight():
            self._last_event = self._now
            self._silence = self._context.wait(self._context.patience.idle)
        for permission in self.watch.take_permissions():
            self._context.server.reject(permission)

    def _end_by_agent(self) -> End | None:
        watch = self.watch
        if not watch.is_over:
            return None
        return (TurnEnd.ERROR, watch.error) if watch.error else (TurnEnd.FINISHED, "")

    def _end_by_clock(self) -> End | None:
        if self._now >= self._deadline:
            return TurnEnd.DEADLINE, "the time of the cluster ran out"
        if not self._context.is_alive():
            return TurnEnd.ERROR, "OpenCode ended in the middle of its turn"
        return None

    def _end_by_silence(self) -> End | None:
        model_access = self._context.model_access
        is_untouched = model_access.requests() == self._requests and not model_access.in_flight()
        if is_untouched and self._first_request.is_over():
            return TurnEnd.STALLED, f"no model request came in {self._first_request.describe()}"
        if self._silence.is_over():
            return TurnEnd.STALLED, f"it gave no sign of life for {self._silence.describe()}"
        return None

    def _end_by_status(self) -> End | None:
        """Ask the server now and then: a dropped stream of events may have lost the end."""
        context = self._context
        is_quiet = self._now - max(self._last_event, self._asked) > QUIET
        if not is_quiet or context.model_access.requests() == self._requests:
            return None
        self._asked = self._now
        with contextlib.suppress(AgentUnavailableError):
            if context.server.status(context.session) == "idle":
                return TurnEnd.FINISHED, ""
        return None
