"""Delta debugging over the hunks of a fix: leave out those it does not need (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from pytest_agentfix.core.hunks import Hunk


def minimise(
    hunks: Sequence[Hunk],
    is_enough: Callable[[tuple[Hunk, ...]], bool],
    *,
    has_time: Callable[[], bool],
) -> tuple[Hunk, ...]:
    """Return the smallest part of ``hunks`` found to be enough, in their order.

    All ``hunks`` together are known to be enough, and none at all are known not to be. When time is
    up, the result is the best so far; otherwise no single hunk of it can be left out. This is
    ``ddmin`` of A. Zeller and R. Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
    IEEE Transactions on Software Engineering 28(2), 2002, over numbers of hunks.
    """

    def is_enough_of(part: Part) -> bool:
        return is_enough(tuple(hunks[number] for number in part))

    found = _Search(is_enough_of, has_time).run(tuple(range(len(hunks))))
    return tuple(hunks[number] for number in found)


Part = tuple[int, ...]


class _Search:
    """One search; it never asks about the same part twice."""

    def __init__(self, is_enough: Callable[[Part], bool], has_time: Callable[[], bool]) -> None:
        self._is_enough = is_enough
        self._has_time = has_time
        self._answers: dict[Part, bool] = {(): False}
        self._is_over = False

    def run(self, whole: Part) -> Part:
        """Reduce ``whole`` until nothing more can go or time is up."""
        self._answers[whole] = True
        pieces = 2
        while len(whole) > 1 and not self._is_over:
            smaller = self._reduce(whole, pieces)
            if smaller is not None:
                whole, pieces = smaller
            elif pieces < len(whole):
                pieces = min(2 * pieces, len(whole))
            else:
                break
        return whole

    def _reduce(self, whole: Part, pieces: int) -> tuple[Part, int] | None:
        """Return a smaller part that is enough, and the number of pieces to cut it into next."""
        cuts = [len(whole) * number // pieces for number in range(pieces + 1)]
        spans = list(pairwise(cuts))
        for start, stop in spans:
            if self._ask(whole[start:stop]):
                return whole[start:stop], 2
        for start, stop in spans:
            rest = whole[:start] + whole[stop:]
            if self._ask(rest):
                return rest, max(pieces - 1, 2)
        return None

    def _ask(self, part: Part) -> bool:
        if part in self._answers:
            return self._answers[part]
        self._is_over = self._is_over or not self._has_time()
        if self._is_over:
            return False
        self._answers[part] = self._is_enough(part)
        return self._answers[part]
