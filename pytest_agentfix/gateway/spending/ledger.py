"""The ledger: the amounts spent and held, and the caps on them.

Accounts form a chain: an attempt's account belongs to a cluster's, that to the run's, that to the
day's. Before a request is sent, its worst case is held in all of them; a hold that would pass a
cap is refused. When the answer has arrived, the real amount is charged instead.
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
    """An amount of requests, of tokens of all kinds, and of US dollars."""

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
    """A cap of ``scope`` would be passed; the message says which, and how much was spent."""

    def __init__(self, scope: str, words: str) -> None:
        super().__init__(words)
        self.scope = scope


class BusyError(Exception):
    """The amount does not fit now, but may once requests under way turn out cheaper."""


class DailySpending(Protocol):
    """The spending of all runs on a day, wherever it is stored."""

    def hold(self, amount: Amount, check: Check) -> Settle | None:
        """Add ``amount`` if ``check(spent, seconds)`` raises nothing; return its ``Settle``.

        Return ``None`` if it could not be added and no cap depends on it.
        """
        ...


class Check(Protocol):
    """A check that raises ``CapError`` if no more may be spent, ``BusyError`` if it may later."""

    def __call__(self, spent: Amount, seconds: float) -> None:
        """Check the amount spent and the seconds of wall clock."""
        ...


class Settle(Protocol):
    """A function that replaces a held amount by the one really spent."""

    def __call__(self, actual: Amount) -> None:
        """Charge ``actual``."""
        ...


@dataclass(frozen=True, slots=True)
class Caps:
    """The limit of each kind in each scope, as in ``("run", "cost") -> 0.5``; others have none."""

    limits: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def iter_scope(self, scope: str) -> Iterator[tuple[str, float]]:
        """Yield the kind and the limit of each cap of ``scope``."""
        for (owner, kind), limit in self.limits.items():
            if owner == scope:
                yield kind, limit

    def has(self, kind: str) -> bool:
        """Tell whether any scope has a cap of ``kind``."""
        return any(found == kind for _, found in self.limits)


class Account:
    """The sums of one scope. ``parent`` is the account that this one is part of."""

    def __init__(
        self, scope: str, caps: Caps, *, clock: Clock, parent: Account | None = None
    ) -> None:
        self.scope = scope
        self.spent = Amount()
        self.held = Amount()
        self.stopped = ""  # description of the cap that was first hit here
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

    def hold(self, amount: Amount) -> None:
        """Add ``amount`` to the amounts held."""
        self._open_holds += 1
        self.held += amount

    def settle(self, held: Amount, actual: Amount) -> None:
        """Charge ``actual`` in place of the amount ``held``."""
        self._open_holds -= 1
        # Sums of fractions leave rounding errors, and a request might wait for those to be settled.
        self.held = self.held - held if self._open_holds else Amount()
        self.spent += actual

    def seconds_over(self) -> str:
        """Return the description of the time cap that has passed, "" if none has."""
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
    """Holds and charges in all accounts of a chain at once. Shared by all threads of a run."""

    def __init__(self, caps: Caps, *, clock: Clock, day: DailySpending | None = None) -> None:
        self.caps = caps
        self.run = Account("run", caps, clock=clock)
        self._day = day
        self._lock = threading.Lock()

    def hold(self, account: Account, amount: Amount) -> Hold:
        """Hold ``amount`` in ``account`` and all accounts that it is part of.

        Raises ``CapError`` if it can never fit, ``BusyError`` if it may later.
        """
        with self._lock:
            chain = list(_iter_chain(account))
            try:
                for each in chain:
                    each.check(amount)
                settle_day = self._hold_day(amount)
            except CapError as error:
                _note_stop(chain, error)
                raise
            for each in chain:
                each.hold(amount)
        return Hold(self, chain, amount, settle_day)

    def _hold_day(self, amount: Amount) -> Settle | None:
        def check(spent: Amount, seconds: float) -> None:
            settled = spent - self.run.held  # the daily ledger counts held amounts as spent
            check_caps("day", self.caps, spent=settled, more=amount, seconds=seconds)
            try:
                check_caps("day", self.caps, spent=spent, more=amount, seconds=seconds)
            except CapError as error:
                raise BusyError from error

        return self._day.hold(amount, check) if self._day else None

    def settle(self, chain: list[Account], held: Amount, actual: Amount) -> None:
        """Charge ``actual`` in place of the amount ``held``."""
        with self._lock:
            for each in chain:
                each.settle(held, actual)

    def find_timeout(self, account: Account) -> str:
        """Return the description of a time cap that has passed, "" if none has."""
        for each in _iter_chain(account):
            if words := each.seconds_over():
                _note_stop(list(_iter_chain(account)), CapError(each.scope, words))
                return words
        return ""


class Hold:
    """An amount held for one request until it is settled; a ``Reservation`` sees to that."""

    def __init__(
        self, ledger: Ledger, chain: list[Account], amount: Amount, settle_day: Settle | None
    ) -> None:
        self.amount = amount
        self._ledger = ledger
        self._chain = chain
        self._settle_day = settle_day
        self._is_settled = False

    def settle(self, actual: Amount) -> None:
        """Charge ``actual``; only the first call counts."""
        if self._is_settled:
            return
        self._is_settled = True
        try:  # the day first: in between, others may wait needlessly, but are not refused
            if self._settle_day:
                self._settle_day(actual)
        finally:
            self._ledger.settle(self._chain, self.amount, actual)


def _iter_chain(account: Account | None) -> Iterator[Account]:
    while account is not None:
        yield account
        account = account.parent


def _note_stop(chain: list[Account], error: CapError) -> None:
    """Note the cap at the account that reached it, at the outermost one for the day's."""
    full = next((each for each in chain if each.scope == error.scope), chain[-1])
    full.stopped = full.stopped or str(error)
