"""The queue of starts, with real threads."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from pytest_agentfix.runtime.start_queue import StartQueue
from tests.kits.gateway_kit import wait_for

LIMIT = 30.0  # seconds; none of these waits comes near


def soon() -> float:
    return time.monotonic() + LIMIT


def test_no_more_than_its_number_at_once() -> None:
    queue, lock, here, most = StartQueue(2), threading.Lock(), 0, 0
    is_full = threading.Barrier(2)

    def start() -> None:
        nonlocal here, most
        with queue.turn(deadline=soon()):
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
        with queue.turn(deadline=soon(), is_alone=is_alone):
            order.append(name)

    queue, order = StartQueue(2), list[str]()

    with ThreadPoolExecutor(2) as pool:
        pending: list[Future[None]] = []
        with queue.turn(deadline=soon()):
            pending.append(pool.submit(run, "alone", is_alone=True))
            wait_for(lambda: queue.waiting == 1)
            pending.append(pool.submit(run, "next", is_alone=False))
            wait_for(lambda: queue.waiting == 2)
            assert order == []
        for future in pending:
            future.result(LIMIT)
    assert order == ["alone", "next"]


def test_out_of_time() -> None:
    queue = StartQueue(1)
    with queue.turn(deadline=soon()):
        with pytest.raises(TimeoutError), queue.turn(deadline=time.monotonic()):
            pass
        with pytest.raises(TimeoutError), queue.turn(deadline=0.0, is_alone=True):
            pass
    with queue.turn(deadline=soon(), is_alone=True):
        pass


def test_an_error_gives_the_turn_back() -> None:
    queue = StartQueue(1)
    with pytest.raises(ZeroDivisionError), queue.turn(deadline=soon()):
        raise ZeroDivisionError
    with queue.turn(deadline=soon()):
        pass
