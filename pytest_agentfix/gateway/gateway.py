"""The gateway: serves every model request that leaves a sandbox, policy first."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.core.model import Tokens
from pytest_agentfix.core.ports import Clock, Stream
from pytest_agentfix.core.tool_text import ToolText
from pytest_agentfix.gateway.admission.rules import RefusedError, Request, admit
from pytest_agentfix.gateway.http.attempts import GIVEN_UP, AttemptLog, AttemptState
from pytest_agentfix.gateway.http.body_budget import BodyMemoryBudget
from pytest_agentfix.gateway.http.connection import Sender, UpstreamConnection
from pytest_agentfix.gateway.http.forwarding import Forwarder
from pytest_agentfix.gateway.http.retries import RetryingForwarder
from pytest_agentfix.gateway.http.server import GoneError, HttpConnection
from pytest_agentfix.gateway.http.traffic_log import TrafficLog
from pytest_agentfix.gateway.http.transport import GatewayTimeouts, TransportConfig
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateway.spending.budget import Budget, Tariff
from pytest_agentfix.gateway.spending.ledger import Account, Caps, Ledger
from pytest_agentfix.gateway.spending.token_estimate import PromptEstimators

_log = logging.getLogger(__name__)


class SystemClock:
    """Real time."""

    def monotonic(self) -> float:
        """Return the seconds since a fixed moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait ``seconds``."""
        time.sleep(seconds)


# Opens the sender of one sandbox connection; its argument is ``UpstreamConnection``'s ``check``.
SenderFactory = Callable[[Callable[[], None]], AbstractContextManager[Sender]]


def make_sender_factory(
    upstream: Upstream, *, clock: Clock, timeouts: GatewayTimeouts | None = None
) -> SenderFactory:
    """Return a factory of real connections to ``upstream``.

    Raises ``SettingError`` if the environment names a proxy or certificates that cannot be used.
    """
    transport = TransportConfig.from_environment(
        upstream.base_url, clock=clock, timeouts=timeouts or GatewayTimeouts()
    )
    return lambda check: UpstreamConnection(transport, check=check)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The objects that all connections of a gateway share."""

    upstream: Upstream
    token: str = field(repr=False)
    timeouts: GatewayTimeouts
    clock: Clock
    random: Callable[[], float]
    attempt_log: AttemptLog
    budget: Budget
    tool_texts: Mapping[str, ToolText]
    closed: threading.Event
    body_budget: BodyMemoryBudget = field(default_factory=BodyMemoryBudget)
    # One body is parsed at a time: parsing a hostile one of 10 MB takes some 200 MB.
    parsing: threading.Lock = field(default_factory=threading.Lock)
    log: TrafficLog
    open_sender: SenderFactory = field(repr=False)


