"""Keeps the provider's key out of what a provider sends. Pure but for its memory."""

from __future__ import annotations


class KeyCurtain:
    """Keeps the key out of what passes by, wherever it is cut into pieces."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return ``data`` and what was held back, up to where the key might begin."""
        if not self._key:
            return data
        data = (self._held + data).replace(self._key, b"***")
        longest = min(len(self._key) - 1, len(data))
        cut = next((n for n in range(longest, 0, -1) if self._key.startswith(data[-n:])), 0)
        self._held = data[len(data) - cut :]
        return data[: len(data) - cut]

    def finish(self) -> bytes:
        """Return what was held back and turned out not to be the key."""
        held, self._held = self._held, b""
        return held
