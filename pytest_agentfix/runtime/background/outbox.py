"""The background work's way to hand over its results, and to learn when to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from pytest_agentfix.runtime.background.handover import Transferable

logger = logging.getLogger(__name__)


class Cancelled(Exception):  # noqa: N818 - no error: the work stops and clears up what is half made
    """The pytest process has asked for what is ready, or is gone."""


class Outbox:
    """The work's side of the background process; every method may be called from any thread.

    ``notify`` is called after every change that the process has to look at.
    """

    def __init__(self, notify: Callable[[], None] = lambda: None) -> None:
        self._notify = notify
        self._lock = threading.Lock()
        self._announced: list[str] = []
        self._ready: list[tuple[str, Transferable]] = []
        self._given: list[tuple[str, Transferable]] = []
        self._death_actions: list[Callable[[], None]] = []
        self._awaited: frozenset[str] | None = None  # None: nobody has asked yet
        self._is_stopped = False
        self._is_done = False

    # For the work

    def announce(self, name: str) -> None:
        """Say that ``name`` is under way and may be waited for; raises ``Cancelled``."""
        with self._lock:
            if self._awaited is None and not self._is_stopped:
                self._announced.append(name)
                return
        raise Cancelled

    def publish(self, name: str, item: Transferable) -> None:
        """Make ``name`` available. Once stopped, discards it and raises ``Cancelled``."""
        with self._lock:
            is_open = not self._is_stopped
            if is_open:
                self._ready.append((name, item))
                self._announced = [other for other in self._announced if other != name]
        if not is_open:
            discard(name, item)
            raise Cancelled
        self._notify()

    def check(self) -> None:
        """Raise ``Cancelled`` once there is nothing left that somebody waits for."""
        with self._lock:
            if self._is_stopped or (self._awaited is not None and not self._is_waited_for()):
                raise Cancelled

    def on_parent_death(self, action: Callable[[], None]) -> None:
        """Call ``action`` if the pytest process dies, after every item was discarded."""
        with self._lock:
            self._death_actions.append(action)

    # For the process

    def ask(self, names: Collection[str]) -> None:
        """Note that pytest collects what is ready now; of the rest only ``names`` matter."""
        with self._lock:
            self._awaited = frozenset(names)

    def is_waited_for(self) -> bool:
        """Return whether something is under way that the pytest process wants to wait for."""
        with self._lock:
            return self._is_waited_for()

    def _is_waited_for(self) -> bool:
        is_any = self._awaited is not None and not self._awaited.isdisjoint(self._announced)
        return is_any and not self._is_done and not self._is_stopped

    def give(self) -> list[tuple[str, Transferable]]:
        """Return what became ready since the last call, in that order."""
        with self._lock:
            given, self._ready = self._ready, []
            self._given += given
        return given

    def finish(self) -> None:
        """End the work: what was announced and not published will never come."""
        with self._lock:
            self._is_done = True
        self._notify()

    def stop(self) -> None:
        """Accept nothing any more."""
        with self._lock:
            self._is_stopped = True

    def discard_ready(self) -> None:
        """Discard what was never given away."""
        for name, item in reversed(self.give()):
            discard(name, item)

    def discard_all(self) -> None:
        """Discard everything, also what was given away."""
        self.give()
        for name, item in reversed(self._given):
            discard(name, item)

    def act_on_parent_death(self) -> None:
        """Call what ``on_parent_death`` was given, the last first."""
        for action in reversed(self._death_actions):
            _attempt(action, "after the parent's death")


def discard(name: str, item: Transferable) -> None:
    """Discard one item; what goes wrong is only logged, for others have to be discarded too."""
    _attempt(item.discard, name)


def _attempt(action: Callable[[], None], name: str) -> None:
    try:
        action()
    except Exception:
        logger.exception("could not clear up %s", name)
