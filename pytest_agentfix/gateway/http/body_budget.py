"""How much of requests is held at once, over all connections of a gateway."""

from __future__ import annotations

import threading
from typing import Final

from pytest_agentfix.gateway.admission.refusal import RefusedError

ROOM: Final = 40_000_000  # bytes; real requests have some hundred thousand, and come one by one


class BodyMemoryBudget:
    """Bytes of bodies that are being read or answered. Shared by threads."""

    def __init__(self, size: int = ROOM) -> None:
        self._left = size
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Make room for a body of ``count`` bytes; raises ``RefusedError`` if there is none."""
        with self._lock:
            if count > self._left:
                raise RefusedError(400, "Too much is being sent at once.")
            self._left -= count

    def give(self, count: int) -> None:
        """Take ``count`` bytes for done with."""
        with self._lock:
            self._left += count
