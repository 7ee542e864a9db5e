"""What the repair loop is made of and what it knows of a cluster so far."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pytest_agentfix.core.errors import EnvironmentTrouble
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Collected,
    Drop,
    FileStat,
    Fix,
    Judgement,
    Landing,
    Probe,
    ReadBase,
    TurnEnd,
    Verdict,
)
from pytest_agentfix.core.ports import Agent, Clock, Judge, StartupSignals
from pytest_agentfix.repair.holdout import HoldOut

# Seconds that an accepted change gets to be judged again, even if its cluster's time is up.
GRACE: Final = 120.0
SUSPICION_LIMIT: Final = 1_000  # characters of the agent's reason
_SUSPECT: Final = re.compile(r"[\s*_`>#]*TEST IS WRONG\b[\s*_`]*[:.-]?[\s*_`]*(.*)")

TURN_VERDICTS: Final = {
    TurnEnd.ERROR: Verdict.AGENT_ERROR,
    TurnEnd.STALLED: Verdict.AGENT_ERROR,
    TurnEnd.CAPPED: Verdict.BUDGET,
    TurnEnd.DEADLINE: Verdict.TIMEOUT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseView:
    """One state of the base, and the outside worlds as they are on it.

    ``number`` counts the fixes of this run that are in it, ``settled`` the tests that they had
    turned green by then without being meant for them.
    """

    number: int
    settled: int = 0
    judge: Judge
    read_base: ReadBase
    hold_out: Callable[[Cluster], HoldOut]  # which cases the agent is not shown
    # (cluster, hold-out, deadline, what is known meanwhile) -> a session that is up
    open_agent: Callable[[Cluster, HoldOut, float, StartupSignals], Agent]
    accept: Callable[
        [Cluster, Collected, frozenset[str]], tuple[ChangeSet, tuple[Drop, ...]]
    ]  # the policy: (cluster, collected, litter) -> what may stay, what was left out
    first_prompt: Callable[[Cluster, Judgement, HoldOut, str], str]  # with a note for the agent


class BrokenAgainError(Exception):
    """What an earlier fix had turned green is red since a later one; caught in ``repair``."""


class LandingStatus(enum.Enum):
    """How an accepted change came through the train."""

    LANDED = "landed"
    UNNEEDED = "unneeded"  # the fixes before it have made its targets green
    COLLIDES = "collides"  # it touches lines that they have changed
    RED = "red"  # not everything is green with both


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingOutcome:
    """What became of an accepted change.

    ``fix`` is as it landed, or as it was tried last; ``landing`` is where it is, or, where it was
    not needed, the fix that did it. ``ground`` is where it was not needed. ``detail`` says what was
    in its way.
    """

    end: LandingStatus
    fix: Fix
    landing: Landing | None = None
    ground: BaseView | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopServices:
    """The outside worlds and the pure parts of a run, as one cluster sees them; see ``ports``."""

    ground: Callable[[], BaseView]  # the base as it is now
    land: Callable[[Fix, BaseView, float], LandingOutcome]  # (fix, what it was made on, deadline)
    # (cluster that is green, on which ground, deadline) -> the fix that did it, and the evidence;
    # from then on it has to stay green; ``BrokenAgainError`` where it is not any more
    find_fixer: Callable[[Cluster, BaseView, float], tuple[Landing, tuple[Probe, ...]] | None]
    split_off: Callable[[Cluster], None]  # to be repaired on its own
    settle: Callable[[ClusterResult], None]  # a part of the cluster that has its verdict already
    next_prompt: Callable[[Judgement | None, tuple[Drop, ...], HoldOut], str]
    count_lines: Callable[[Fix], tuple[FileStat, ...]]
    stop_run: Callable[[str], None]  # no further cluster can do better, and why
    clock: Clock
    model: str
    max_attempts: int
    timeout: float  # seconds of wall clock per cluster
    under_way: Callable[[], None] = lambda: None  # called before each prompt
    is_minimising: bool = True


@dataclass(slots=True)
class RepairState:
    """One cluster under repair."""

    cluster: Cluster
    result: ClusterResult
    began: float
    timeout: float
    hold_out: HoldOut = field(default_factory=HoldOut)
    seen: list[tuple[ChangeSet, tuple[Drop, ...]]] = field(default_factory=list)
    rests: list[Cluster] = field(default_factory=list)  # parts that become clusters of their own

    @classmethod
    def begin(cls, cluster: Cluster, parts: LoopServices) -> RepairState:
        """Start the cluster's clock."""
        pending = ClusterResult(cluster=cluster, verdict=Verdict.SKIPPED, reason="interrupted")
        timeout = cluster.policy.timeout or parts.timeout
        return cls(cluster, pending, parts.clock.monotonic(), timeout)

    def narrow(self, cluster: Cluster) -> None:
        """Go on with a part of the cluster."""
        self.cluster = cluster
        withheld = _keep(self.hold_out.withheld, cluster)
        self.hold_out = replace(self.hold_out, withheld=withheld)
        self.note(cluster=cluster)

    @property
    def deadline(self) -> float:
        """When the cluster's wall clock runs out, in the clock's seconds."""
        return self.began + self.timeout

    def has_seen(self, changes: ChangeSet, dropped: tuple[Drop, ...]) -> bool:
        """Whether an earlier attempt came to the same; from now on, this one is among them.

        What was left out matters only where nothing else is left to judge.
        """
        key = (changes, () if changes else dropped)
        is_known = key in self.seen
        self.seen.append(key)
        return is_known

    def begin_anew(self) -> None:
        """Forget what was tried on another base."""
        self.seen.clear()

    def facts_of(self, cluster: Cluster) -> dict[str, Any]:
        """What the judge is told about what the agent of ``cluster``, or more, was not."""
        withheld = self.hold_out.withheld
        if cluster != self.cluster:
            withheld = _keep(withheld, cluster)
        return {"withheld": withheld, "note": self.hold_out.reason}

    def reveal(self, judgement: Judgement | None) -> None:
        """Withheld cases that stayed red are shown from now on."""
        if judgement is not None:
            self.hold_out = self.hold_out.reveal([outcome.nodeid for outcome in judgement.red])

    def note(self, **facts: Any) -> None:
        """Remember ``facts`` for the result."""
        self.result = replace(self.result, **facts)

    def end(self, verdict: Verdict, reason: str) -> ClusterResult:
        """The result with its verdict."""
        return replace(self.result, verdict=verdict, reason=reason)

    def end_by_trouble(
        self, trouble: EnvironmentTrouble | TimeoutError, *, now: float
    ) -> ClusterResult:
        """Trouble after the deadline is the deadline's doing; any other is the environment's."""
        if isinstance(trouble, TimeoutError) or now >= self.deadline:
            return self.end(Verdict.TIMEOUT, f"not done within {self.timeout:g} s")
        return self.end(Verdict.ENVIRONMENT, str(trouble))


