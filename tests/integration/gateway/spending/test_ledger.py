"""The ledger under threads."""

from __future__ import annotations

import threading

from pytest_agentfix.gateway.spending.ledger import (
    Amount,
    BusyError,
    CapError,
    Caps,
    Demand,
    Ledger,
)
from pytest_agentfix.testing.fakes import FakeClock


def test_threads_side_by_side_never_pass_a_cap() -> None:
    ledger = Ledger(Caps({("run", "tokens"): 1000}), clock=FakeClock())
    attempt = ledger.run.open("cluster").open("attempt")
    refusals: list[type[Exception]] = []

    def try_once() -> None:
        try:
            hold = ledger.hold(attempt, Demand(fixed=Amount(requests=1, tokens=30)))
        except (CapError, BusyError) as error:
            refusals.append(type(error))
        else:
            hold.settle(Amount(requests=1, tokens=11))

    def ask() -> None:
        for _ in range(100):
            try_once()

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = ledger.run.spent
    assert spent.tokens <= 1000
    assert spent.tokens + 30 > 1000
    assert spent.requests * 11 == spent.tokens
    assert spent.requests + len(refusals) == 800
    assert ledger.run.held == Amount()
