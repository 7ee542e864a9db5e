"""A limit on the request bodies held in memory by all connections of a gateway."""

from __future__ import annotations

import threading
from typing import Final

from pytest_agentfix.gateway.admission.refusal import RefusedError

BODY_MEMORY: Final = 40_000_000  # bytes; real requests have some hundred thousand, one by one


class BodyMemoryBudget:
    """Counts the bytes of bodies that are being read or answered. Shared by threads."""

    def __init__(self, size: int = BODY_MEMORY) -> None:
        self._left = size
        self._lock = threading.Lock()

    def reserve(self, count: int) -> None:
        """Reserve ``count`` bytes; raises ``RefusedError`` if too few are left."""
        with self._lock:
            if count > self._left:
                raise RefusedError(400, "Too much is being sent at once.")
            self._left -= count

    def release(self, count: int) -> None:
        """Give ``count`` bytes back."""
        with self._lock:
            self._left += count