class ModelGateway:
    """Access to one model for the sandboxes of a cluster; implements ``ports.ModelAccess``.

    ``token`` is this run's secret that OpenCode sends where the provider's key would be.
    ``ledger`` is the run's, with its caps; without one there are none. ``account`` is the cluster's
    in it, if another gateway has opened one; ``estimators`` are the run's, too. Call ``begin``
    before each attempt: until then every request is refused. ``tool_texts`` replace the agent's
    words for its tools. Raises ``SettingError`` as ``make_sender_factory`` does.
    """

    def __init__(  # noqa: PLR0913 - all by name
        self,
        upstream: Upstream,
        *,
        token: str,
        timeouts: GatewayTimeouts | None = None,
        clock: Clock | None = None,
        choose_random: Callable[[], float] = random.random,
        ledger: Ledger | None = None,
        account: Account | None = None,
        tariff: Tariff | None = None,
        estimators: PromptEstimators | None = None,
        open_sender: SenderFactory | None = None,
        log: TrafficLog | None = None,
        tool_texts: Mapping[str, ToolText] | None = None,
    ) -> None:
        timeouts = timeouts or GatewayTimeouts()
        clock = clock or SystemClock()
        self._attempt_log = AttemptLog()
        ledger = ledger or Ledger(Caps(), clock=clock)
        self._budget = Budget(ledger, tariff or Tariff(), account, estimators)
        self._parts = _Parts(
            upstream=upstream,
            token=token,
            timeouts=timeouts,
            clock=clock,
            random=choose_random,
            attempt_log=self._attempt_log,
            budget=self._budget,
            tool_texts=tool_texts or {},
            closed=threading.Event(),
            log=log or TrafficLog(),
            open_sender=open_sender
            or make_sender_factory(upstream, clock=clock, timeouts=timeouts),
        )

    def begin(self, *, deadline: float) -> None:
        """Start an attempt, which takes no request after ``deadline`` (monotonic seconds)."""
        self._budget.begin_attempt()
        self._attempt_log.begin(deadline=deadline)

    def trouble(self) -> ProviderTrouble | None:
        """Return the provider trouble that ended the last attempt's model access, if any."""
        attempt = self._attempt_log.attempt
        return attempt.trouble if attempt else None

    def cap(self) -> str:
        """Return the description of the cap that ended the last attempt, "" if none did."""
        attempt = self._attempt_log.attempt
        if attempt is None:
            return ""
        if not attempt.cap and (words := self._budget.find_timeout()):
            self._attempt_log.stop(attempt, words)
        return attempt.cap

    def tokens(self) -> Tokens:
        """Return the tokens used so far; an answer that broke off counts with its worst case."""
        return self._budget.tokens

    def cost(self) -> float | None:
        """Return the US dollars spent so far, ``None`` if a price is unknown."""
        return self._budget.cost

    @property
    def account(self) -> Account:
        """The account of this cluster in the ledger."""
        return self._budget.account

    def requests(self) -> int:
        """Return the number of model requests so far, without the gateway's own retries."""
        return self._attempt_log.requests

    def in_flight(self) -> int:
        """Return the number of requests that are waiting for the provider."""
        return self._attempt_log.in_flight

    def close(self) -> None:
        """End all connections, within a second."""
        self._parts.closed.set()

    def handle(self, stream: Stream) -> None:
        """Serve HTTP on ``stream`` until it closes. Runs in its own thread; never raises."""
        parts = self._parts
        connection = HttpConnection(
            stream,
            clock=parts.clock,
            patience=parts.timeouts.request,
            is_over=parts.closed.is_set,
            body_budget=parts.body_budget,
        )
        with connection.closing():
            _ConnectionHandler(parts, connection).serve()


class _ConnectionHandler:
    """Serves one connection from beginning to end, in one thread."""

    def __init__(self, parts: _Parts, connection: HttpConnection) -> None:
        self._parts = parts
        self._connection = connection
        self._attempt: AttemptState | None = None

    def serve(self) -> None:
        """Answer requests until none is left."""
        with self._parts.open_sender(self._check) as sender:
            forwarder = self._make_forwarder(sender)
            while (request := self._next_request()) is not None:
                self._answer(request, forwarder)

    def _make_forwarder(self, sender: Sender) -> RetryingForwarder:
        parts = self._parts
        return RetryingForwarder(
            forwarder=Forwarder(
                upstream=parts.upstream,
                sender=sender,
                connection=self._connection,
                attempt_log=parts.attempt_log,
                clock=parts.clock,
                timeouts=parts.timeouts,
            ),
            attempt_log=parts.attempt_log,
            budget=parts.budget,
            log=parts.log,
            check=self._check,
            random=parts.random,
        )

    def _next_request(self) -> Request | None:
        """Return the next request; answer one that cannot be read, which ends the connection."""
        try:
            return self._connection.next_request()
        except RefusedError as refused:
            self._connection.answer(refused.status, refused.message)
            return None

    def _answer(self, request: Request, forwarder: RetryingForwarder) -> None:
        parts = self._parts
        try:
            with parts.attempt_log.enter(now=parts.clock.monotonic()) as attempt:
                with parts.parsing:
                    admission = admit(
                        request, parts.upstream, token=parts.token, tool_texts=parts.tool_texts
                    )
                self._attempt = attempt
                forwarder.serve(admission, attempt)
        except RefusedError as refused:
            _log.info("refused: %s", refused.message)
            self._connection.answer(refused.status, refused.message)
        finally:
            self._attempt = None

    def _check(self) -> None:
        """Raise if there is no point in waiting for the provider any longer."""
        parts = self._parts
        if parts.closed.is_set():
            raise GoneError
        self._connection.check_presence()
        attempt = self._attempt
        if attempt and parts.clock.monotonic() >= attempt.deadline:
            raise RefusedError(400, "The time for this attempt is up.")
        if attempt and (words := parts.budget.find_timeout()):
            parts.attempt_log.stop(attempt, words)
            raise RefusedError(400, GIVEN_UP)