def _keep(nodeids: Sequence[str], cluster: Cluster) -> tuple[str, ...]:
    targets = frozenset(cluster.targets)
    return tuple(nodeid for nodeid in nodeids if nodeid in targets)


def minimise(
    work: RepairState, judge: Judge, changes: ChangeSet, judgement: Judgement
) -> tuple[ChangeSet, Judgement]:
    """What the judge needs of an accepted change; all of it where that cannot be found out."""
    try:
        return judge.minimise(
            work.cluster, changes, judgement, deadline=work.deadline, **work.facts_of(work.cluster)
        )
    except (EnvironmentTrouble, TimeoutError):
        return changes, judgement


def find_suspicion(text: str) -> str:
    """The agent's reason where it says that the test is wrong, "" where it does not.

    It is the agent's word: good enough for committing nothing, and for nothing else.
    """
    for line in text.splitlines():
        said = _SUSPECT.match(line)
        if said is not None:
            return said.group(1).strip()[:SUSPICION_LIMIT] or "the agent gave no reason"
    return ""


def turn_verdict(end: TurnEnd) -> Verdict:
    """The verdict of a cluster whose agent did not finish its turn."""
    return TURN_VERDICTS[end]


def describe_red(judgement: Judgement | None, dropped: tuple[Drop, ...]) -> tuple[Verdict, str]:
    """Verdict and reason if this attempt stays the last one."""
    if judgement is not None:
        verdict = Verdict.REFUSED if judgement.is_refused else Verdict.UNFIXED
        return verdict, "; ".join(judgement.complaints)
    if dropped:
        what = ", ".join(f"{drop.path} ({drop.reason})" for drop in dropped[:3])
        return Verdict.REFUSED, f"it changed only what it may not touch: {what}"
    return Verdict.UNFIXED, "the agent changed nothing"


def describe_landing(landing: Landing, changes: ChangeSet) -> str:
    """Where a fix is, in half a line."""
    where = f"on {landing.branch}" if landing.branch else "left as a patch"
    told = f"green after a change to {count_files(changes)}, {where}"
    if landing.judged_with:
        commits = " and ".join(commit[:12] for commit in landing.judged_with)
        told += f"; its tests ran with {commits} as well, which is not on that branch"
    return told


def count_files(changes: ChangeSet) -> str:
    """``1 file`` or ``N files``."""
    return "1 file" if len(changes) == 1 else f"{len(changes)} files"
