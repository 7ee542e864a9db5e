"""Sends an admitted request to the provider once, and passes the answer back as it arrives."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.core.ports import Clock
from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.http.attempts import AttemptLog, AttemptState
from pytest_agentfix.gateway.http.connection import (
    Exchange,
    Sender,
    UpstreamError,
    translated_errors,
)
from pytest_agentfix.gateway.http.key_filter import KeyFilter
from pytest_agentfix.gateway.http.provider_errors import (
    clean_words,
    describe_outage,
    describe_refusal,
    is_busy,
    is_retried,
    is_used_up,
    parse_retry_after,
    parse_retry_delay,
    quote_words,
)
from pytest_agentfix.gateway.http.server import HttpConnection
from pytest_agentfix.gateway.http.traffic_log import TrafficEntry
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateway.spending.budget import Reservation
from pytest_agentfix.gateway.spending.usage import UsageScanner

_log = logging.getLogger(__name__)
_ERROR_LIMIT: Final = 65_536  # bytes read of an error's body
# A proxy in front of the model gave up waiting; the model's work may still have to be paid for.
_UNANSWERED: Final = frozenset({504, 524})
_SSE_STARTS: Final = (b"data:", b"event:", b":")  # of a stream with another content type


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryableError:
    """A failed try that may be repeated. ``retry_after`` is in seconds.

    ``is_busy``: more retries are likely to help; ``is_lasting``: none will.
    """

    what: str
    retry_after: float | None = None
    is_busy: bool = False
    is_lasting: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FinalError:
    """A failed try that no retry will change."""

    status: int
    trouble: ProviderTrouble


Outcome = RetryableError | FinalError | None  # None: the answer was passed on, as far as it got


@dataclass(frozen=True, slots=True, kw_only=True)
class Forwarder:
    """Forwards the requests of one sandbox connection, one try at a time."""

    upstream: Upstream
    sender: Sender
    connection: HttpConnection
    attempt_log: AttemptLog
    clock: Clock
    timeouts: GatewayTimeouts

    def forward(
        self,
        admission: Admission,
        attempt: AttemptState,
        reservation: Reservation,
        entry: TrafficEntry,
    ) -> Outcome:
        """Send the request, pass its answer on, and charge what it took to ``reservation``."""
        key = self.upstream.key
        name, value = self.upstream.row.make_credential(key)
        try:
            with (
                translated_errors(),
                self.sender.post(admission, (name, value)) as response,
            ):
                entry.status = response.status
                return self._receive(response, attempt, reservation, entry)
        except UpstreamError as error:
            if not error.is_sent:
                reservation.settle_nothing()
            words = clean_words(str(error), key=key)
            return RetryableError(what=words, is_lasting="certificate" in words)
        except ProviderTrouble as trouble:  # the cassette has no answer
            reservation.settle_nothing()
            return FinalError(status=400, trouble=trouble)

    def _receive(
        self,
        response: Exchange,
        attempt: AttemptState,
        reservation: Reservation,
        entry: TrafficEntry,
    ) -> Outcome:
        """Pass a good answer on from its first byte; read any other and decide about a retry."""
        if not 200 <= response.status < 300:  # noqa: PLR2004 - HTTP's success
            if response.status not in _UNANSWERED:
                reservation.settle_nothing()
            return self._judge(response, entry)
        content_type = read_header(response, b"content-type")
        kind = content_type.lower()
        if kind.startswith("text/html") or _is_encoded(response):
            if kind.startswith("text/html"):  # a compressed body may be an answer all the same
                reservation.settle_nothing()
            what = "answers with something that is no model's answer"
            trouble = describe_outage(what, self.upstream, is_final=True)
            return FinalError(status=400, trouble=trouble)
        chunks = response.iter_stream()
        first = next(chunks, b"")
        if not first:
            return RetryableError(what="sent an empty answer")
        self.attempt_log.note_answer()
        entry.first_byte = self.clock.monotonic()
        self.sender.silence = self.timeouts.idle
        self.connection.start(content_type or "application/json")
        scanner = UsageScanner(
            self.upstream.row.protocol,
            is_stream=kind.startswith("text/event-stream") or first.startswith(_SSE_STARTS),
            provider=self.upstream.provider,
        )
        self._finish(_chain(first, chunks), scanner, attempt, (reservation, entry))
        return None

    def _finish(
        self,
        chunks: Iterator[bytes],
        scanner: UsageScanner,
        attempt: AttemptState,
        accounts: tuple[Reservation, TrafficEntry],
    ) -> None:
        """Pass the answer on to its end and charge it; cut the connection if it breaks off."""
        reservation, entry = accounts

        def note_cut() -> None:
            # Before the bytes that say so are sent: the agent ends its turn when it has them.
            if scanner.is_cut_off and reservation.cut_by:
                self.attempt_log.stop(attempt, reservation.describe_cut())

        try:
            self._pass_on(chunks, scanner, entry, note_cut)
        except UpstreamError as error:
            reservation.settle(scanner, is_whole=False)
            self._count_break(attempt, str(error))
            self.connection.close()
            return
        scanner.finish()
        note_cut()
        reservation.settle(scanner, is_whole=not scanner.error)
        if scanner.error:  # an error in mid-stream counts as a break
            words = clean_words(scanner.error, key=self.upstream.key)
            self._count_break(attempt, f"broke off its answer: {words}")
        self.connection.finish()

    def _pass_on(
        self,
        chunks: Iterator[bytes],
        scanner: UsageScanner,
        entry: TrafficEntry,
        note_cut: Callable[[], None],
    ) -> None:
        """Send the answer's bytes as they arrive; raises ``UpstreamError`` when they break off."""
        key_filter = KeyFilter(self.upstream.key)
        with translated_errors():
            for chunk in chunks:
                scanner.feed(chunk)
                note_cut()
                entry.add(chunk)
                self.connection.send(key_filter.feed(chunk))
        self.connection.send(key_filter.finish())

    def _count_break(self, attempt: AttemptState, what: str) -> None:
        _log.info("%s %s in the middle of an answer", self.upstream.name, what)
        if self.attempt_log.count_break(attempt):
            trouble = describe_outage(f"{what}, for the third time", self.upstream)
            self.attempt_log.record(attempt, trouble)

    def _judge(self, response: Exchange, entry: TrafficEntry) -> Outcome:
        """Read an error answer and decide whether a retry may help."""
        raw = _read_error(response)
        entry.add(raw)
        status, words = response.status, quote_words(raw, key=self.upstream.key)
        is_money = is_used_up(raw)
        if is_retried(status) and not is_money:
            said = f": {words}" if words else ""
            after = parse_retry_after(read_header(response, b"retry-after"), now=time.time())
            return RetryableError(
                what=f"answered {status}{said}",
                retry_after=parse_retry_delay(raw) if after is None else after,
                is_busy=is_busy(status),
            )
        trouble = describe_refusal(
            status,
            words,
            self.upstream,
            is_money=is_money,
            has_answered=self.attempt_log.has_answered,
        )
        return FinalError(status=max(status, 400), trouble=trouble)


def read_header(response: Exchange, name: bytes) -> str:
    """Return a header's values joined by commas, "" if it is missing."""
    values = [value for header, value in response.headers if header.lower() == name]
    return b", ".join(values).decode("latin-1").strip()


def _read_error(response: Exchange) -> bytes:
    body = bytearray()
    for chunk in response.iter_stream():
        body += chunk
        if len(body) > _ERROR_LIMIT:
            break
    return bytes(body[:_ERROR_LIMIT])


def _is_encoded(response: Exchange) -> bool:
    return read_header(response, b"content-encoding").lower() not in ("", "identity")


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
