"""Decide from repeated runs whether a change breaks a test or the test is red by chance (pure).

A sequential test: runs come in pairs, one with the change and one without it, of the same tests in
the same order, until the answer is clear. A test that fails now and then is red with the change
now and then; one that the change breaks is red each time, and only with it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from math import comb
from typing import Final

MOST_PAIRS: Final = 12
LEAST_PAIRS: Final = 4  # where no test of the suite has been red by chance
FEW: Final = 3  # runs after which a test that was mostly green is taken to be red by chance
SURE: Final = 0.005  # probability of such runs if the change made no difference
LIKELY: Final = 0.05  # the same, after the last pair, for those that were never green with it


class Decision(enum.Enum):
    """The answer about one test."""

    OPEN = enum.auto()
    BROKEN = enum.auto()
    RED_ANYWAY = enum.auto()
    BY_CHANCE = enum.auto()


@dataclass(slots=True)
class Tally:
    """The runs of one test so far: how many with and without the change, and how many were red.

    ``is_known_red``: it is red without the change in another order.
    """

    is_known_red: bool = False
    with_runs: int = 0
    with_red: int = 0
    base_runs: int = 0
    base_red: int = 0

    def add_with_change(self, *, is_red: bool) -> None:
        """Count a run with the change."""
        self.with_runs += 1
        self.with_red += is_red

    def add_without_change(self, *, is_red: bool) -> None:
        """Count a run of the base."""
        self.base_runs += 1
        self.base_red += is_red

    def decide(self, *, is_steady: bool, is_last: bool = False) -> Decision:
        """Return the answer as far as the runs give one; with ``is_last`` they have to.

        ``is_steady``: no test of the suite was seen to end in two ways.
        """
        is_repeated = self.base_runs > 1 or self.is_known_red
        if is_repeated and self.base_red == self.base_runs > 0:
            return Decision.RED_ANYWAY
        is_seldom_red = 2 * self.with_red <= self.with_runs
        if is_seldom_red and self.with_runs >= FEW:
            return Decision.BY_CHANCE
        if is_steady and not self.base_red and self.with_red == self.with_runs:
            is_enough = min(self.with_runs, self.base_runs) >= LEAST_PAIRS
        else:
            is_enough = not is_seldom_red and self.probability <= SURE
        if is_enough:
            return Decision.BROKEN
        if not is_last:
            return Decision.OPEN
        is_likely = not is_seldom_red and self._is_likely()
        return Decision.BROKEN if is_likely else Decision.BY_CHANCE

    @property
    def probability(self) -> float:
        """The probability of as many red runs with the change if it makes no difference.

        Fisher's exact test, one-sided. The first run with the change does not count: it is red
        because the tests that were red in it are the ones that are asked about.
        """
        with_red, with_runs = max(self.with_red - 1, 0), max(self.with_runs - 1, 0)
        red, runs = with_red + self.base_red, with_runs + self.base_runs
        most = min(red, with_runs)
        ways = (
            comb(with_runs, one) * comb(self.base_runs, red - one)
            for one in range(with_red, most + 1)
        )
        return sum(ways) / comb(runs, red)

    def _is_likely(self) -> bool:
        """Tell whether it looks broken after few runs, when there is no time for more."""
        is_always_red = self.with_red == self.with_runs
        if is_always_red and not self.base_red:
            return True
        return self.probability <= (LIKELY if is_always_red else SURE)

    def __str__(self) -> str:
        with_change = f"red in {self.with_red} of {self.with_runs} runs with the change"
        return f"{with_change}, in {self.base_red} of {self.base_runs} without it"
