"""The pool of prewarmed items: everyone who needs one gets one, ready or made on the spot."""

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

    def make_pool(self) -> PrewarmPool[int]:
        return PrewarmPool(self.make, self.disposed.append, name="test")


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(int(LIMIT / 0.01)):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("waited in vain")


def test_nothing_is_made_without_a_target() -> None:
    maker = Maker()
    pool = maker.make_pool()
    pool.close()
    assert maker.made == []


def test_the_target_is_kept_after_one_is_acquired() -> None:
    maker = Maker()
    pool = maker.make_pool()
    pool.set_target(2)
    wait_until(lambda: len(maker.made) == 2)
    assert pool.acquire() == 0
    wait_until(lambda: len(pool._ready) == 2)
    pool.close()
    assert maker.disposed == [1, 2]


def test_acquire_waits_for_one_being_made_and_the_next_makes_its_own() -> None:
    maker = Maker()
    pool = maker.make_pool()
    maker.go.clear()
    pool.set_target(1)
    assert maker.begun.acquire(timeout=LIMIT)
    taken: list[int] = []
    first = threading.Thread(target=lambda: taken.append(pool.acquire()))
    first.start()
    wait_until(lambda: pool._waiting == 1)
    pool.set_target(0)
    assert pool.acquire(lambda: 99) == 99  # at once
    maker.go.set()
    first.join(LIMIT)
    assert taken == [0]
    pool.close()


def test_a_failure_ahead_of_time_is_met_by_who_needs_one() -> None:
    maker = Maker()
    maker.trouble = SandboxError("The engine is gone.", "Start it.")
    pool = maker.make_pool()
    pool.set_target(1)
    assert maker.begun.acquire(timeout=LIMIT)
    with pytest.raises(SandboxError, match="The engine is gone"):
        pool.acquire()
    maker.trouble = None
    assert pool.acquire() == 0
    pool.close()


def test_close_ends_what_is_under_way() -> None:
    maker = Maker()
    maker.go.clear()
    pool = maker.make_pool()
    pool.set_target(1)
    assert maker.begun.acquire(timeout=LIMIT)
    pool.close()
    assert (maker.made, maker.disposed) == ([], [])
