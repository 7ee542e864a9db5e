"""Serves one admitted request, with retries where they may help."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.gateway.admission.rules import Admission, RefusedError, cut_answer
from pytest_agentfix.gateway.http.attempts import GIVEN_UP, AttemptLog, AttemptState
from pytest_agentfix.gateway.http.forwarding import FinalError, Forwarder, Outcome, RetryableError
from pytest_agentfix.gateway.http.provider_errors import describe_outage
from pytest_agentfix.gateway.http.traffic_log import TrafficEntry, TrafficLog
from pytest_agentfix.gateway.spending.budget import Budget, Reservation
from pytest_agentfix.gateway.spending.ledger import BusyError, CapError

_log = logging.getLogger(__name__)
_BACKOFF: Final = (1.0, 2.0, 4.0, 8.0)  # seconds before the second try, the third, ...
_USUAL_TRIES: Final = 3  # for most failures; a provider that is only busy gets all of them
_JITTER: Final = 0.25  # the share by which a pause may differ from that
_LONG_WAIT: Final = 3600.0  # seconds; a longer wait ends the run, not only the cluster
_STEP: Final = 0.2  # seconds slept between two calls of ``check``


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryingForwarder:
    """Serves the requests of one connection. ``check`` raises when going on is pointless."""

    forwarder: Forwarder
    attempt_log: AttemptLog
    budget: Budget
    log: TrafficLog
    check: Callable[[], None]
    random: Callable[[], float]

    def serve(self, admission: Admission, attempt: AttemptState) -> None:
        """Answer the request, or record the trouble and answer with an error."""
        for number, pause in enumerate((*_BACKOFF, None)):
            try:
                reservation = self._reserve(admission, attempt, is_repeated=number > 0)
            except CapError as error:
                self._stop(attempt, str(error))
                return
            if not number:
                self.attempt_log.count_request()
            outcome = self._try(admission, attempt, reservation)
            match outcome:
                case None:
                    return
                case FinalError():
                    self._give_up(attempt, outcome.trouble, status=outcome.status)
                    return
                case RetryableError() if final := self._judge_pause(
                    outcome, pause if _has_more(outcome, number) else None, attempt
                ):
                    self._give_up(attempt, final)
                    return
                case RetryableError():
                    _log.info("%s %s; trying again", self._name, outcome.what)
                    self._sleep(self._choose_pause(outcome, pause or 0.0))

    def _reserve(
        self, admission: Admission, attempt: AttemptState, *, is_repeated: bool
    ) -> Reservation:
        """Reserve the worst case of the request, once requests under way leave enough budget.

        Raises ``RefusedError`` if one of those has ended the attempt's access meanwhile.
        """
        while True:
            try:
                reservation = self.budget.reserve(admission, is_repeated=is_repeated)
            except BusyError:
                reservation = None
                self._sleep(_STEP)
            if attempt.trouble or attempt.cap:
                if reservation:
                    reservation.release()
                raise RefusedError(400, GIVEN_UP)
            if reservation:
                return reservation

    def _try(
        self, admission: Admission, attempt: AttemptState, reservation: Reservation
    ) -> Outcome:
        with reservation:
            sent = self._cut(admission, reservation)
            return self._send(sent, attempt, reservation)

    def _cut(self, admission: Admission, reservation: Reservation) -> Admission:
        """Return the request with its answer cut to what is reserved for it."""
        if reservation.output < admission.max_output:
            _log.info(
                "%s: an answer may have %d tokens instead of %d: %s leaves no more",
                self._name,
                reservation.output,
                admission.max_output,
                reservation.cut_by,
            )
        protocol = self.forwarder.upstream.row.protocol
        return cut_answer(admission, reservation.output, protocol)

    def _send(
        self, admission: Admission, attempt: AttemptState, reservation: Reservation
    ) -> Outcome:
        clock = self.forwarder.clock
        entry = TrafficEntry(
            model=admission.model,
            sent=admission.body,
            began=clock.monotonic(),
            cut_to=reservation.output if reservation.cut_by else None,
        )
        try:
            return self.forwarder.forward(admission, attempt, reservation, entry)
        finally:
            self.log.write(
                entry, now=clock.monotonic(), tokens=reservation.tokens, cost=reservation.cost
            )

    @property
    def _name(self) -> str:
        return self.forwarder.upstream.name

    def _judge_pause(
        self, outage: RetryableError, pause: float | None, attempt: AttemptState
    ) -> ProviderTrouble | None:
        """Return the trouble if there is no time for another try, ``None`` if there is."""
        upstream = self.forwarder.upstream
        left = attempt.deadline - self.forwarder.clock.monotonic()
        after = outage.retry_after or 0.0
        if outage.is_lasting:
            return describe_outage(outage.what, upstream, is_final=True)
        if after > left:
            what = f"{outage.what}; it wants to be asked again in {after:.0f} seconds"
            return describe_outage(what, upstream, is_final=after > _LONG_WAIT)
        if pause is None or pause * (1 + _JITTER) > left:
            return describe_outage(outage.what, upstream)
        return None

    def _choose_pause(self, outage: RetryableError, pause: float) -> float:
        jittered = pause * (1 - _JITTER + 2 * _JITTER * self.random())
        return max(jittered, outage.retry_after or 0.0)

    def _sleep(self, seconds: float) -> None:
        clock = self.forwarder.clock
        end = clock.monotonic() + seconds
        while (left := end - clock.monotonic()) > 0:
            self.check()
            clock.sleep(min(_STEP, left))
        self.check()

    def _give_up(
        self, attempt: AttemptState, trouble: ProviderTrouble, *, status: int = 400
    ) -> None:
        """Record ``trouble``, and answer so that OpenCode does not retry."""
        _log.info("%s: %s", self._name, trouble.problem)
        self.attempt_log.record(attempt, trouble)
        self.forwarder.connection.answer(status, GIVEN_UP)

    def _stop(self, attempt: AttemptState, words: str) -> None:
        """Record the cap that was reached, and answer so that OpenCode does not retry."""
        _log.info("%s: %s", self._name, words)
        self.attempt_log.stop(attempt, words)
        self.forwarder.connection.answer(400, GIVEN_UP)


def _has_more(outage: RetryableError, number: int) -> bool:
    """Tell whether another try may follow try ``number``, counted from 0."""
    return outage.is_busy or number + 1 < _USUAL_TRIES
