"""The gateway: every stream out of a sandbox is served here, policy first."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_agentfix.errors import ProviderTrouble, SandboxError
from pytest_agentfix.gateway.book import AttemptState, Book
from pytest_agentfix.gateway.door import Door, GoneError
from pytest_agentfix.gateway.line import GatewayTimeouts, Line, Wire
from pytest_agentfix.gateway.relay import Relay
from pytest_agentfix.gateway.rules import RefusedError, Request, admit
from pytest_agentfix.gateway.upstream import Upstream
from pytest_agentfix.model import Tokens
from pytest_agentfix.ports import Clock, Stream

_log = logging.getLogger(__name__)


class SystemClock:
    """Time as it really passes."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Do nothing for ``seconds``."""
        time.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What all connections of a gateway share."""

    upstream: Upstream
    token: str = field(repr=False)
    timeouts: GatewayTimeouts
    clock: Clock
    random: Callable[[], float]
    book: Book
    closed: threading.Event
    wire: Wire = field(repr=False)


class ModelGateway:
    """The one door to one model, for all sandboxes of a run; implements ``Gateway`` and ``Meter``.

    ``token`` is this run's secret that OpenCode sends where the provider's key would be. Before
    each attempt call ``begin``; without it nothing passes. Raises ``SettingError`` if the
    environment names a proxy that cannot be used.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        token: str,
        timeouts: GatewayTimeouts | None = None,
        clock: Clock | None = None,
        choose_random: Callable[[], float] = random.random,
    ) -> None:
        timeouts = timeouts or GatewayTimeouts()
        clock = clock or SystemClock()
        self._book = Book()
        self._parts = _Parts(
            upstream=upstream,
            token=token,
            timeouts=timeouts,
            clock=clock,
            random=choose_random,
            book=self._book,
            closed=threading.Event(),
            wire=Wire.from_environment(upstream.base_url, clock=clock, timeouts=timeouts),
        )

    def begin(self, *, deadline: float, max_requests: int) -> None:
        """Start an attempt: no request after ``deadline`` (monotonic), at most so many."""
        self._book.begin(deadline=deadline, max_requests=max_requests)

    def trouble(self) -> ProviderTrouble | None:
        """Return what ended the last attempt's model access, if the provider did."""
        attempt = self._book.attempt
        return attempt.trouble if attempt else None

    def is_capped(self) -> bool:
        """Return whether the last attempt asked for more requests than it may have."""
        attempt = self._book.attempt
        return attempt.is_capped if attempt else False

    def tokens(self) -> Tokens:
        """Return the tokens since construction; estimated for answers that broke off."""
        return self._book.tokens

    def requests(self) -> int:
        """Return the model requests since construction, the gateway's own retries not counted."""
        return self._book.requests

    def last_heard(self) -> float:
        """Return when the provider last sent a byte (monotonic), 0.0 for never."""
        return self._book.last_heard

    def in_flight(self) -> int:
        """Return how many requests wait for the provider now."""
        return self._book.in_flight

    def close(self) -> None:
        """Let go of everything: connections end within a second."""
        self._parts.closed.set()

    def handle(self, stream: Stream) -> None:
        """Serve HTTP on ``stream`` until it closes. Runs in its own thread; never raises."""
        parts = self._parts
        door = Door(
            stream,
            clock=parts.clock,
            patience=parts.timeouts.request,
            is_over=parts.closed.is_set,
        )
        try:
            _Visit(parts, door).serve()
        except (GoneError, SandboxError, OSError) as error:
            _log.debug("a connection ended early: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a thread of ours must not die loudly
            # Only the type: the words of an unknown error may quote a header.
            _log.error("a connection ended on an error: %s", type(error).__name__)
        finally:
            door.close()


class _Visit:
    """One connection from beginning to end, in one thread."""

    def __init__(self, parts: _Parts, door: Door) -> None:
        self._parts = parts
        self._door = door
        self._attempt: AttemptState | None = None

    def serve(self) -> None:
        """Answer requests until there are no more."""
        with Line(self._parts.wire, check=self._check, heard=self._hear) as line:
            relay = self._make_relay(line)
            while (request := self._next_request()) is not None:
                self._answer(request, relay)

    def _make_relay(self, line: Line) -> Relay:
        parts = self._parts
        return Relay(
            upstream=parts.upstream,
            line=line,
            door=self._door,
            book=parts.book,
            clock=parts.clock,
            timeouts=parts.timeouts,
            check=self._check,
            random=parts.random,
        )

    def _next_request(self) -> Request | None:
        """Return the next request; one that cannot be read is answered and ends the connection."""
        try:
            return self._door.next_request()
        except RefusedError as refused:
            self._door.answer(refused.status, refused.message)
            return None

    def _answer(self, request: Request, relay: Relay) -> None:
        parts = self._parts
        try:
            admission = admit(request, parts.upstream, token=parts.token)
            now = parts.clock.monotonic()
            with parts.book.enter(now=now) as attempt:
                self._attempt = attempt
                relay.serve(admission, attempt)
        except RefusedError as refused:
            _log.info("refused: %s", refused.message)
            self._door.answer(refused.status, refused.message)
        finally:
            self._attempt = None

    def _check(self) -> None:
        """Raise if it is no use to wait for the provider any longer."""
        parts = self._parts
        if parts.closed.is_set():
            raise GoneError
        self._door.check_presence()
        attempt = self._attempt
        if attempt and parts.clock.monotonic() >= attempt.deadline:
            raise RefusedError(400, "The time for this attempt is up.")

    def _hear(self) -> None:
        self._parts.book.hear(self._parts.clock.monotonic())
