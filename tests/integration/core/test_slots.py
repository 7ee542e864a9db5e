"""Slots that are given out in order, with real threads."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pytest_agentfix.core.slots import Slots, Stop, StoppedError
from tests.kits.gateway_kit import wait_for

LIMIT = 30.0  # seconds; none of these waits comes near


def test_no_more_than_its_number_at_once() -> None:
    slots, lock, here, most = Slots(2), threading.Lock(), 0, 0
    is_full = threading.Barrier(2)

    def start() -> None:
        nonlocal here, most
        with slots.hold(timeout=LIMIT):
            with lock:
                here += 1
                most = max(most, here)
            is_full.wait(LIMIT)
            with lock:
                here -= 1

    with ThreadPoolExecutor(6) as pool:
        for future in [pool.submit(start) for _ in range(6)]:
            future.result(LIMIT)
    assert most == 2


def test_alone_means_alone_and_is_not_overtaken() -> None:
    def run(name: str, *, is_alone: bool) -> None:
        with slots.hold(timeout=LIMIT, is_alone=is_alone):
            order.append(name)

    slots, order = Slots(2), list[str]()

    with ThreadPoolExecutor(2) as pool:
        pending: list[Future[None]] = []
        with slots.hold(timeout=LIMIT):
            pending.append(pool.submit(run, "alone", is_alone=True))
            wait_for(lambda: slots.waiting == 1)
            pending.append(pool.submit(run, "next", is_alone=False))
            wait_for(lambda: slots.waiting == 2)
            assert order == []
        for future in pending:
            future.result(LIMIT)
    assert order == ["alone", "next"]


def test_out_of_time() -> None:
    slots = Slots(1)
    with slots.hold(timeout=LIMIT):
        with pytest.raises(TimeoutError), slots.hold(timeout=0.0):
            pass
        with pytest.raises(TimeoutError), slots.hold(timeout=-1.0, is_alone=True):
            pass
    with slots.hold(timeout=LIMIT, is_alone=True):
        pass


def test_an_error_gives_the_slot_back() -> None:
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError), slots.hold(timeout=LIMIT):
        raise ZeroDivisionError
    with slots.hold(timeout=LIMIT):
        pass


def test_who_waits_can_be_stopped() -> None:
    slots, stop = Slots(1), Stop()

    def wait() -> None:
        with slots.hold(timeout=LIMIT, stop=stop):
            pass

    with ThreadPoolExecutor(1) as pool, slots.hold(timeout=LIMIT):
        future = pool.submit(wait)
        wait_for(lambda: slots.waiting == 1)
        stop.set()
        assert isinstance(future.exception(LIMIT), StoppedError)
    with pytest.raises(StoppedError), slots.hold(timeout=LIMIT, stop=stop):
        pass
    with slots.hold(timeout=LIMIT):
        pass
