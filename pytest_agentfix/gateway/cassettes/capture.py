"""What is heard of an exchange while it passes by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_agentfix.gateway.cassettes.validation import End
from pytest_agentfix.gateway.http.connection import Exchange, UpstreamError, translated_errors

BODY_LIMIT: Final = 32_000_000  # bytes of an answer that are kept


class CapturedExchange:
    """An exchange so far. Until its answer has a head, it counts as given up."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: Sequence[tuple[bytes, bytes]] = ()
        self.body = bytearray()
        self.size = 0
        self.end = End.GIVEN_UP
        self.words = ""
        self._inner: Exchange | None = None

    def begin(self, exchange: Exchange) -> None:
        """Take the answer's head."""
        self._inner = exchange
        self.status = exchange.status
        self.headers = list(exchange.headers)

    def iter_stream(self) -> Iterator[bytes]:
        """Yield the answer as it comes."""
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
        """Note why there is no answer."""
        if words := _find_words(error):
            self.end, self.words = End.UNREACHED, words

    def _add(self, chunk: bytes) -> None:
        self.size += len(chunk)
        if self.size <= BODY_LIMIT:
            self.body += chunk


def _find_words(error: Exception) -> str:
    """Return what the provider's side did, "" for an error of our own side."""
    try:
        with translated_errors():
            raise error  # noqa: TRY301 - to have it translated
    except UpstreamError as translated:
        return str(translated)
    except Exception:  # noqa: BLE001 - it is raised again by who asks
        return ""
