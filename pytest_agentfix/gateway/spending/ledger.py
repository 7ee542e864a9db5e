"""The ledger: what was spent, what is being spent, and what would be too much.

Accounts stand in a row: an attempt's belongs to a cluster's, that to the run's, that to the day's.
Before a request is sent, the most that it can take is held in all of them; a hold that does not
fit below every cap is refused. When the answer is there, what it took is charged instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pytest_agentfix.core.ports import Clock
from pytest_agentfix.gateway.spending.cap_messages import describe_excess, describe_time

_TIMED: Final = "seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Something spent: requests, tokens of all kinds, US dollars."""

    requests: int = 0
    tokens: int = 0
    cost: float = 0.0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            requests=self.requests + other.requests,
            tokens=self.tokens + other.tokens,
            cost=self.cost + other.cost,
        )

    def __sub__(self, other: Amount) -> Amount:
        return Amount(
            requests=self.requests - other.requests,
            tokens=self.tokens - other.tokens,
            cost=self.cost - other.cost,
        )

    def get(self, kind: str) -> float:
        """Return the amount of one kind, as ``agent_fix_caps`` names them."""
        match kind:
            case "requests":
                return self.requests
            case "tokens":
                return self.tokens
            case _:
                return self.cost


class CapError(Exception):
    """A cap would be passed. ``scope`` is whose; the words say which, and what was spent."""

    def __init__(self, scope: str, words: str) -> None:
        super().__init__(words)
        self.scope = scope


class BusyError(Exception):
    """It may fit, once requests that are under way have turned out cheaper than they might be."""


class DailySpending(Protocol):
    """What all runs of a day have spent, wherever it is kept."""

    def hold(self, amount: Amount, check: Check) -> Settle | None:
        """Add ``amount`` if ``check(spent, seconds)`` raises nothing; returns how to settle it.

        ``None`` if it could not be added, and no cap depends on it.
        """
        ...


class Check(Protocol):
    """Raises ``CapError`` if no more may be spent, ``BusyError`` if it may later."""

    def __call__(self, spent: Amount, seconds: float) -> None:
        """Look at what was spent, in how many seconds of wall clock."""
        ...


class Settle(Protocol):
    """Puts what was really spent in the place of what was held."""

    def __call__(self, actual: Amount) -> None:
        """Charge ``actual``."""
        ...


@dataclass(frozen=True, slots=True)
class Caps:
    """The most of each kind in each scope: ``("run", "cost") -> 0.5``. Nothing named, no cap."""

    limits: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def iter_scope(self, scope: str) -> Iterator[tuple[str, float]]:
        """Yield kind and limit of each cap of ``scope``."""
        for (owner, kind), limit in self.limits.items():
            if owner == scope:
                yield kind, limit

    def has(self, kind: str) -> bool:
        """Whether any scope has a cap of ``kind``."""
        return any(found == kind for _, found in self.limits)


class Account:
    """One scope's sums. ``parent`` is the account that this one is part of."""

    def __init__(
        self, scope: str, caps: Caps, *, clock: Clock, parent: Account | None = None
    ) -> None:
        self.scope = scope
        self.spent = Amount()
        self.held = Amount()
        self.stopped = ""  # the words of the cap that was first hit here
        self._open_holds = 0
        self.parent = parent
        self._caps = caps
        self._clock = clock
        self._began = clock.monotonic()

    def open(self, scope: str) -> Account:
        """Return a new account that is part of this one."""
        return Account(scope, self._caps, clock=self._clock, parent=self)

    def check(self, more: Amount) -> None:
        """Raise ``CapError`` or ``BusyError`` if ``more`` does not fit."""
        seconds = self._clock.monotonic() - self._began
        check_caps(self.scope, self._caps, spent=self.spent, more=more, seconds=seconds)
        for kind, limit in self._caps.iter_scope(self.scope):
            if kind != _TIMED and (self.spent + self.held + more).get(kind) > limit:
                raise BusyError

    def take(self, amount: Amount) -> None:
        """Hold ``amount``."""
        self._open_holds += 1
        self.held += amount

    def give(self, held: Amount, actual: Amount) -> None:
        """Charge ``actual`` for what was held."""
        self._open_holds -= 1
        # Sums of fractions leave crumbs, and somebody might wait for those to be settled.
        self.held = self.held - held if self._open_holds else Amount()
        self.spent += actual

    def seconds_over(self) -> str:
        """Return the words of the time cap that has passed, "" if none has."""
        try:
            seconds = self._clock.monotonic() - self._began
            check_caps(self.scope, self._caps, spent=Amount(), more=Amount(), seconds=seconds)
        except CapError as error:
            return str(error)
        return ""


