"""The state of one cluster's repair, and the reasons that it can end with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pytest_agentfix.core.errors import EnvironmentTrouble
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Drop,
    Evidence,
    HoldOut,
    Judgement,
    Landing,
    Turn,
    TurnEnd,
    Verdict,
)
from pytest_agentfix.core.ports import Judge, LoopServices

# Seconds that an accepted change gets to be judged again, even if its cluster's time is up.
GRACE: Final = 120.0
SUSPICION_LIMIT: Final = 1_000  # characters of the agent's reason
_SUSPECT: Final = re.compile(r"[\s*_`>#]*TEST IS WRONG\b[\s*_`]*[:.-]?[\s*_`]*(.*)")

_TURN_VERDICTS: Final = {
    TurnEnd.ERROR: Verdict.AGENT_ERROR,
    TurnEnd.STALLED: Verdict.AGENT_ERROR,
    TurnEnd.CAPPED: Verdict.BUDGET,
    TurnEnd.DEADLINE: Verdict.TIMEOUT,
}


@dataclass(slots=True)
class RepairState:
    """One cluster under repair."""

    cluster: Cluster
    result: ClusterResult
    began: float
    timeout: float
    hold_out: HoldOut = field(default_factory=HoldOut)
    seen: list[tuple[ChangeSet, tuple[Drop, ...]]] = field(default_factory=list)
    reviews: list[tuple[ChangeSet, Evidence]] = field(default_factory=list)
    split_off: list[Cluster] = field(default_factory=list)  # to become clusters of their own

    @classmethod
    def begin(cls, cluster: Cluster, services: LoopServices) -> RepairState:
        """Start the cluster's clock."""
        pending = ClusterResult(cluster=cluster, verdict=Verdict.SKIPPED, reason="interrupted")
        timeout = cluster.policy.timeout or services.timeout
        return cls(cluster, pending, services.clock.monotonic(), timeout)

    def restrict_to(self, cluster: Cluster) -> None:
        """Go on with a part of the cluster."""
        self.cluster = cluster
        withheld = _keep(self.hold_out.withheld, cluster)
        self.hold_out = replace(self.hold_out, withheld=withheld)
        self.update(cluster=cluster)

    @property
    def deadline(self) -> float:
        """Moment at which the cluster's wall clock runs out, in the clock's seconds."""
        return self.began + self.timeout

    def has_seen(self, changes: ChangeSet, dropped: tuple[Drop, ...]) -> bool:
        """Return whether an earlier attempt had the same result, and remember this one.

        ``dropped`` matters only where nothing is left to judge.
        """
        key = (changes, () if changes else dropped)
        is_known = key in self.seen
        self.seen.append(key)
        return is_known

    def reset_attempts(self) -> None:
        """Forget what was tried on another base."""
        self.seen.clear()
        self.reviews.clear()

    def facts_of(self, cluster: Cluster) -> dict[str, Any]:
        """Return what the judge has to know of the cases of ``cluster`` that were withheld."""
        withheld = self.hold_out.withheld
        if cluster != self.cluster:
            withheld = _keep(withheld, cluster)
        return {"withheld": withheld, "note": self.hold_out.reason}

    def reveal(self, judgement: Judgement | None) -> None:
        """Show withheld cases that stayed red from now on."""
        if judgement is not None:
            self.hold_out = self.hold_out.reveal([outcome.nodeid for outcome in judgement.red])

    def update(self, **facts: Any) -> None:
        """Set fields of the result."""
        self.result = replace(self.result, **facts)

    def note(self, judgement: Judgement) -> None:
        """Keep what a judgement found as the result's evidence."""
        self.update(probes=judgement.probes, neighbours=judgement.neighbours)

    def end(self, verdict: Verdict, reason: str) -> ClusterResult:
        """Return the result with its verdict."""
        return replace(self.result, verdict=verdict, reason=reason)

    def end_by_turn(self, turn: Turn, *, now: float) -> ClusterResult:
        """Return the result after a turn that was not finished.

        Past the deadline the gateway refuses requests, and what the agent reports then is that.
        """
        verdict = _TURN_VERDICTS[turn.end]
        if verdict is Verdict.AGENT_ERROR and now >= self.deadline:
            return self._end_by_clock()
        return self.end(verdict, turn.detail)

    def end_by_trouble(
        self, trouble: EnvironmentTrouble | TimeoutError, *, now: float
    ) -> ClusterResult:
        """Return the result after ``trouble``, which past the deadline counts as a timeout."""
        if isinstance(trouble, TimeoutError) or now >= self.deadline:
            return self._end_by_clock()
        return self.end(Verdict.ENVIRONMENT, str(trouble))

    def _end_by_clock(self) -> ClusterResult:
        return self.end(Verdict.TIMEOUT, f"not done within {self.timeout:g} s")


def _keep(nodeids: Sequence[str], cluster: Cluster) -> tuple[str, ...]:
    targets = frozenset(cluster.targets)
    return tuple(nodeid for nodeid in nodeids if nodeid in targets)


def minimise(
    state: RepairState, judge: Judge, changes: ChangeSet, judgement: Judgement
) -> tuple[ChangeSet, Judgement]:
    """Return what is needed of an accepted change; all of it where that cannot be found out."""
    try:
        return judge.minimise(
            state.cluster,
            changes,
            judgement,
            deadline=state.deadline,
            **state.facts_of(state.cluster),
        )
    except (EnvironmentTrouble, TimeoutError):
        return changes, judgement


def find_suspicion(text: str) -> str:
    """Return the agent's reason where it says that the test is wrong, "" where it does not.

    This is only the agent's word: good enough for committing nothing, and for nothing else.
    """
    for line in text.splitlines():
        said = _SUSPECT.match(line)
        if said is not None:
            return said.group(1).strip()[:SUSPICION_LIMIT] or "the agent gave no reason"
    return ""


def describe_red(judgement: Judgement | None, dropped: tuple[Drop, ...]) -> tuple[Verdict, str]:
    """Return verdict and reason if this attempt stays the last one."""
    if judgement is not None:
        verdict = Verdict.REFUSED if judgement.is_refused else Verdict.UNFIXED
        return verdict, "; ".join(judgement.complaints)
    if dropped:
        paths = ", ".join(f"{drop.path} ({drop.reason})" for drop in dropped[:3])
        return Verdict.REFUSED, f"it changed only what it may not touch: {paths}"
    return Verdict.UNFIXED, "the agent changed nothing"


def describe_landing(landing: Landing, changes: ChangeSet) -> str:
    """Say in half a line where a fix is."""
    where = f"on {landing.branch}" if landing.branch else "left as a patch"
    text = f"green after a change to {count_files(changes)}, {where}"
    if landing.is_held_back:
        text += "; held back, as too many of the tests that passed could not be judged"
    if landing.judged_with:
        commits = " and ".join(commit[:12] for commit in landing.judged_with)
        text += f"; its tests ran with {commits} as well, which is not on that branch"
    return text


def count_files(changes: ChangeSet) -> str:
    """Say ``1 file`` or ``N files``."""
    return "1 file" if len(changes) == 1 else f"{len(changes)} files"
