"""Limit the test sessions that run at once: with too few cores, tests run into their time-outs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_agentfix.core.machine import count_cores


class StoppedError(Exception):
    """The result is no longer needed; caught where the stop was set."""


class Stop:
    """Tells threads that they are no longer needed, including those waiting for a session slot."""

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


class SessionLimiter:
    """Slots for ``number`` sessions, shared by all judges of a run; any thread may use it.

    ``number`` defaults to the cores this process may use.
    """

    def __init__(self, number: int | None = None) -> None:
        self._free = number or count_cores()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, *, timeout: float, stop: Stop) -> Iterator[None]:
        """Hold one slot for the block.

        Raises ``TimeoutError`` if none comes free within ``timeout`` seconds, and ``StoppedError``
        once ``stop`` is set.
        """
        with stop.notifying(self._changed):
            self._take(min(timeout, threading.TIMEOUT_MAX), stop)
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()

    def _take(self, timeout: float, stop: Stop) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._free > 0 or stop.is_set(), timeout)
            if stop.is_set():
                raise StoppedError
            if self._free <= 0:
                raise TimeoutError("no room came free for another test session")
            self._free -= 1
