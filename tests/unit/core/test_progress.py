"""Waits that follow progress: pure, on a clock of their own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from pytest_agentfix.core.progress import MOST, WINDOW, ProgressWait, Work, wait_for


@dataclass
class World:
    """A machine on which ``work`` is seen at one look after the other, the last one for ever."""

    work: list[Work | None] = field(default_factory=lambda: [None])
    is_overloaded: bool = True
    now: float = 100.0
    looks: int = 0

    def look(self) -> Work | None:
        self.looks += 1
        return self.work[min(self.looks, len(self.work)) - 1]

    def wait(self, seconds: float) -> ProgressWait:
        return ProgressWait(
            seconds=seconds,
            find_work=self.look,
            now=lambda: self.now,
            is_overloaded=lambda: self.is_overloaded,
        )

    def measure(self, seconds: float, *, at_most: float = 1e9) -> float:
        """Return the seconds that a wait for nothing takes."""
        began = self.now

        def pass_by(some: float) -> bool:
            self.now += some
            return False

        assert not wait_for(pass_by, self.wait(seconds), at_most=at_most)
        return round(self.now - began, 3)


def count_up(step: float, *, read: int = 0) -> list[Work | None]:
    return [Work(step * number, read * number) for number in range(10_000)]


@pytest.mark.parametrize("seconds", [0.0, 3.0, 60.0])
def test_on_a_machine_with_time_the_clock_counts(seconds: float) -> None:
    world = World(work=count_up(1.0), is_overloaded=False)
    assert world.measure(seconds) == seconds


def test_nobody_looks_before_the_end_is_near() -> None:
    world = World(is_overloaded=False)
    patience = world.wait(60.0)
    world.now += 49.0
    assert not patience.is_over()
    assert (patience.pause(), world.looks) == (1.0, 0)


@pytest.mark.parametrize(
    ("work", "seconds"),
    [
        ([None], 60.0),
        ([Work(5.0)], 60.0),  # it hangs
        (count_up(0.1), 60.0),  # it wakes up now and then
        ([Work(1.0), Work(2.0), Work(3.0), None], 80.0),  # nobody knows any more
        ([*count_up(1.0)[:4], Work(3.0)], 90.0),  # it gets on, then it hangs
        (count_up(0.0, read=2_000_000), MOST * 60.0),  # it is read from a disk
        (count_up(1.0), MOST * 60.0),
        (count_up(10.0), 110.0),  # it computes for ever
    ],
    ids=["unknown", "hangs", "wakes", "lost", "hangs later", "reads", "slow", "computes"],
)
def test_on_an_overloaded_machine_the_work_counts(
    work: Iterable[Work | None], seconds: float
) -> None:
    assert World(work=list(work)).measure(60.0) == seconds


def test_a_short_wait_looks_at_a_short_window() -> None:
    assert World(work=[Work(5.0)]).measure(WINDOW / 2) == WINDOW / 2


def test_the_other_limit_counts_too() -> None:
    assert World(work=count_up(1.0)).measure(60.0, at_most=75.0) == 75.0


def test_what_has_come_ends_the_wait() -> None:
    world = World()
    assert wait_for(lambda _: True, world.wait(60.0), at_most=1.0)
    assert wait_for(lambda _: True, world.wait(0.0), at_most=0.0)


def test_words() -> None:
    world = World()
    patience = world.wait(60.0)
    world.now += 61.0
    assert patience.describe().startswith("61 s, on a machine where ")
    world.is_overloaded = False
    assert patience.describe() == "61 s"
