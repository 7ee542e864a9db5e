"""The fix train: accepted changes land one after another, each judged on top of those before it.

Side by side, clusters are repaired on the base as it was when each began. By the time a change is
accepted, others may have landed: then it is brought onto the new base, and what can have changed by
that is run again. The history is a line, in which every commit is green for its targets and red for
none that was green.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from pytest_agentfix.core.errors import SandboxError, WorkspaceError
from pytest_agentfix.core.model import (
    Fix,
    Judgement,
    Landing,
    Probe,
    ProbeResult,
)
from pytest_agentfix.core.ports import Clock, Lander, Reproduction
from pytest_agentfix.repair.merge import merge
from pytest_agentfix.repair.state import (
    GRACE,
    BaseView,
    BrokenAgainError,
    LandingOutcome,
    LandingStatus,
)

_BEFORE: Final = "fail-before"


@dataclass(frozen=True, slots=True)
class LandedFix:
    """A fix in the line, and where it landed."""

    fix: Fix
    landing: Landing


@dataclass(slots=True, kw_only=True)
class MergeQueue:
    """The line of one run's fixes; any thread may bring one.

    ``lander`` puts a fix into the history, ``advance`` makes it part of the base. ``keep_green`` is
    told of tests that a fix has turned green which was not meant for them.
    """

    lander: Lander
    advance: Callable[[Fix], None]
    keep_green: Callable[[Sequence[str]], None]
    clock: Clock
    _line: list[LandedFix] = field(default_factory=list)
    _settled: list[str] = field(default_factory=list)
    _one_at_a_time: threading.Lock = field(default_factory=threading.Lock)
    _is_stopped: bool = False

    @property
    def settled(self) -> int:
        """How many tests were found green by fixes that were not meant for them."""
        return len(self._settled)

    def land(
        self, fix: Fix, made_on: BaseView, *, get_ground: Callable[[], BaseView], deadline: float
    ) -> LandingOutcome:
        """Bring in ``fix``, which was accepted on ``made_on``; ``get_ground`` gives the base now.

        Raises ``LandingError`` where it cannot be put into the history, and what the judge raises.
        """
        with self._one_at_a_time:
            self._check()
            now = get_ground()
            is_older = now.number != made_on.number or len(self._settled) > made_on.settled
            if is_older:
                until = max(deadline, self.clock.monotonic() + GRACE)
                arrival = self._bring_on(fix, made_on, now, until)
                if arrival.end is not LandingStatus.LANDED:
                    return arrival
                fix = arrival.fix
            self._check()
            landing = self.lander.land(fix)
            self._line.append(LandedFix(fix, landing))
            self.advance(fix)
            return LandingOutcome(end=LandingStatus.LANDED, fix=fix, landing=landing)

    def stop(self) -> None:
        """Let nothing land any more that has not begun to; returns at once."""
        self._is_stopped = True

    def find_fixer(
        self, targets: Sequence[str], newest: int, reproduce_at: Callable[[int], Reproduction]
    ) -> tuple[Landing, tuple[Probe, ...]] | None:
        """Which of the first ``newest`` fixes turned ``targets`` green, which were red before.

        ``reproduce_at(n)`` runs them on the base with the first ``n`` fixes; with all of ``newest``
        they are green. From now on no fix lands that turns them red; ``BrokenAgainError`` where one
        has meanwhile. ``None`` where they are not red without any.
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
            now = len(self._line)
            if now != newest and _is_red(reproduce_at(now)):
                raise BrokenAgainError
            self._settled += targets
            self.keep_green(targets)
        return self._line[green - 1].landing, first.judgement.probes

    def _check(self) -> None:
        if self._is_stopped:
            raise SandboxError("The run was interrupted.", "Run it again.")

    def _bring_on(
        self, fix: Fix, made_on: BaseView, now: BaseView, deadline: float
    ) -> LandingOutcome:
        """Merge and judge again; the end is ``LANDED`` where nothing is in the way of that."""
        others = self._line[made_on.number : now.number]
        settled = self._settled[made_on.settled :]
        merged = merge(fix.changes, before=made_on.read_base, now=now.read_base)
        if merged.collisions:
            where = ", ".join(merged.collisions)
            return LandingOutcome(
                end=LandingStatus.COLLIDES, fix=fix, detail=f"both change {where}"
            )
        try:
            again = now.judge.rejudge(
                fix.cluster,
                merged.changes,
                fix.judgement,
                also=_find_affected(fix, others, settled),
                deadline=deadline,
            )
        except WorkspaceError as error:  # a file where the other made a folder
            return LandingOutcome(end=LandingStatus.COLLIDES, fix=fix, detail=str(error))
        changed = replace(fix, changes=merged.changes, judgement=again)
        if _is_green_without(again):
            return LandingOutcome(end=LandingStatus.UNNEEDED, fix=changed, ground=now)
        if not again.is_accepted:
            as_made = replace(fix, judgement=again)
            return LandingOutcome(
                end=LandingStatus.RED, fix=as_made, detail="; ".join(again.complaints)
            )
        return LandingOutcome(end=LandingStatus.LANDED, fix=changed)


def _is_red(reproduction: Reproduction) -> bool:
    return bool(reproduction.judgement.red or reproduction.missing)


def _find_affected(
    fix: Fix, others: Sequence[LandedFix], settled: Sequence[str]
) -> list[str] | None:
    """The tests whose end can differ with ``fix`` and ``others`` together; ``None``: any.

    A test that was green with either is green with both unless it runs lines of both. The others'
    own targets are new, and so is what was ``settled``: nobody has run them with this fix.
    """
    if not others:
        return list(settled)
    fixes = [fix, *(landed.fix for landed in others)]
    if not all(one.judgement.is_covering_known for one in fixes):
        return None
    targets = [*settled, *(target for one in fixes[1:] for target in one.cluster.targets)]
    covering = [nodeid for one in fixes for nodeid in one.judgement.covering]
    own = frozenset(fix.cluster.targets)
    return [nodeid for nodeid in dict.fromkeys((*targets, *covering)) if nodeid not in own]


def _is_green_without(judgement: Judgement) -> bool:
    return not judgement.red and any(
        probe.name == _BEFORE and probe.result is ProbeResult.FAILED for probe in judgement.probes
    )
