"""Notice that one repair after another ends at the same place, so that no more of it is paid. Pure.

What stands in the way of one fix is the fix's own affair. What stands in the way of several, which
were made for different causes, is not: a test that passed before and that none of them leaves
green, a check that none passes, an error of the surroundings.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pytest_agentfix.core.model import Cluster, ClusterResult, ProbeResult, Verdict
from pytest_agentfix.repair.causes import normalise

# Ends at one obstacle, one after another, after which no more is paid. Two changes can break a test
# by chance, hardly three. A check, which speaks about each change anew, proves less.
MOST_AT_TEST: Final = 3
MOST_AT_CHECK: Final = 5
MOST_WITH_ERROR: Final = 3

_NEIGHBOURS: Final = "pass-to-pass"
# Checks that tell nothing but whether this change repairs these tests.
_OWN: Final = frozenset({"fail-before", "target"})
_JUDGED: Final = frozenset({Verdict.UNFIXED, Verdict.REFUSED})
_SURROUNDINGS: Final = frozenset({Verdict.ENVIRONMENT, Verdict.AGENT_ERROR})


class ObstacleKind(enum.Enum):
    """The sort of thing that repairs can end at."""

    TEST = "test"
    CHECK = "check"
    ERROR = "error"


MOST: Final = {
    ObstacleKind.TEST: MOST_AT_TEST,
    ObstacleKind.CHECK: MOST_AT_CHECK,
    ObstacleKind.ERROR: MOST_WITH_ERROR,
}


class Obstacle(NamedTuple):
    """The thing that a repair ended at; equal ones are the same.

    ``name`` is a node id, the name of a check, or an error's normalised words.
    """

    kind: ObstacleKind
    name: str


@dataclass(frozen=True, slots=True)
class _End:
    """A repair that was paid and has ended; ``begun`` counts those that had ended before."""

    cluster: Cluster
    obstacles: frozenset[Obstacle]
    begun: int
    place: int
    reason: str


AreKin = Callable[[Cluster, Cluster], bool]


@dataclass(slots=True)
class Obstacles:
    """The ends of a run's repairs, in order; for one thread."""

    _ends: list[_End] = field(default_factory=list)

    @property
    def count(self) -> int:
        """The number of ends that were noted."""
        return len(self._ends)

    def note(self, cluster: Cluster, result: ClusterResult, *, begun: int) -> None:
        """Note the end of a repair that began when there were ``begun`` of them."""
        obstacles = find_obstacles(result)
        if obstacles is not None:
            self._ends.append(_End(cluster, obstacles, begun, len(self._ends), result.reason))

    def explain(self, cluster: Cluster, are_kin: AreKin) -> str:
        """Say why ``cluster`` is not worth a repair, "" if it is.

        Either the last causes that have to do with it ended at one obstacle, or the last causes of
        the run did that have nothing to do with each other.
        """
        of_kin = [end for end in self._ends if are_kin(end.cluster, cluster)]
        return _find_row(self._ends, are_kin) or _find_row(of_kin, None)


def find_obstacles(result: ClusterResult) -> frozenset[Obstacle] | None:
    """Return what a repair ended at; ``None`` if its end tells nothing about those to come.

    That is so where nothing was paid, and where a limit or the agent's word ended it.
    """
    verdict = result.verdict
    if not result.attempts:
        return None
    if verdict.is_green:
        return frozenset()
    if verdict in _SURROUNDINGS:
        return frozenset({Obstacle(ObstacleKind.ERROR, normalise(result.reason))})
    if verdict not in _JUDGED:
        return None
    failed = {probe.name for probe in result.probes if probe.result is ProbeResult.FAILED}
    if _NEIGHBOURS in failed and result.neighbours.broken:
        broken = result.neighbours.broken
        return frozenset(Obstacle(ObstacleKind.TEST, outcome.nodeid) for outcome in broken)
    return frozenset(Obstacle(ObstacleKind.CHECK, name) for name in failed - _OWN)


def describe(obstacle: Obstacle, count: int, reason: str) -> str:
    """Say that ``count`` repairs ended at ``obstacle``, the last for ``reason``, and what to do."""
    if obstacle.kind is ObstacleKind.TEST:
        return (
            f"not tried, as {count} fixes in a row broke the same test, {obstacle.name}: see "
            "whether it contradicts the failing tests; correct it, or --deselect it, and run again"
        )
    if obstacle.kind is ObstacleKind.CHECK:
        return (
            f"not tried, as {count} fixes in a row did not pass the same check, {obstacle.name}: "
            "see what it says of them, and run again with another model or other settings"
        )
    return (
        f"not tried, as {count} causes in a row ended with the same error: {reason} "
        "(mend that, and run again)"
    )


def _find_row(ends: Sequence[_End], are_kin: AreKin | None) -> str:
    """Describe the obstacle that the last of ``ends`` have met, "" if these are too few."""
    for obstacle in sorted(ends[-1].obstacles, key=str) if ends else ():
        row = _list_telling(obstacle, ends, are_kin)
        if len(row) >= MOST[obstacle.kind]:
            return describe(obstacle, len(row), row[0].reason)
    return ""


def _list_telling(
    obstacle: Obstacle, ends: Sequence[_End], are_kin: AreKin | None
) -> Sequence[_End]:
    """List the last of ``ends`` that met ``obstacle`` and tell something new, the last one first.

    With ``are_kin``, no two of them are kin. Errors of the surroundings may all come from one
    moment, such as one of high load: each has to be of a repair that ended before the next began.
    """
    telling: list[_End] = []
    for end in reversed(ends):
        if obstacle not in end.obstacles:
            break
        if are_kin and any(are_kin(one.cluster, end.cluster) for one in telling):
            continue
        if obstacle.kind is ObstacleKind.ERROR and telling and telling[-1].begun <= end.place:
            continue
        telling.append(end)
    return telling
