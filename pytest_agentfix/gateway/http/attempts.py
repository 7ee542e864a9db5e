"""Thread-safe state of a cluster's attempts and counters of its requests."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.gateway.admission.refusal import RefusedError

BREAK_LIMIT: Final = 3  # broken streams after which an attempt gets no more answers

# The error that OpenCode gets. It retries even a 400 for minutes if the body holds words such as
# "overloaded" or digits such as 503, so the provider's own words are not passed on.
GIVEN_UP: Final = "The model gives no more answers in this attempt."


@dataclass(slots=True, kw_only=True)
class AttemptState:
    """The model access of one attempt. A late request keeps the attempt it began in."""

    deadline: float
    breaks: int = 0
    trouble: ProviderTrouble | None = None
    cap: str = ""  # description of the cap that was reached


class AttemptLog:
    """Counters of a cluster's model access, and the state of its current attempt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempt: AttemptState | None = None
        self._requests = 0
        self._in_flight = 0
        self._has_answered = False

    def begin(self, *, deadline: float) -> None:
        """Start a new attempt."""
        with self._lock:
            self._attempt = AttemptState(deadline=deadline)

    @contextmanager
    def enter(self, *, now: float) -> Iterator[AttemptState]:
        """Admit a request; raises ``RefusedError`` (400: do not retry) if none may pass."""
        with self._lock:
            attempt = self._admit(now)
            self._in_flight += 1
        try:
            yield attempt
        finally:
            with self._lock:
                self._in_flight -= 1

    def _admit(self, now: float) -> AttemptState:
        attempt = self._attempt
        if attempt is None:
            raise RefusedError(400, "No attempt is running.")
        if attempt.trouble or attempt.cap:
            raise RefusedError(400, GIVEN_UP)
        if now >= attempt.deadline:
            raise RefusedError(400, "The time for this attempt is up.")
        return attempt

    def count_request(self) -> None:
        """Count a request that goes to the provider."""
        with self._lock:
            self._requests += 1

    def record(self, attempt: AttemptState, trouble: ProviderTrouble) -> None:
        """Record the trouble that ended the attempt's model access; only the first counts."""
        with self._lock:
            attempt.trouble = attempt.trouble or trouble

    def stop(self, attempt: AttemptState, words: str) -> None:
        """Record the cap that ended the attempt's model access; only the first counts."""
        with self._lock:
            attempt.cap = attempt.cap or words

    def count_break(self, attempt: AttemptState) -> bool:
        """Count a broken stream, and return whether that reaches ``BREAK_LIMIT``."""
        with self._lock:
            attempt.breaks += 1
            return attempt.breaks >= BREAK_LIMIT

    def note_answer(self) -> None:
        """Note that the provider has answered a request of this cluster."""
        with self._lock:
            self._has_answered = True

    @property
    def attempt(self) -> AttemptState | None:
        """The current attempt."""
        with self._lock:
            return self._attempt

    @property
    def requests(self) -> int:
        """The number of requests that went to the provider, without the gateway's own retries."""
        with self._lock:
            return self._requests

    @property
    def in_flight(self) -> int:
        """The number of requests that are being served."""
        with self._lock:
            return self._in_flight

    @property
    def has_answered(self) -> bool:
        """True once the provider has answered a request of this cluster."""
        with self._lock:
            return self._has_answered
