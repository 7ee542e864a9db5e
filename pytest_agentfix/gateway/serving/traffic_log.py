"""The log of model requests: what was asked when and at what cost, and bodies only if wanted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.gateway.redaction import redact_secrets
from pytest_agentfix.model import Tokens

_log = logging.getLogger("pytest_agentfix.gateway")
_BODY_LIMIT: Final = 200_000  # bytes logged of a body


@dataclass(slots=True, kw_only=True)
class Entry:
    """One try of a request as it goes on. Times are of the gateway's clock, in seconds."""

    model: str
    sent: bytes
    began: float
    status: int = 0
    first_byte: float | None = None
    received: int = 0
    body: bytearray = field(default_factory=bytearray, repr=False)

    def add(self, data: bytes) -> None:
        """Take a piece of the answer."""
        self.received += len(data)
        room = _BODY_LIMIT - len(self.body)
        if room > 0:
            self.body += data[:room]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficLog:
    """Writes one line for each try, at INFO. ``has_bodies``: what was said too, at DEBUG.

    ``secrets`` and what looks like one never get there.
    """

    has_bodies: bool = False
    secrets: Sequence[str] = field(default=(), repr=False)

    def write(self, entry: Entry, *, now: float, tokens: Tokens, cost: float | None) -> None:
        """Write the lines of a try that is over."""
        first = "-" if entry.first_byte is None else f"{entry.first_byte - entry.began:.3f} s"
        _log.info(
            "model=%s status=%d sent=%dB received=%dB first_byte=%s took=%.3f s"
            " tokens=%d/%d/%d/%d cost=%s",
            entry.model,
            entry.status,
            len(entry.sent),
            entry.received,
            first,
            now - entry.began,
            tokens.input,
            tokens.output,
            tokens.cached,
            tokens.written,
            "unknown" if cost is None else f"${cost:.6f}",
        )
        if self.has_bodies:
            _log.debug("request: %s", self._clean(entry.sent))
            _log.debug("answer: %s", self._clean(bytes(entry.body)))

    def _clean(self, body: bytes) -> str:
        text = body[:_BODY_LIMIT].decode("utf-8", "replace")
        return redact_secrets(text, self.secrets)
