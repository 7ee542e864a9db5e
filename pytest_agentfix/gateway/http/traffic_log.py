"""The log of model requests: one line of figures each, and the bodies on demand."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.redaction import redact_secrets
from pytest_agentfix.gateway.sse.events import parse_events, render_event
from pytest_agentfix.gateway.sse.joining import CutSecretError, check_pieces, join_events

_log = logging.getLogger("pytest_agentfix.gateway")
_BODY_LIMIT: Final = 200_000  # bytes of a body that are logged
_MARGIN: Final = 10_000  # characters dropped at the cut, which may go through a secret
_STREAM: Final = re.compile(r"\s*(?:data|event|id|retry)?:")
# Characters that may start a new line, move a terminal's cursor or reverse text.
_CONTROL: Final = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


# The HTTP library logs all headers of an answer at DEBUG, and a provider may echo a key there.
_LIBRARY: Final = ("connection", "http11", "http2", "proxy", "socks")
_here: Final = threading.local()


@contextmanager
def silent_library() -> Iterator[None]:
    """Keep the HTTP library's records of this thread out of the log."""
    _install_filter()
    _here.is_silent = True
    try:
        yield
    finally:
        _here.is_silent = False


@lru_cache(maxsize=1)
def _install_filter() -> None:
    """Install a filter that passes other threads' records: the tests may use the same library."""
    for name in _LIBRARY:
        logging.getLogger(f"httpcore.{name}").addFilter(
            lambda _: not getattr(_here, "is_silent", False)
        )


@dataclass(slots=True, kw_only=True)
class TrafficEntry:
    """The figures of one try of a request. Times are in seconds of the gateway's clock.

    ``cut_to`` is the limit of the answer in tokens, if a cap on spending has lowered it.
    """

    model: str
    sent: bytes
    began: float
    cut_to: int | None = None
    status: int = 0
    first_byte: float | None = None
    received: int = 0
    body: bytearray = field(default_factory=bytearray, repr=False)

    def add(self, data: bytes) -> None:
        """Add a piece of the answer."""
        self.received += len(data)
        left = _BODY_LIMIT - len(self.body)
        if left > 0:
            self.body += data[:left]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrafficLog:
    """Writes one line for each try at INFO and, with ``has_bodies``, the bodies at DEBUG.

    ``secrets`` and whatever looks like one are removed; each body is one line.
    """

    has_bodies: bool = False
    secrets: Sequence[str] = field(default=(), repr=False)

    def write(self, entry: TrafficEntry, *, now: float, tokens: Tokens, cost: float | None) -> None:
        """Write the lines of a finished try; build none that the log level would drop."""
        if _log.isEnabledFor(logging.INFO):
            self._write_figures(entry, now, tokens, cost)
        if self.has_bodies and _log.isEnabledFor(logging.DEBUG):
            _log.debug("request: %s", self._clean(entry.sent[:_BODY_LIMIT]))
            _log.debug("answer: %s", self._clean(bytes(entry.body)))

    def _write_figures(
        self, entry: TrafficEntry, now: float, tokens: Tokens, cost: float | None
    ) -> None:
        first = "-" if entry.first_byte is None else f"{entry.first_byte - entry.began:.3f} s"
        _log.info(
            "model=%s status=%d sent=%dB received=%dB first_byte=%s took=%.3f s"
            " tokens=%d/%d/%d/%d cost=%s%s",
            _escape(entry.model),
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
            "" if entry.cut_to is None else f" answer_cut_to={entry.cut_to}",
        )

    def _clean(self, body: bytes) -> str:
        text = body.decode("utf-8", "replace")
        try:
            whole = self._join(text) if _STREAM.match(text) else text
        except CutSecretError:
            return "(left out: a secret is in it in pieces)"
        clean = _escape(redact_secrets(whole, self.secrets))
        return clean if len(body) < _BODY_LIMIT else f"{clean[:-_MARGIN]}…"

    def _join(self, stream: str) -> str:
        """Return a stream with its texts joined, so that a secret cut into pieces is found."""
        events = join_events(parse_events(stream))
        check_pieces(events, self.secrets)
        return b"".join(map(render_event, events)).decode("utf-8", "replace")


def _escape(text: str) -> str:
    return _CONTROL.sub(_escape_one, text)


def _escape_one(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
