"""What the gateway counts and remembers, for threads side by side."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.errors import ProviderTrouble
from pytest_agentfix.gateway.rules import RefusedError
from pytest_agentfix.model import Tokens

BREAK_LIMIT: Final = 3  # broken streams before an attempt gets no more

# What OpenCode is told about trouble. It repeats even a 400 for minutes if the body holds words
# such as "overloaded" or digits such as 503, so the provider's own words stay on this side.
GIVEN_UP: Final = "The model gives no more answers in this attempt."


@dataclass(slots=True, kw_only=True)
class AttemptState:
    """The model access of one attempt. Late requests keep the attempt they began in."""

    deadline: float
    max_requests: int
    requests: int = 0
    breaks: int = 0
    trouble: ProviderTrouble | None = None
    is_capped: bool = False


class Book:
    """Counters of a run, and the state of its current attempt."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._attempt: AttemptState | None = None
        self._tokens = Tokens()
        self._requests = 0
        self._in_flight = 0
        self._last_heard = 0.0

    def begin(self, *, deadline: float, max_requests: int) -> None:
        """Start a new attempt."""
        with self._lock:
            self._attempt = AttemptState(deadline=deadline, max_requests=max_requests)

    @contextmanager
    def enter(self, *, now: float) -> Iterator[AttemptState]:
        """Count a request in; raises ``RefusedError`` (400: do not repeat) if none may come."""
        with self._lock:
            attempt = self._admit(now)
            self._requests += 1
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
        if attempt.trouble:
            raise RefusedError(400, GIVEN_UP)
        if now >= attempt.deadline:
            raise RefusedError(400, "The time for this attempt is up.")
        if attempt.requests >= attempt.max_requests:
            attempt.is_capped = True
            raise RefusedError(400, "The cap on model requests for this attempt is reached.")
        attempt.requests += 1
        return attempt

    def record(self, attempt: AttemptState, trouble: ProviderTrouble) -> None:
        """Remember what ended the attempt's model access; the first trouble stays."""
        with self._lock:
            attempt.trouble = attempt.trouble or trouble

    def count_break(self, attempt: AttemptState) -> bool:
        """Count a broken stream; return whether it was one too many."""
        with self._lock:
            attempt.breaks += 1
            return attempt.breaks >= BREAK_LIMIT

    def charge(self, tokens: Tokens) -> None:
        """Add to the run's tokens."""
        with self._lock:
            self._tokens += tokens

    def hear(self, now: float) -> None:
        """Note that the provider was heard at ``now``."""
        with self._lock:
            self._last_heard = now

    @property
    def attempt(self) -> AttemptState | None:
        """The current attempt."""
        with self._lock:
            return self._attempt

    @property
    def tokens(self) -> Tokens:
        """Tokens of the run."""
        with self._lock:
            return self._tokens

    @property
    def requests(self) -> int:
        """Requests of the run."""
        with self._lock:
            return self._requests

    @property
    def in_flight(self) -> int:
        """Requests being served."""
        with self._lock:
            return self._in_flight

    @property
    def last_heard(self) -> float:
        """When the provider was last heard (monotonic), 0.0 for never."""
        with self._lock:
            return self._last_heard
