"""Captures an exchange while it streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_agentfix.gateway.cassettes.validation import End
from pytest_agentfix.gateway.http.connection import Exchange, UpstreamError, translated_errors

BODY_LIMIT: Final = 32_000_000  # bytes of an answer


class CapturedExchange:
    """An exchange as captured so far; it counts as given up until its end is known."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self.body = bytearray()
        self.size = 0
        self.end = End.GIVEN_UP
        self.words = ""
        self._inner: Exchange | None = None

    def begin(self, exchange: Exchange) -> None:
        """Capture the answer's head."""
        self._inner = exchange
        self.status = exchange.status
        self.headers = list(exchange.headers)

    def iter_stream(self) -> Iterator[bytes]:
        """Yield the answer as it arrives."""
        assert self._inner is not None
        try:
            for chunk in self._inner.iter_stream():
                self._add(chunk)
                yield chunk
        except Exception as error:
            if words := _find_words(error):
                self.end, self.words = End.BROKEN, words
            raise
        self.end = End.WHOLE

    def fail(self, error: Exception) -> None:
        """Record why there is no answer."""
        if words := _find_words(error):
            self.end, self.words = End.UNREACHED, words

    def _add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= BODY_LIMIT:
            self.body += chunk


def _find_words(error: Exception) -> str:
    """Return the message of a provider's error, "" for an error of our own."""
    try:
        with translated_errors():
            raise error  # noqa: TRY301 - to have it translated
    except UpstreamError as translated:
        return str(translated)
    except Exception:  # noqa: BLE001 - the caller raises it again
        return ""
