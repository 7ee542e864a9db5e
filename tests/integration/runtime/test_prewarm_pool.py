"""Things made ahead: who takes gets one, whoever has to make it."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.runtime.prewarm_pool import PrewarmPool

LIMIT = 60.0  # seconds after which a test has failed


class Maker:
    """Makes numbers, one at a time where it is told to wait."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.disposed: list[int] = []
        self.begun = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()
        self.trouble: Exception | None = None

    def make(self, unneeded: threading.Event) -> int:
        self.begun.release()
        while not self.go.wait(0.01):
            if unneeded.is_set():
                raise SandboxError("Not needed any more.", "")
        if self.trouble is not None:
            raise self.trouble
        self.made.append(len(self.made))
        return self.made[-1]

    def stock(self) -> PrewarmPool[int]:
        return PrewarmPool(self.make, self.disposed.append, name="test")


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(int(LIMIT / 0.01)):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited in vain")


def test_nothing_is_made_before_it_is_wanted() -> None:
    maker = Maker()
    stock = maker.stock()
    stock.close()
    assert maker.made == []


def test_as_many_as_wanted_and_again_after_one_is_taken() -> None:
    maker = Maker()
    stock = maker.stock()
    stock.want(2)
    wait_until(lambda: len(maker.made) == 2)
    assert stock.take() == 0
    wait_until(lambda: len(stock._ready) == 2)
    stock.close()
    assert maker.disposed == [1, 2]


def test_taker_waits_for_one_under_way_and_the_next_makes_its_own() -> None:
    maker = Maker()
    stock = maker.stock()
    maker.go.clear()
    stock.want(1)
    assert maker.begun.acquire(timeout=LIMIT)
    taken: list[int] = []
    first = threading.Thread(target=lambda: taken.append(stock.take()))
    first.start()
    wait_until(lambda: stock._waiting == 1)
    stock.want(0)
    assert stock.take(lambda: 99) == 99  # at once
    maker.go.set()
    first.join(LIMIT)
    assert taken == [0]
    stock.close()


def test_trouble_ahead_is_met_by_who_needs_one() -> None:
    maker = Maker()
    maker.trouble = SandboxError("The engine is gone.", "Start it.")
    stock = maker.stock()
    stock.want(1)
    assert maker.begun.acquire(timeout=LIMIT)
    with pytest.raises(SandboxError, match="The engine is gone"):
        stock.take()
    maker.trouble = None
    assert stock.take() == 0
    stock.close()


def test_close_ends_what_is_under_way() -> None:
    maker = Maker()
    maker.go.clear()
    stock = maker.stock()
    stock.want(1)
    assert maker.begun.acquire(timeout=LIMIT)
    stock.close()
    assert (maker.made, maker.disposed) == ([], [])


def test_what_was_made_elsewhere() -> None:
    maker = Maker()
    stock = maker.stock()
    stock.put(7)
    assert stock.take() == 7
    stock.close()
    stock.put(8)
    assert maker.disposed == [8]
