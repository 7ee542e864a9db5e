"""A fair semaphore for what needs much of the machine at once, whose waiting can be stopped."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class StoppedError(Exception):
    """The result is no longer needed; caught where the stop was set."""


class Stop:
    """Tells threads that they are no longer needed, including those waiting for a slot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[threading.Condition] = []
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether ``set`` was called."""
        return self._is_set

    def set(self) -> None:
        """Stop all threads, waking those that wait."""
        with self._lock:
            self._is_set = True
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()

    @contextmanager
    def notifying(self, condition: threading.Condition) -> Iterator[None]:
        """Notify ``condition`` too if this is set during the block."""
        with self._lock:
            self._waiting.append(condition)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.remove(condition)


class Slots:
    """``number`` slots, given out first come first served; any thread may use it."""

    def __init__(self, number: int) -> None:
        self._number = self._free = number
        self._tickets: list[object] = []
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """The number of threads that wait for their turn."""
        return len(self._tickets)

    @contextmanager
    def hold(
        self, *, timeout: float, stop: Stop | None = None, is_alone: bool = False
    ) -> Iterator[None]:
        """Hold one slot for the block, with ``is_alone`` all of them.

        Raises ``TimeoutError`` if they do not come free within ``timeout`` seconds, and
        ``StoppedError`` once ``stop`` is set.
        """
        needed = self._number if is_alone else 1
        stop = stop or Stop()
        with stop.notifying(self._changed):
            self._take(needed, min(timeout, threading.TIMEOUT_MAX), stop)
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()

    def _take(self, needed: int, timeout: float, stop: Stop) -> None:
        ticket = object()
        with self._changed:
            self._tickets.append(ticket)

            def is_turn() -> bool:
                return self._tickets[0] is ticket and self._free >= needed

            try:
                is_in_time = self._changed.wait_for(lambda: is_turn() or stop.is_set(), timeout)
                if stop.is_set():
                    raise StoppedError
                if not is_in_time:
                    raise TimeoutError("the cluster's time ran out while it waited for its turn")
                self._free -= needed
            finally:
                self._tickets.remove(ticket)
                self._changed.notify_all()
