"""One admitted request on its way to the provider and back, repeated where that may help."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.errors import ProviderTrouble
from pytest_agentfix.gateway.book import GIVEN_UP, AttemptState, Book
from pytest_agentfix.gateway.door import Door
from pytest_agentfix.gateway.line import (
    Exchange,
    GatewayTimeouts,
    LineError,
    Poster,
    translated_errors,
)
from pytest_agentfix.gateway.rules import Admission
from pytest_agentfix.gateway.trouble import (
    clean_words,
    describe_outage,
    describe_refusal,
    is_retried,
    parse_retry_after,
    quote_words,
)
from pytest_agentfix.gateway.upstream import Upstream
from pytest_agentfix.gateway.usage import UsageScanner
from pytest_agentfix.model import Tokens
from pytest_agentfix.ports import Clock

_log = logging.getLogger(__name__)
_BACKOFF: Final = (1.0, 2.0)  # seconds before the second and the third try
_JITTER: Final = 0.25  # how far a pause may be from that, as a share of it
_STEP: Final = 0.2  # seconds slept between two looks at whether to go on
_ERROR_LIMIT: Final = 65_536  # bytes read of an error's body
_LETTERS_PER_TOKEN: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A try that came to nothing and may be repeated. ``retry_after`` in seconds."""

    what: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A try whose answer no repetition will change."""

    status: int
    trouble: ProviderTrouble


Outcome = Outage | Refusal | None  # None: the answer was passed on, as far as it came


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """Serves requests of one connection. ``check`` raises when it is no use to go on."""

    upstream: Upstream
    line: Poster
    door: Door
    book: Book
    clock: Clock
    timeouts: GatewayTimeouts
    check: Callable[[], None]
    random: Callable[[], float]

    def serve(self, admission: Admission, attempt: AttemptState) -> None:
        """Get the request answered, or record the trouble and say so in the answer."""
        for pause in (*_BACKOFF, None):
            outcome = self._try(admission, attempt)
            match outcome:
                case None:
                    return
                case Refusal():
                    self._give_up(attempt, outcome.trouble, status=outcome.status)
                    return
                case Outage() if final := self._judge_pause(outcome, pause, attempt):
                    self._give_up(attempt, final)
                    return
                case Outage():
                    _log.info("%s %s; trying again", self.upstream.name, outcome.what)
                    self._sleep(self._choose_pause(outcome, pause or 0.0))

    def _try(self, admission: Admission, attempt: AttemptState) -> Outcome:
        row = self.upstream.row
        key = self.upstream.key
        credential = (row.key_header, row.format_key(key) if key else "")
        try:
            with translated_errors(), self.line.post(admission, credential) as response:
                return self._receive(response, admission, attempt)
        except LineError as error:
            return Outage(what=clean_words(str(error), key=key))

    def _receive(self, response: Exchange, admission: Admission, attempt: AttemptState) -> Outcome:
        """Pass a good answer on, from its first byte; read and judge any other."""
        status = response.status
        if not 200 <= status < 300:  # noqa: PLR2004 - HTTP's success
            return self._judge(response)
        content_type = _read_header(response, b"content-type")
        if content_type.startswith("text/html") or _is_encoded(response):
            trouble = describe_outage(
                "answers with something that is no model's answer", self.upstream, is_final=True
            )
            return Refusal(status=400, trouble=trouble)
        with translated_errors():
            chunks = response.iter_stream()
            first = next(chunks, b"")
        if not first:
            return Outage(what="sent an empty answer")
        self.line.silence = self.timeouts.idle
        is_stream = content_type.startswith("text/event-stream")
        scanner = UsageScanner(self.upstream.row.dialect, is_stream=is_stream)
        self.door.start(content_type or "application/json")
        try:
            self._pass_on(_chain(first, chunks), scanner)
        except LineError as error:
            self._count_break(attempt, str(error))
            self.door.close()
            return None
        finally:
            scanner.finish()
            self.book.charge(_settle(scanner, admission))
        self._close_answer(scanner, attempt)
        return None

    def _pass_on(self, chunks: Iterator[bytes], scanner: UsageScanner) -> None:
        """Send the answer's bytes as they come; raises ``LineError`` when they break off."""
        curtain = KeyCurtain(self.upstream.key)
        with translated_errors():
            for chunk in chunks:
                scanner.feed(chunk)
                self.door.send(curtain.feed(chunk))
        self.door.send(curtain.finish())

    def _close_answer(self, scanner: UsageScanner, attempt: AttemptState) -> None:
        """End the answer; one that ends in words of an error counts as broken all the same."""
        if scanner.error:
            words = clean_words(scanner.error, key=self.upstream.key)
            self._count_break(attempt, f"broke off its answer: {words}")
        self.door.finish()

    def _count_break(self, attempt: AttemptState, what: str) -> None:
        _log.info("%s %s in the middle of an answer", self.upstream.name, what)
        if self.book.count_break(attempt):
            trouble = describe_outage(f"{what}, for the third time", self.upstream)
            self.book.record(attempt, trouble)

    def _judge(self, response: Exchange) -> Outcome:
        """Read an answer that is an error."""
        body = bytearray()
        with translated_errors():
            for chunk in response.iter_stream():
                body += chunk
                if len(body) > _ERROR_LIMIT:
                    break
        words = quote_words(bytes(body[:_ERROR_LIMIT]), key=self.upstream.key)
        status = response.status
        if is_retried(status):
            said = f": {words}" if words else ""
            after = parse_retry_after(_read_header(response, b"retry-after"), now=time.time())
            return Outage(what=f"answered {status}{said}", retry_after=after)
        trouble = describe_refusal(status, words, self.upstream)
        return Refusal(status=max(status, 400), trouble=trouble)

    def _judge_pause(
        self, outage: Outage, pause: float | None, attempt: AttemptState
    ) -> ProviderTrouble | None:
        """Return the trouble if it is over, ``None`` if another try may come in time."""
        left = attempt.deadline - self.clock.monotonic()
        after = outage.retry_after or 0.0
        if after > left:
            what = f"{outage.what}; it wants to be asked again in {after:.0f} seconds"
            return describe_outage(what, self.upstream, is_final=True)
        if pause is None or pause * (1 + _JITTER) > left:
            return describe_outage(outage.what, self.upstream)
        return None

    def _choose_pause(self, outage: Outage, pause: float) -> float:
        jittered = pause * (1 - _JITTER + 2 * _JITTER * self.random())
        return max(jittered, outage.retry_after or 0.0)

    def _sleep(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while (left := end - self.clock.monotonic()) > 0:
            self.check()
            self.clock.sleep(min(_STEP, left))
        self.check()

    def _give_up(
        self, attempt: AttemptState, trouble: ProviderTrouble, *, status: int = 400
    ) -> None:
        """Record ``trouble``, and answer so that OpenCode does not try again."""
        _log.info("%s: %s", self.upstream.name, trouble.problem)
        self.book.record(attempt, trouble)
        self.door.answer(status, GIVEN_UP)


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


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _read_header(response: Exchange, name: bytes) -> str:
    values = [value for header, value in response.headers if header.lower() == name]
    return values[0].decode("latin-1").strip() if values else ""


def _is_encoded(response: Exchange) -> bool:
    return _read_header(response, b"content-encoding").lower() not in ("", "identity")


def _settle(scanner: UsageScanner, admission: Admission) -> Tokens:
    """Return what to charge: the provider's count, or a guess where a stream ended without one."""
    if scanner.has_usage:
        return scanner.tokens
    return Tokens(input=len(admission.body) // _LETTERS_PER_TOKEN, output=scanner.events)
