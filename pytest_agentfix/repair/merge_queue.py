"""The merge queue: accepted changes land one after another, each judged on top of earlier ones.

Clusters are repaired side by side, each on the base as it was when its repair began. By the time a
change is accepted, others may have landed: then it is rebased, and the tests whose outcome that can
have changed are run again. The history is a line in which every commit is green for its targets and
breaks no test that was green.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pytest_agentfix.core.errors import BrokenAgainError, SandboxError, WorkspaceError
from pytest_agentfix.core.model import Cluster, Evidence, Fix, Judgement, Landing, ProbeResult
from pytest_agentfix.core.ports import (
    BaseView,
    Clock,
    Lander,
    LandingOutcome,
    LandingStatus,
    Reproduction,
)
from pytest_agentfix.repair.clustering import join_clusters
from pytest_agentfix.repair.merge import merge
from pytest_agentfix.repair.state import GRACE

_BEFORE: Final = "fail-before"


@dataclass(frozen=True, slots=True)
class LandedFix:
    """A fix of this run and where it landed."""

    fix: Fix
    landing: Landing


@dataclass(slots=True, kw_only=True)
class MergeQueue:
    """The landed fixes of one run, in order; any thread may land one.

    ``lander`` puts a fix into the history, ``advance`` makes it part of the base. ``keep_green``
    gets tests that a fix has turned green without being meant for them.
    """

    lander: Lander
    advance: Callable[[Fix], None]
    keep_green: Callable[[Sequence[str]], None]
    clock: Clock
    _landed: list[LandedFix] = field(default_factory=list)
    _settled: list[str] = field(default_factory=list)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _is_stopped: bool = False

    @property
    def settled_count(self) -> int:
        """Number of tests that fixes turned green without being meant for them."""
        return len(self._settled)

    def land(
        self, fix: Fix, made_on: BaseView, *, current_base: Callable[[], BaseView], deadline: float
    ) -> LandingOutcome:
        """Bring in ``fix``, which was accepted on ``made_on``; ``current_base`` gives the base now.

        Raises ``LandingError`` where it cannot be put into the history, and what the judge raises.
        """
        with self._one_at_a_time:
            self._check_running()
            now = current_base()
            is_newer = len(self._settled) > made_on.settled_count
            if is_newer or now.version != made_on.version:
                until = max(deadline, self.clock.monotonic() + GRACE)
                outcome = self._rebase(fix, made_on, now, until)
                if outcome.status is not LandingStatus.LANDED:
                    return outcome
                fix = outcome.fix
            self._check_running()
            landing = self.lander.land(fix)
            self.advance(fix)
            # After that: who counts these reads the base with so many fixes, without the lock.
            self._landed.append(LandedFix(fix, landing))
            return LandingOutcome(status=LandingStatus.LANDED, fix=fix, landing=landing)

    def stop(self) -> None:
        """Let nothing land any more that has not begun to; returns at once."""
        self._is_stopped = True

    def find_fixing_commit(
        self, targets: Sequence[str], newest: int, reproduce_at: Callable[[int], Reproduction]
    ) -> tuple[Landing, tuple[Evidence, ...]] | None:
        """Find the one of the first ``newest`` fixes that turned ``targets`` green, by bisection.

        ``reproduce_at(n)`` runs them on the base with the first ``n`` fixes; with all of ``newest``
        they are green. From now on no fix lands that turns them red; raises ``BrokenAgainError``
        where one has meanwhile. ``None`` where they are not red without any.
        """
        first = reproduce_at(0)
        if not first.judgement.red or first.missing:
            return None
        red, green = 0, newest
        while green - red > 1:
            middle = (red + green) // 2
            if _is_red(reproduce_at(middle)):
                red = middle
            else:
                green = middle
        with self._one_at_a_time:
            now = len(self._landed)
            if now != newest and _is_red(reproduce_at(now)):
                raise BrokenAgainError
            self._settled += targets
            self.keep_green(targets)
        return self._landed[green - 1].landing, first.judgement.probes

    def settle(
        self,
        clusters: Sequence[Cluster],
        landing: Landing,
        rerun_at: Callable[[int, Cluster], Reproduction],
    ) -> list[Cluster]:
        """Return those of ``clusters`` that the fix of ``landing`` has turned green.

        ``rerun_at(n, cluster)`` runs its tests on the base with the first ``n`` fixes: they are red
        without that fix, and green with it and with all that landed since. From now on no fix
        lands that turns them red.
        """

        def run(version: int, left: Sequence[Cluster]) -> tuple[list[Cluster], list[Cluster]]:
            return _divide(left, rerun_at(version, join_clusters(left))) if left else ([], [])

        newest = len(self._landed)
        version = 1 + [one.landing for one in self._landed].index(landing)
        green, _ = run(newest, clusters)
        _, settled = run(version - 1, green)
        if newest != version:
            settled, _ = run(version, settled)
        with self._one_at_a_time:
            if len(self._landed) != newest:
                settled, _ = run(len(self._landed), settled)
            targets = [target for cluster in settled for target in cluster.targets]
            self._settled += targets
            self.keep_green(targets)
        return settled

    def _check_running(self) -> None:
        if self._is_stopped:
            raise SandboxError("The run was interrupted.", "Run it again.")

    def _rebase(
        self, fix: Fix, made_on: BaseView, now: BaseView, deadline: float
    ) -> LandingOutcome:
        """Merge and judge again; the status is ``LANDED`` where nothing is in the way."""
        others = self._landed[made_on.version : now.version]
        settled = self._settled[made_on.settled_count :]
        merged = merge(fix.changes, before=made_on.read_base, now=now.read_base)
        if merged.collisions:
            paths = ", ".join(merged.collisions)
            return LandingOutcome(
                status=LandingStatus.COLLIDES, fix=fix, detail=f"both change {paths}"
            )
        try:
            again = now.judge.reverify(
                fix.cluster,
                merged.changes,
                fix.judgement,
                also=_find_affected(fix, others, settled),
                deadline=deadline,
            )
        except WorkspaceError as error:  # a file where the other made a folder
            return LandingOutcome(status=LandingStatus.COLLIDES, fix=fix, detail=str(error))
        changed = replace(fix, changes=merged.changes, judgement=again)
        if _is_green_without(again):
            return LandingOutcome(status=LandingStatus.UNNEEDED, fix=changed, base=now)
        if not again.is_accepted:
            as_made = replace(fix, judgement=again)
            return LandingOutcome(
                status=LandingStatus.RED, fix=as_made, detail="; ".join(again.complaints)
            )
        return LandingOutcome(status=LandingStatus.LANDED, fix=changed)


def _divide(
    clusters: Sequence[Cluster], reproduction: Reproduction
) -> tuple[list[Cluster], list[Cluster]]:
    """Return the clusters of which all tests are green, and those of which one is red.

    Those with a test that could not be run are in neither.
    """
    unfit = frozenset(reproduction.unfit)
    red = {outcome.nodeid for outcome in reproduction.judgement.red}
    fit = [cluster for cluster in clusters if unfit.isdisjoint(cluster.targets)]
    return (
        [cluster for cluster in fit if red.isdisjoint(cluster.targets)],
        [cluster for cluster in fit if not red.isdisjoint(cluster.targets)],
    )


def _is_red(reproduction: Reproduction) -> bool:
    return bool(reproduction.judgement.red or reproduction.missing)


def _find_affected(
    fix: Fix, others: Sequence[LandedFix], settled: Sequence[str]
) -> list[str] | None:
    """Return the tests whose outcome ``fix`` and ``others`` together can change; ``None``: any.

    A test that was green with either is green with both unless it runs lines of both. The others'
    own targets are new, and so are those in ``settled``: nobody has run them with this fix.
    """
    if not others:
        return list(settled)
    fixes = [fix, *(landed.fix for landed in others)]
    if not all(one.judgement.is_covering_known for one in fixes):
        return None
    targets = [*settled, *(target for one in fixes[1:] for target in one.cluster.targets)]
    covering = [
        nodeid for one in fixes for nodeid in (*one.judgement.covering, *one.judgement.unmeasured)
    ]
    own = frozenset(fix.cluster.targets)
    return [nodeid for nodeid in dict.fromkeys((*targets, *covering)) if nodeid not in own]


def _is_green_without(judgement: Judgement) -> bool:
    return not judgement.red and any(
        probe.name == _BEFORE and probe.result is ProbeResult.FAILED for probe in judgement.probes
    )
