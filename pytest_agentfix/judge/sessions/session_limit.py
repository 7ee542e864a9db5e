"""How many test sessions run at once: tests that share too few cores run into their time-outs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pytest_agentfix.core.machine import count_cores


class StoppedError(Exception):
    """Whoever waited is not needed any more; caught where the stop came from."""


class Stop:
    """Tells threads that they are not needed any more, also those that wait for a slot."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[threading.Condition] = []
        self._is_set = False

    def is_set(self) -> bool:
        """Whether it was told."""
        return self._is_set

    def set(self) -> None:
        """Tell them."""
        with self._lock:
            self._is_set = True
            waiting = list(self._waiting)
        for condition in waiting:
            with condition:
                condition.notify_all()

    @contextmanager
    def notifying(self, condition: threading.Condition) -> Iterator[None]:
        """Notify ``condition`` too, should this be set during the block."""
        with self._lock:
            self._waiting.append(condition)
        try:
            yield
        finally:
            with self._lock:
                self._waiting.remove(condition)


class SessionLimiter:
    """Room for ``number`` sessions, shared by all judges of a run; any thread may use it.

    ``number`` is the cores that this process may use, where it is not given.
    """

    def __init__(self, number: int | None = None) -> None:
        self._free = number or count_cores()
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, *, timeout: float, stop: Stop) -> Iterator[None]:
        """Take one for the block.

        Raises ``TimeoutError`` when none comes free within ``timeout`` seconds, and
        ``StoppedError`` once ``stop`` is set.
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
