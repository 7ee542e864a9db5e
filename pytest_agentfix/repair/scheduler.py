"""Which clusters are still to be tried, and how the others ended."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from pytest_agentfix.core.model import Cluster, ClusterResult, Verdict
from pytest_agentfix.repair.clustering import split_cluster

STARTING: Final = 10.0  # seconds that a cluster counts as coming up, at most


@dataclass(slots=True)
class _Entry:
    cluster: Cluster
    result: ClusterResult | None = None
    is_begun: bool = False
    interrupted: ClusterResult | None = None  # an end that does not count


class Scheduler:
    """The clusters of a run in the order in which they come up; any thread may use it.

    At most ``limit`` of them are tried, those that were split off others included. At most
    ``starts`` come up at once: until its first prompt a cluster computes and does not wait, and
    who begins later stands on more of the other fixes. But nobody waits longer than ``STARTING``
    for another one's tests.
    """

    def __init__(
        self,
        clusters: Iterable[Cluster],
        *,
        limit: int,
        starts: int | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries = [_Entry(cluster) for cluster in clusters]
        self._limit = limit
        self._starts = starts
        self._now = now
        self._coming_up: dict[str, float] = {}  # slug -> since when
        self._begun = 0
        self._stopped = ""
        self._is_interrupted = False
        self._lock = threading.Lock()

    def take(self) -> Cluster | None:
        """The next one to be tried, ``None`` where there is none now."""
        with self._lock:
            if self._begun >= self._limit or self._stopped or self._is_interrupted:
                return None
            if self._starts is not None and self._count_coming_up() >= self._starts:
                return None
            entry = next(self._iter_waiting(), None)
            if entry is None:
                return None
            entry.is_begun = True
            self._begun += 1
            self._coming_up[entry.cluster.slug] = self._now()
            return entry.cluster

    def under_way(self, cluster: Cluster) -> None:
        """Note that ``cluster``, as it was taken, has come up: its agent has a prompt."""
        with self._lock:
            self._coming_up.pop(cluster.slug, None)

    def count_waiting(self) -> int:
        """How many are to be tried yet."""
        with self._lock:
            if self._stopped or self._is_interrupted:
                return 0
            return min(sum(1 for _ in self._iter_waiting()), self._limit - self._begun)

    def add(self, cluster: Cluster) -> None:
        """Put what was split off another cluster at the end."""
        with self._lock:
            self._entries.append(_Entry(cluster))

    def end(self, cluster: Cluster, result: ClusterResult) -> None:
        """Note how ``cluster``, as it was taken, ended.

        After an interruption only fixes count: any other end may be the interruption's doing. Of
        such a one, what it has cost and left is told.
        """
        with self._lock:
            self._coming_up.pop(cluster.slug, None)
            entry = next(one for one in self._entries if one.cluster.slug == cluster.slug)
            if self._is_interrupted and not result.verdict.is_green:
                entry.interrupted = result
            else:
                entry.result = result

    def settle(self, result: ClusterResult) -> None:
        """Note how a part of a cluster ended that nobody has to try any more."""
        with self._lock:
            self._entries.append(_Entry(result.cluster, result, is_begun=True))

    def stop(self, reason: str) -> None:
        """Try no further ones; the first reason stays."""
        with self._lock:
            self._stopped = self._stopped or reason

    def interrupt(self) -> None:
        """The run is over before its time."""
        with self._lock:
            self._is_interrupted = True

    def end_all(self, make: Callable[[Cluster], ClusterResult]) -> None:
        """Give every cluster the same end."""
        with self._lock:
            for entry in self._entries:
                entry.result, entry.is_begun = make(entry.cluster), True

    def results(self) -> tuple[ClusterResult, ...]:
        """How all of them ended, or why they did not."""
        with self._lock:
            return tuple(entry.result or self._explain(entry) for entry in self._entries)

    def _find_left(self, entry: _Entry) -> Cluster:
        """The cluster without the parts that became entries of their own: those come later."""
        if not entry.is_begun:
            return entry.cluster
        later = self._entries[self._entries.index(entry) + 1 :]
        gone = {nodeid for one in later for nodeid in one.cluster.targets}
        if gone.isdisjoint(entry.cluster.targets) or gone.issuperset(entry.cluster.targets):
            return entry.cluster
        return split_cluster(entry.cluster, gone)[0]

    def _count_coming_up(self) -> int:
        begun_since = self._now() - STARTING
        return sum(began > begun_since for began in self._coming_up.values())

    def _iter_waiting(self) -> Iterator[_Entry]:
        yield from (entry for entry in self._entries if not entry.is_begun)

    def _explain(self, entry: _Entry) -> ClusterResult:
        if entry.is_begun or self._is_interrupted:
            reason = "not finished: the run was interrupted"
        elif self._stopped:
            reason = f"not tried, because of another cluster: {self._stopped}"
        else:
            reason = f"over the limit of --agent-fix-max-clusters {self._limit}"
        left = self._find_left(entry)
        end = ClusterResult(cluster=left, verdict=Verdict.SKIPPED, reason=reason)
        return end if entry.interrupted is None else _with_bill(end, entry.interrupted)


def _with_bill(end: ClusterResult, interrupted: ClusterResult) -> ClusterResult:
    return replace(
        end,
        attempts=interrupted.attempts,
        seconds=interrupted.seconds,
        agent_seconds=interrupted.agent_seconds,
        test_seconds=interrupted.test_seconds,
        tokens=interrupted.tokens,
        cost_usd=interrupted.cost_usd,
        kept=interrupted.kept,
    )
