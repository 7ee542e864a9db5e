"""The ledger: the amounts spent and held, and the caps on them.

Accounts form a chain: an attempt's account belongs to a cluster's, that to the run's, that to the
day's. Before a request is sent, its worst case is held in all of them. If it would pass a cap, the
answer is cut to what the cap leaves; if that is too little to be useful, the hold is refused. When
the answer has arrived, the real amount is charged instead.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from pytest_agentfix.core.ports import Clock
from pytest_agentfix.gateway.spending.cap_messages import (
    describe_cap,
    describe_excess,
    describe_time,
)

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The worst case of a request, by the length of its answer.

    ``fixed`` is needed for any answer, ``each`` for one more token of it. The answer asked for has
    ``most`` tokens; one that is cut has at least ``least``.
    """

    fixed: Amount
    each: Amount = Amount()
    most: int = 0
    least: int = 0

    def weigh(self, output: int) -> Amount:
        """Return the worst case with an answer of ``output`` tokens."""
        return self.fixed + Amount(tokens=self.each.tokens * output, cost=self.each.cost * output)

    def fit(self, kind: str, room: float) -> int:
        """Return the longest answer for which ``room`` is enough, -1 if even none is too much."""
        left, each = room - self.fixed.get(kind), self.each.get(kind)
        if left < 0:
            return -1
        longest = self.most if each == 0 else min(self.most, int(left / each))
        return longest if self.weigh(longest).get(kind) <= room else longest - 1


@dataclass(slots=True)
class Grant:
    """The answer that a request may have: its ``output`` in tokens, and the cap that cut it."""

    output: int
    cut_by: str = ""

    def cut(self, output: int, cap: str) -> None:
        """Lower it to ``output`` because of ``cap``, unless it is as low already."""
        if output < self.output:
            self.output, self.cut_by = output, cap


class CapError(Exception):
    """A cap of ``scope`` would be passed; the message says which, and how much was spent."""

    def __init__(self, scope: str, words: str) -> None:
        super().__init__(words)
        self.scope = scope


class BusyError(Exception):
    """The amount does not fit now, but may once requests under way turn out cheaper."""


class DailySpending(Protocol):
    """The spending of all runs on a day, wherever it is stored."""

    def hold(self, choose: Choose) -> Settle | None:
        """Add the amount that ``choose(spent, seconds)`` returns; return its ``Settle``.

        Return ``None`` if it could not be added and no cap depends on it.
        """
        ...


class Choose(Protocol):
    """Chooses the amount to hold; raises ``CapError`` if it may not be, ``BusyError`` if later."""

    def __call__(self, spent: Amount, seconds: float) -> Amount:
        """Return the amount, given what is spent and the seconds of wall clock."""
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

    def fit(self, demand: Demand, grant: Grant) -> None:
        """Cut ``grant`` to what is left here; raises ``CapError`` or ``BusyError``."""
        seconds = self._clock.monotonic() - self._began
        usage = Usage(spent=self.spent, held=self.held, seconds=seconds)
        fit_caps(self.scope, self._caps, usage, demand, grant)

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
        seconds = self._clock.monotonic() - self._began
        for kind, limit in self._caps.iter_scope(self.scope):
            if kind == _TIMED and seconds >= limit:
                return describe_time(self.scope, limit)
        return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The use of a scope: what is spent, what is held, and the seconds of wall clock."""

    spent: Amount
    held: Amount
    seconds: float


def fit_caps(scope: str, caps: Caps, usage: Usage, demand: Demand, grant: Grant) -> None:
    """Cut ``grant`` to what the caps of ``scope`` leave.

    Raises ``CapError`` if that is less than the least answer of ``demand``, or the time is up;
    ``BusyError`` if requests under way hold what a longer answer needs.
    """
    for kind, limit in caps.iter_scope(scope):
        if kind == _TIMED:
            if usage.seconds >= limit:
                raise CapError(scope, describe_time(scope, limit))
            continue
        room = limit - usage.spent.get(kind)
        longest = demand.fit(kind, room)
        if longest < demand.least:
            raise CapError(scope, _describe_excess(scope, kind, limit, usage.spent, demand))
        free = demand.fit(kind, room - usage.held.get(kind))
        if free < longest:
            raise BusyError
        grant.cut(free, describe_cap(scope, kind, limit))


def _describe_excess(scope: str, kind: str, limit: float, spent: Amount, demand: Demand) -> str:
    return describe_excess(
        scope,
        kind,
        limit,
        spent=spent.get(kind),
        requests=spent.requests,
        more=demand.weigh(demand.least).get(kind),
        is_cut=demand.least < demand.most,
    )


class Ledger:
    """Holds and charges in all accounts of a chain at once. Shared by all threads of a run."""

    def __init__(self, caps: Caps, *, clock: Clock, day: DailySpending | None = None) -> None:
        self.caps = caps
        self.run = Account("run", caps, clock=clock)
        self._day = day
        self._lock = threading.Lock()

    def hold(self, account: Account, demand: Demand) -> Hold:
        """Hold the worst case in ``account`` and all accounts that it is part of.

        The answer is cut to what their caps leave. Raises ``CapError`` if the least answer can
        never fit, ``BusyError`` if the request may fit better later.
        """
        grant = Grant(demand.most)
        with self._lock:
            chain = list(_iter_chain(account))
            try:
                for each in chain:
                    each.fit(demand, grant)
                settle_day = self._hold_day(demand, grant)
            except CapError as error:
                _note_stop(chain, error)
                raise
            amount = demand.weigh(grant.output)
            for each in chain:
                each.hold(amount)
        return Hold(self, chain, amount, grant, settle_day)

    def _hold_day(self, demand: Demand, grant: Grant) -> Settle | None:
        def choose(spent: Amount, seconds: float) -> Amount:
            held = self.run.held  # the daily ledger counts held amounts as spent
            usage = Usage(spent=spent - held, held=held, seconds=seconds)
            fit_caps("day", self.caps, usage, demand, grant)
            return demand.weigh(grant.output)

        return self._day.hold(choose) if self._day else None

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
        self,
        ledger: Ledger,
        chain: list[Account],
        amount: Amount,
        grant: Grant,
        settle_day: Settle | None,
    ) -> None:
        self.amount = amount
        self.grant = grant
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
