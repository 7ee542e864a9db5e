"""Syntax trees that several threads make side by side."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from pytest_agentfix.core.python_source import parse


class _Garbage:
    """Gives another thread its turn when it is collected, which may be in the midst of a tree."""

    def __init__(self) -> None:
        self.me = self

    def __del__(self) -> None:
        sum(range(200))


@pytest.fixture
def _many_turns() -> Iterator[None]:
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50)
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)


@pytest.mark.usefixtures("_many_turns")
def test_threads_may_parse_at_once() -> None:
    text = "\n".join(f"def f{number}(x): return (x + [{number}]) * 2" for number in range(100))

    def parse_often(_: int) -> set[int]:
        lengths = set()
        for _ in range(40):
            assert all(_Garbage() for _ in range(20))
            lengths.add(len(parse(text).body))
        return lengths

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(parse_often, range(4))) == [{100}] * 4
