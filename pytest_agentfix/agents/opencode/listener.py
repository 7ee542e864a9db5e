"""Listens to the events of one OpenCode server, for as long as its agent lives."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Final

from pytest_agentfix.agents.opencode.server_client import Json, OpenCodeServer
from pytest_agentfix.core.errors import SandboxError

logger = logging.getLogger(__name__)

BACKLOG: Final = 1000  # events held at once; later ones are dropped


class EventListener:
    """A thread that reads events into a queue."""

    def __init__(self, server: OpenCodeServer) -> None:
        self._server = server
        self._events: queue.Queue[Json] = queue.Queue(BACKLOG)
        self._is_closing = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._listen, name="agentfix-events", daemon=True).start()

    def next_event(self, timeout: float) -> Json | None:
        """Return the next event, ``None`` if there is none within ``timeout`` seconds."""
        try:
            return self._events.get(timeout=timeout)
        except queue.Empty:
            return None

    def forget(self) -> None:
        """Drop the events that are still in the queue."""
        while not self._events.empty():
            self._events.get_nowait()

    def close(self) -> None:
        """Let the thread end with its next event."""
        self._is_closing.set()

    def _listen(self) -> None:
        """Read events until the end; reopen a dropped stream."""
        while not self._is_closing.is_set():
            try:
                self._server.events(self._take, stop=self._is_closing)
            except SandboxError:
                return
            self._is_closing.wait(0.2)

    def _take(self, event: Json) -> None:
        try:
            self._events.put_nowait(event)
        except queue.Full:
            logger.debug("an event of OpenCode's was passed over")
