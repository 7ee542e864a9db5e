"""Where the work puts what it has made ready, and learns when to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection

from pytest_agentfix.runtime.background.handover import Transferable

logger = logging.getLogger(__name__)


class Cancelled(Exception):  # noqa: N818 - no error: the work stops and clears up what is half made
    """The pytest process has asked for what is ready, or is gone."""


class Outbox:
    """The work's side of the stand-by; every method may be called from any thread.

    ``notify`` is called after every change that the process has to look at.
    """

    def __init__(self, notify: Callable[[], None] = lambda: None) -> None:
        self._notify = notify
        self._lock = threading.Lock()
        self._begun: list[str] = []
        self._ready: list[tuple[str, Transferable]] = []
        self._given: list[tuple[str, Transferable]] = []
        self._at_loss: list[Callable[[], None]] = []
        self._awaited: frozenset[str] | None = None  # None: nobody has asked yet
        self._is_stopped = False
        self._is_done = False

    # For the work

    def begin(self, name: str) -> None:
        """``name`` is under way now, and may be waited for; raises ``Cancelled``."""
        with self._lock:
            if self._awaited is None and not self._is_stopped:
                self._begun.append(name)
                return
        raise Cancelled

    def offer(self, name: str, offer: Transferable) -> None:
        """``name`` is ready. If nobody wants it any more it is discarded; raises ``Cancelled``."""
        with self._lock:
            is_wanted = not self._is_stopped
            if is_wanted:
                self._ready.append((name, offer))
                self._begun = [other for other in self._begun if other != name]
        if not is_wanted:
            discard(name, offer)
            raise Cancelled
        self._notify()

    def check(self) -> None:
        """Raise ``Cancelled`` once there is nothing left that somebody waits for."""
        with self._lock:
            if self._is_stopped or (self._awaited is not None and not self._is_waited_for()):
                raise Cancelled

    def at_loss(self, action: Callable[[], None]) -> None:
        """Have ``action`` done if the pytest process dies, after every offer was discarded."""
        with self._lock:
            self._at_loss.append(action)

    # For the process

    def ask(self, names: Collection[str]) -> None:
        """The pytest process has come for what is ready; of the rest only ``names`` matter."""
        with self._lock:
            self._awaited = frozenset(names)

    def is_waited_for(self) -> bool:
        """Whether something is under way that the pytest process wants to wait for."""
        with self._lock:
            return self._is_waited_for()

    def _is_waited_for(self) -> bool:
        is_any = self._awaited is not None and not self._awaited.isdisjoint(self._begun)
        return is_any and not self._is_done and not self._is_stopped

    def give(self) -> list[tuple[str, Transferable]]:
        """What became ready since the last time, in that order."""
        with self._lock:
            given, self._ready = self._ready, []
            self._given += given
        return given

    def finish(self) -> None:
        """The work is over: what it had begun and not offered never comes."""
        with self._lock:
            self._is_done = True
        self._notify()

    def stop(self) -> None:
        """Nothing is taken any more."""
        with self._lock:
            self._is_stopped = True

    def discard_ready(self) -> None:
        """Discard what was never given."""
        for name, offer in reversed(self.give()):
            discard(name, offer)

    def discard_all(self) -> None:
        """Discard everything, what was given too."""
        self.give()
        for name, offer in reversed(self._given):
            discard(name, offer)

    def act_at_loss(self) -> None:
        """Do what was asked for in this case, the last first."""
        for action in reversed(self._at_loss):
            _attempt(action, "the end of it")


def discard(name: str, offer: Transferable) -> None:
    """Discard one offer; what goes wrong is only logged, for others have to be discarded too."""
    _attempt(offer.discard, name)


def _attempt(action: Callable[[], None], name: str) -> None:
    try:
        action()
    except Exception:
        logger.exception("could not clear up %s", name)
