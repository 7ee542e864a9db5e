"""The queue of clusters: those still to be tried, and the results of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

from pytest_agentfix.core.model import Cluster, ClusterResult, Verdict
from pytest_agentfix.repair.clustering import split_cluster
from pytest_agentfix.repair.test_edits import is_for_test_edits

INTERRUPTED: Final = "not finished: the run was interrupted"
STARTING: Final = 10.0  # seconds that a cluster counts as starting, at most


@dataclass(slots=True)
class _Entry:
    cluster: Cluster
    result: ClusterResult | None = None
    is_begun: bool = False
    interrupted: ClusterResult | None = None  # a result that does not count


class Scheduler:
    """The clusters of a run in the order in which they are found; any thread may use it.

    At most ``limit`` of them are tried, those that were split off others included. At most
    ``starts`` start at once: until its first prompt a cluster computes rather than waits, and one
    that begins later has more of the other fixes in its base. But none waits longer than
    ``STARTING`` for another one's tests. What only an edit of the tests can end comes last, when
    all others have ended: one of their fixes may have turned it green.
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
        self._starting: dict[str, float] = {}  # slug -> since when
        self._begun = 0
        self._stopped = ""
        self._interruption = ""
        self._lock = threading.Lock()

    def take(self) -> Cluster | None:
        """Return the next one to be tried, ``None`` where there is none now."""
        with self._lock:
            if self._begun >= self._limit or self._stopped or self._interruption:
                return None
            if self._starts is not None and self._count_starting() >= self._starts:
                return None
            entry = next(filter(self._may_begin, self._iter_waiting()), None)
            if entry is None:
                return None
            entry.is_begun = True
            self._begun += 1
            self._starting[entry.cluster.slug] = self._now()
            return entry.cluster

    def mark_started(self, cluster: Cluster) -> None:
        """Note that ``cluster``, as it was taken, has started: its agent has a prompt."""
        with self._lock:
            self._starting.pop(cluster.slug, None)

    def count_waiting(self) -> int:
        """Count those that are still to be tried."""
        with self._lock:
            if self._stopped or self._interruption:
                return 0
            return min(sum(1 for _ in self._iter_waiting()), self._limit - self._begun)

    def add(self, cluster: Cluster) -> None:
        """Append a cluster that was split off another."""
        with self._lock:
            self._entries.append(_Entry(cluster))

    def end(self, cluster: Cluster, result: ClusterResult) -> None:
        """Note how ``cluster``, as it was taken, ended.

        After an interruption only fixes count: the interruption may have caused any other result.
        Such a result still reports its costs and what it left behind.
        """
        with self._lock:
            self._starting.pop(cluster.slug, None)
            entry = next(one for one in self._entries if one.cluster.slug == cluster.slug)
            if self._interruption and not result.verdict.is_green:
                entry.interrupted = result
            else:
                entry.result = result

    def settle(self, result: ClusterResult) -> None:
        """Add the result of a part of a cluster that does not have to be tried any more."""
        with self._lock:
            self._entries.append(_Entry(result.cluster, result, is_begun=True))

    def stop(self, reason: str) -> None:
        """Try no further ones; the first reason stays."""
        with self._lock:
            self._stopped = self._stopped or reason

    @property
    def interruption(self) -> str:
        """The reason why the run is ended before its time, "" if it is not."""
        return self._interruption

    def interrupt(self, reason: str = INTERRUPTED) -> None:
        """End the run before its time; the first reason stays."""
        with self._lock:
            self._interruption = self._interruption or reason

    def end_all(self, make: Callable[[Cluster], ClusterResult | None]) -> None:
        """Give every cluster without a result the one that ``make`` returns, if it returns any."""
        with self._lock:
            for entry in self._entries:
                if entry.result is None and (result := make(entry.cluster)) is not None:
                    entry.result, entry.is_begun = result, True

    def results_so_far(self) -> tuple[ClusterResult, ...]:
        """Return the results that are there."""
        with self._lock:
            return tuple(entry.result for entry in self._entries if entry.result is not None)

    def results(self) -> tuple[ClusterResult, ...]:
        """Return the result of each, or the reason why it has none."""
        with self._lock:
            return tuple(entry.result or self._explain(entry) for entry in self._entries)

    def _find_rest(self, entry: _Entry) -> Cluster:
        """Return the cluster without the parts that became later entries of their own."""
        if not entry.is_begun:
            return entry.cluster
        later = self._entries[self._entries.index(entry) + 1 :]
        gone = {nodeid for one in later for nodeid in one.cluster.targets}
        if gone.isdisjoint(entry.cluster.targets) or gone.issuperset(entry.cluster.targets):
            return entry.cluster
        return split_cluster(entry.cluster, gone)[0]

    def _count_starting(self) -> int:
        begun_since = self._now() - STARTING
        return sum(began > begun_since for began in self._starting.values())

    def _may_begin(self, entry: _Entry) -> bool:
        """Tell whether nothing is left that ``entry`` has to wait for."""
        return not is_for_test_edits(entry.cluster) or all(
            one.result is not None or one.interrupted is not None or is_for_test_edits(one.cluster)
            for one in self._entries
        )

    def _iter_waiting(self) -> Iterator[_Entry]:
        yield from (entry for entry in self._entries if not entry.is_begun)

    def _explain(self, entry: _Entry) -> ClusterResult:
        if entry.is_begun or self._interruption:
            reason = self._interruption or INTERRUPTED
        elif self._stopped:
            reason = f"not tried, because of another cluster: {self._stopped}"
        else:
            reason = f"over the limit of --agent-fix-max-clusters {self._limit}"
        rest = self._find_rest(entry)
        result = ClusterResult(cluster=rest, verdict=Verdict.SKIPPED, reason=reason)
        return result if entry.interrupted is None else _with_costs(result, entry.interrupted)


def _with_costs(result: ClusterResult, interrupted: ClusterResult) -> ClusterResult:
    return replace(
        result,
        attempts=interrupted.attempts,
        seconds=interrupted.seconds,
        agent_seconds=interrupted.agent_seconds,
        test_seconds=interrupted.test_seconds,
        tokens=interrupted.tokens,
        cost_usd=interrupted.cost_usd,
        kept=interrupted.kept,
    )