def check_caps(scope: str, caps: Caps, *, spent: Amount, more: Amount, seconds: float) -> None:
    """Raise ``CapError`` if ``spent`` and ``more`` pass a cap of ``scope``, or its time is up."""
    for kind, limit in caps.iter_scope(scope):
        if kind == _TIMED:
            if seconds >= limit:
                raise CapError(scope, describe_time(scope, limit))
        elif (spent + more).get(kind) > limit:
            words = describe_excess(
                scope,
                kind,
                limit,
                spent=spent.get(kind),
                requests=spent.requests,
                more=more.get(kind),
            )
            raise CapError(scope, words)


class Ledger:
    """Holds and charges in all accounts of a row at once. Shared by all threads of a run."""

    def __init__(self, caps: Caps, *, clock: Clock, day: DailySpending | None = None) -> None:
        self.caps = caps
        self.run = Account("run", caps, clock=clock)
        self._day = day
        self._lock = threading.Lock()

    def hold(self, account: Account, amount: Amount) -> Hold:
        """Hold ``amount`` in ``account`` and all that it is part of.

        Raises ``CapError`` when it can never fit, ``BusyError`` when it may later.
        """
        with self._lock:
            row = list(_iter_row(account))
            try:
                for each in row:
                    each.check(amount)
                settle_day = self._hold_day(amount)
            except CapError as error:
                _note_stop(row, error)
                raise
            for each in row:
                each.take(amount)
        return Hold(self, row, amount, settle_day)

    def _hold_day(self, amount: Amount) -> Settle | None:
        def check(spent: Amount, seconds: float) -> None:
            settled = spent - self.run.held  # the day's book counts as spent what is held
            check_caps("day", self.caps, spent=settled, more=amount, seconds=seconds)
            try:
                check_caps("day", self.caps, spent=spent, more=amount, seconds=seconds)
            except CapError as error:
                raise BusyError from error

        return self._day.hold(amount, check) if self._day else None

    def settle(self, row: list[Account], held: Amount, actual: Amount) -> None:
        """Charge ``actual`` for what was held."""
        with self._lock:
            for each in row:
                each.give(held, actual)

    def find_timeout(self, account: Account) -> str:
        """Return the words of a time cap that has passed, "" if none has."""
        for each in _iter_row(account):
            if words := each.seconds_over():
                _note_stop(list(_iter_row(account)), CapError(each.scope, words))
                return words
        return ""


class Hold:
    """An amount held for one request until it is settled, as a ``Ticket`` sees to."""

    def __init__(
        self, ledger: Ledger, row: list[Account], amount: Amount, settle_day: Settle | None
    ) -> None:
        self.amount = amount
        self._ledger = ledger
        self._row = row
        self._settle_day = settle_day
        self._is_settled = False

    def settle(self, actual: Amount) -> None:
        """Charge ``actual``; only the first call counts."""
        if self._is_settled:
            return
        self._is_settled = True
        try:  # the day first: in between, others may wait for nothing, but are not refused for it
            if self._settle_day:
                self._settle_day(actual)
        finally:
            self._ledger.settle(self._row, self.amount, actual)


def _iter_row(account: Account | None) -> Iterator[Account]:
    while account is not None:
        yield account
        account = account.parent


def _note_stop(row: list[Account], error: CapError) -> None:
    """Remember at the account that was full, or at the outermost for the day's."""
    full = next((each for each in row if each.scope == error.scope), row[-1])
    full.stopped = full.stopped or str(error)
