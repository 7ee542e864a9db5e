"""The queue of clusters: those still to be tried, and the results of the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count, islice
from typing import Final, Protocol

from pytest_agentfix.core.model import Cluster, ClusterResult, Frame, Landing, Verdict
from pytest_agentfix.repair.clustering import split_cluster
from pytest_agentfix.repair.obstacles import Obstacles
from pytest_agentfix.repair.test_edits import is_for_test_edits

INTERRUPTED: Final = "not finished: the run was interrupted"
STARTING: Final = 10.0  # seconds that a cluster counts as starting, at most
WRONG_GUESSES: Final = 2  # kin that may end without turning a cluster green while it waits


class Relation(Protocol):
    """Tells which clusters may have one cause; ``kin.Kinship`` is one."""

    def are_kin(self, one: Cluster, other: Cluster) -> bool:
        """Return whether they may."""
        ...

    def learn(self, cluster: Cluster, entered: Iterable[Frame]) -> None:
        """Take note of the functions that the tests of ``cluster`` have entered."""
        ...


class _NoRelation:
    def are_kin(self, one: Cluster, other: Cluster) -> bool:  # noqa: ARG002
        return False

    def learn(self, cluster: Cluster, entered: Iterable[Frame]) -> None:
        """Need no knowledge."""


@dataclass(frozen=True, slots=True)
class Rerun:
    """Clusters whose tests are to be run again without an agent, as ``landing`` may help them."""

    landing: Landing
    clusters: tuple[Cluster, ...]


@dataclass(slots=True)
class _Entry:
    cluster: Cluster
    result: ClusterResult | None = None
    is_begun: bool = False
    interrupted: ClusterResult | None = None  # a result that does not count
    landings: list[Landing] = field(default_factory=list)  # of kin: to be run again with each
    is_rerunning: bool = False
    wrong_guesses: int = 0  # kin that ended and left it red
    ended_before: int = 0  # repairs that had ended when it began
    ended: int = 0  # repairs that had ended with it, 0 while it has not
    number: int = 0  # in the order in which they are begun

    @property
    def is_under_way(self) -> bool:
        return self.is_begun and self.result is None and self.interrupted is None


class Scheduler:
    """The clusters of a run in the order in which they are found; any thread may use it.

    At most ``limit`` of them are tried, those that were split off others included. At most
    ``starts`` start at once: until its first prompt a cluster computes rather than waits, and one
    that begins later has more of the other fixes in its base. But none waits longer than
    ``STARTING`` for another one's tests. What only an edit of the tests can end comes last, when
    all others have ended: one of their fixes may have turned it green.

    Of clusters that are kin one is begun at a time. When it ends with a fix, the tests of the
    others are run again first; what stays red is begun in its turn. A cluster waits for no more
    kin once ``WRONG_GUESSES`` of them have left it red. None is begun that would end at the same
    obstacle as several before it.
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
        self._relation: Relation = _NoRelation()
        self._obstacles = Obstacles()
        self._begun = 0
        self._numbers = count(1)
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
            entry = next(self._iter_ready(), None)
            if entry is None:
                return None
            entry.is_begun, entry.number = True, next(self._numbers)
            entry.ended_before = self._obstacles.count
            self._begun += 1
            self._starting[entry.cluster.slug] = self._now()
            return entry.cluster

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """All clusters, those with a result included."""
        with self._lock:
            return tuple(entry.cluster for entry in self._entries)

    def relate(self, relation: Relation) -> None:
        """Let clusters wait for each other that are kin by ``relation``."""
        with self._lock:
            self._relation = relation

    def must_wait(self, cluster: Cluster, entered: Iterable[Frame]) -> bool:
        """Tell whether kin that was begun before ``cluster`` is under way, or has landed since.

        ``entered`` are functions that its tests have entered, by which that may turn out.
        """
        with self._lock:
            self._relation.learn(cluster, entered)
            entry = next(one for one in self._entries if one.cluster.slug == cluster.slug)
            if entry.wrong_guesses >= WRONG_GUESSES:
                return False
            kin = [one for one in self._entries if self._is_earlier_kin(one, entry)]
            for one in kin:
                if one.result is not None and one.ended > entry.ended_before:
                    _note_landing(entry, one.result)
            return bool(entry.landings) or any(one.is_under_way for one in kin)

    def _is_earlier_kin(self, one: _Entry, entry: _Entry) -> bool:
        return 0 < one.number < entry.number and self._relation.are_kin(one.cluster, entry.cluster)

    def put_back(self, cluster: Cluster) -> None:
        """Let ``cluster``, which was taken and has not been paid for, wait again."""
        with self._lock:
            entry = next(one for one in self._entries if one.cluster.slug == cluster.slug)
            entry.is_begun = False
            self._begun -= 1
            self._starting.pop(cluster.slug, None)

    def take_rerun(self) -> Rerun | None:
        """Return what is to be run again now, ``None`` for nothing; it costs no money."""
        with self._lock:
            waiting = [entry for entry in self._iter_waiting() if not entry.is_rerunning]
            due = [entry for entry in waiting if entry.landings]
            if not due or self._interruption:
                return None
            landing = due[0].landings[0]
            chosen = [entry for entry in due if landing in entry.landings]
            for entry in chosen:
                entry.landings.remove(landing)
                entry.is_rerunning = True
            return Rerun(landing, tuple(entry.cluster for entry in chosen))

    def end_rerun(self, rerun: Rerun, results: Iterable[ClusterResult]) -> None:
        """Note the clusters that are settled; the others are still red."""
        settled = {result.cluster.slug: result for result in results}
        slugs = {cluster.slug for cluster in rerun.clusters}
        with self._lock:
            for entry in self._entries:
                if entry.cluster.slug not in slugs:
                    continue
                entry.is_rerunning = False
                entry.result = settled.get(entry.cluster.slug)
                entry.is_begun = entry.result is not None
                entry.wrong_guesses += entry.result is None

    def list_ready(self) -> list[Cluster]:
        """List those that nothing but the number of jobs keeps from being begun."""
        with self._lock:
            return self._list(self._iter_ready())

    def list_waiting(self) -> list[Cluster]:
        """List those that are still to be tried."""
        with self._lock:
            return self._list(self._iter_waiting())

    def _list(self, entries: Iterator[_Entry]) -> list[Cluster]:
        if self._stopped or self._interruption:
            return []
        return [entry.cluster for entry in islice(entries, max(0, self._limit - self._begun))]

    def mark_started(self, cluster: Cluster) -> None:
        """Note that ``cluster``, as it was taken, has started: its agent has a prompt."""
        with self._lock:
            self._starting.pop(cluster.slug, None)

    def count_waiting(self) -> int:
        """Count those that are still to be tried."""
        return len(self.list_waiting())

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
                self._begun -= result.verdict.is_green and not result.attempts  # was no try
                self._tell_kin(entry, result)
                self._obstacles.note(entry.cluster, result, begun=entry.ended_before)
                entry.ended = self._obstacles.count

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

    def _iter_ready(self) -> Iterator[_Entry]:
        """Yield the waiting ones that have nothing left to wait for."""
        under_way = [entry.cluster for entry in self._entries if entry.is_under_way]
        for entry in self._iter_waiting():
            if entry.landings or entry.is_rerunning:
                continue
            is_patient = entry.wrong_guesses < WRONG_GUESSES
            if is_patient and any(self._relation.are_kin(one, entry.cluster) for one in under_way):
                continue
            if is_for_test_edits(entry.cluster):
                is_ready = all(map(self._has_come_to_its_end, self._entries))
            else:
                is_ready = not self._find_obstacle(entry)
            if is_ready:
                yield entry

    def _has_come_to_its_end(self, entry: _Entry) -> bool:
        """Tell whether it has ended, will not be begun, or can only be ended by a test edit."""
        if entry.result is not None or entry.interrupted is not None:
            return True
        if is_for_test_edits(entry.cluster):
            return True
        is_waiting = entry.is_begun or entry.landings or entry.is_rerunning
        return not is_waiting and bool(self._find_obstacle(entry))

    def _find_obstacle(self, entry: _Entry) -> str:
        return self._obstacles.explain(entry.cluster, self._relation.are_kin)

    def _tell_kin(self, ended: _Entry, result: ClusterResult) -> None:
        """Have those that waited for ``ended`` run again, or count it against the guess."""
        for entry in self._iter_waiting():
            if not self._relation.are_kin(ended.cluster, entry.cluster):
                continue
            if not _note_landing(entry, result):
                entry.wrong_guesses += 1

    def _iter_waiting(self) -> Iterator[_Entry]:
        yield from (entry for entry in self._entries if not entry.is_begun)

    def _explain(self, entry: _Entry) -> ClusterResult:
        if entry.is_begun or self._interruption:
            reason = self._interruption or INTERRUPTED
        elif self._stopped:
            reason = f"not tried, because of another cluster: {self._stopped}"
        elif why := self._find_obstacle(entry):
            reason = why
        else:
            reason = f"over the limit of --agent-fix-max-clusters {self._limit}"
        rest = self._find_rest(entry)
        result = ClusterResult(cluster=rest, verdict=Verdict.SKIPPED, reason=reason)
        return result if entry.interrupted is None else _with_costs(result, entry.interrupted)


def _note_landing(entry: _Entry, result: ClusterResult) -> bool:
    """Note for ``entry`` what its kin has landed; return whether there was anything."""
    if not result.verdict.is_green or result.landing is None:
        return False
    if result.landing not in entry.landings:
        entry.landings.append(result.landing)
    return True


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
