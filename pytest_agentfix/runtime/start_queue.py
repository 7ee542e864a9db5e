"""A queue for what computes much while it starts."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager


class StartQueue:
    """Lets ``number`` starts be under way at once, first come first served, from any thread."""

    def __init__(self, number: int) -> None:
        self._number = self._free = number
        self._tickets: list[object] = []
        self._changed = threading.Condition()

    @property
    def waiting(self) -> int:
        """The number of those that wait for their turn."""
        return len(self._tickets)

    @contextmanager
    def turn(self, *, deadline: float, is_alone: bool = False) -> Iterator[None]:
        """Wait for a turn, with ``is_alone`` for one beside which nothing else starts.

        ``deadline`` is in ``time.monotonic`` seconds; raises ``TimeoutError``.
        """
        needed = self._number if is_alone else 1
        self._take(needed, deadline)
        try:
            yield
        finally:
            with self._changed:
                self._free += needed
                self._changed.notify_all()

    def _take(self, needed: int, deadline: float) -> None:
        ticket = object()
        left = max(0.0, min(deadline - time.monotonic(), threading.TIMEOUT_MAX))
        with self._changed:
            self._tickets.append(ticket)

            def is_turn() -> bool:
                return self._tickets[0] is ticket and self._free >= needed

            try:
                if not self._changed.wait_for(is_turn, left):
                    raise TimeoutError("the cluster's time ran out before its agent could start")
                self._free -= needed
            finally:
                self._tickets.remove(ticket)
                self._changed.notify_all()
