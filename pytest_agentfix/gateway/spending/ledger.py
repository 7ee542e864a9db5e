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

from pytest_agentfix.ports import Clock

SPELLINGS: Final = {
    ("run", "cost"): "--agent-fix-max-cost",
    ("run", "tokens"): "--agent-fix-max-tokens",
    ("attempt", "requests"): "agent_fix_max_requests",
}
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


class DayBook(Protocol):
    """What all runs of a day have spent, wherever it is kept."""

    def hold(self, amount: Amount, check: Check) -> Settle:
        """Add ``amount`` if ``check(spent, seconds)`` raises nothing; returns how to settle it."""
        ...


class Check(Protocol):
    """Raises ``CapError`` if no more may be spent."""

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
                raise CapError(scope, _describe_time(scope, limit))
        elif (spent + more).get(kind) > limit:
            raise CapError(scope, _describe_excess(scope, kind, limit, spent, more))


class Ledger:
    """Holds and charges in all accounts of a row at once. Shared by all threads of a run."""

    def __init__(self, caps: Caps, *, clock: Clock, day: DayBook | None = None) -> None:
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
                each.held += amount
        return Hold(self, row, amount, settle_day)

    def _hold_day(self, amount: Amount) -> Settle | None:
        def check(spent: Amount, seconds: float) -> None:
            check_caps("day", self.caps, spent=spent, more=amount, seconds=seconds)

        return self._day.hold(amount, check) if self._day else None

    def settle(self, row: list[Account], held: Amount, actual: Amount) -> None:
        """Charge ``actual`` for what was held."""
        with self._lock:
            for each in row:
                each.held -= held
                each.spent += actual

    def find_timeout(self, account: Account) -> str:
        """Return the words of a time cap that has passed, "" if none has."""
        for each in _iter_row(account):
            if words := each.seconds_over():
                _note_stop(list(_iter_row(account)), CapError(each.scope, words))
                return words
        return ""


class Hold:
    """An amount held for one request. Leaving it unsettled charges all of it."""

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
        self._ledger.settle(self._row, self.amount, actual)
        if self._settle_day:
            self._settle_day(actual)


def _iter_row(account: Account | None) -> Iterator[Account]:
    while account is not None:
        yield account
        account = account.parent


def _note_stop(row: list[Account], error: CapError) -> None:
    """Remember at the account that was full, or at the outermost for the day's."""
    full = next((each for each in row if each.scope == error.scope), row[-1])
    full.stopped = full.stopped or str(error)


_NAMES: Final = {
    "attempt": "this attempt",
    "cluster": "this cause",
    "run": "this run",
    "day": "today, by UTC and over all runs",
}


def _describe_excess(scope: str, kind: str, limit: float, spent: Amount, more: Amount) -> str:
    cap = f"the cap of {_show(kind, limit)} for {_NAMES[scope]}{_spell(scope, kind)}"
    if kind == "requests":
        return f"{cap} is reached"
    return (
        f"{cap} could be passed: {_show(kind, spent.get(kind))} spent in {spent.requests}"
        f" request{'' if spent.requests == 1 else 's'}, and the next may take"
        f" {_show(kind, more.get(kind))}"
    )


def _describe_time(scope: str, limit: float) -> str:
    return f"the cap of {limit:g} s of wall clock for {_NAMES[scope]} is reached"


def _spell(scope: str, kind: str) -> str:
    name = SPELLINGS.get((scope, kind), f"agent_fix_caps {scope}.{kind}")
    return f" ({name})"


def _show(kind: str, amount: float) -> str:
    if kind == "cost":
        return f"${amount:.4f}" if amount < 1 else f"${amount:.2f}"
    return f"{amount:.0f} model requests" if kind == "requests" else f"{amount:,.0f} tokens"
