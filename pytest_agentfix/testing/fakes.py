"""Doubles for the protocols in ``ports``: they answer as configured, and record their calls.

Each takes answers to give one after the other (the last one again and again); an exception among
them is raised. Doubles that share a ``journal`` write into it in the order they were called.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from pytest_agentfix.core.errors import BrokenAgainError
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Collected,
    Drop,
    Evidence,
    FileStat,
    Fix,
    HoldOut,
    Judgement,
    Landing,
    ReadBase,
    Turn,
)
from pytest_agentfix.core.ports import (
    Agent,
    BaseView,
    Clock,
    Judge,
    LandingOutcome,
    LandingStatus,
    Reproduction,
    Reviewer,
    StartupSignals,
)

T = TypeVar("T")


@dataclass
class FakeClock:
    """Time that passes only when told to. Implements ``ports.Clock``."""

    now: float = 0.0

    def monotonic(self) -> float:
        """Return the time it was set to."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass at once."""
        self.now += seconds


@dataclass
class Answers(Generic[T]):
    """Answers in order, each taking ``seconds`` of ``clock``."""

    answers: Sequence[T | BaseException]
    clock: FakeClock = field(default_factory=FakeClock)
    seconds: float = 0.0
    _given: int = 0

    def give(self) -> T:
        """Return, or raise, the next one."""
        self.clock.sleep(self.seconds)
        answer = self.answers[min(self._given, len(self.answers) - 1)]
        self._given += 1
        if isinstance(answer, BaseException):
            raise answer
        return answer


@dataclass
class FakeAgent:
    """An agent without a model. Implements ``ports.Agent``."""

    turns: Answers[Turn]
    collected: Answers[Collected]
    journal: list[str] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """Record ``text``; end as configured."""
        self.journal.append(f"prompt: {text}")
        self.deadlines.append(deadline)
        return self.turns.give()

    def collect(self) -> Collected:
        """Return the configured changes."""
        self.journal.append("collect")
        return self.collected.give()

    def close(self) -> None:
        """Record the call."""
        self.journal.append("close")
        self.closed.set()


@dataclass
class FakeJudge:
    """A judge that runs nothing. Implements ``ports.Judge``."""

    reproductions: Answers[Reproduction]
    judgements: Answers[Judgement]
    unneeded: frozenset[str] = frozenset()  # paths that ``minimise`` leaves out
    journal: list[str] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    trouble: BaseException | None = None  # what ``minimise`` ends in
    reverifications: Answers[Judgement] | None = None

    def reproduce(self, cluster: Cluster, *, deadline: float) -> Reproduction:
        """Record the targets; return the configured reproduction."""
        self.journal.append(f"reproduce: {', '.join(cluster.targets)}")
        self.deadlines.append(deadline)
        return self.reproductions.give()

    def judge(
        self,
        cluster: Cluster,  # noqa: ARG002
        changes: ChangeSet,
        *,
        deadline: float,
        withheld: Sequence[str] = (),
        note: str = "",
    ) -> Judgement:
        """Record the changed paths and what is withheld; return the configured judgement."""
        self.journal.append(f"judge: {', '.join(changes.files)}")
        if withheld or note:
            self.journal.append(f"withheld: {', '.join(withheld)} ({note})")
        self.deadlines.append(deadline)
        return self.judgements.give()

    def inherit(self, part: Cluster, whole: Cluster) -> bool:
        """Record what is left."""
        self.journal.append(f"inherit: {', '.join(part.targets)} of {len(whole.targets)}")
        return True

    def reverify(
        self,
        cluster: Cluster,  # noqa: ARG002
        changes: ChangeSet,
        judgement: Judgement,
        *,
        also: Sequence[str] | None,
        deadline: float,
    ) -> Judgement:
        """Record the changed paths and what is run; return the configured judgement.

        Without ``reverifications`` that is the earlier one.
        """
        tests = "all" if also is None else ", ".join(also)
        self.journal.append(f"reverify: {', '.join(changes.files)} ({tests})")
        self.deadlines.append(deadline)
        return judgement if self.reverifications is None else self.reverifications.give()

    def minimise(  # noqa: PLR0913 - as in the port
        self,
        cluster: Cluster,  # noqa: ARG002
        changes: ChangeSet,
        judgement: Judgement,
        *,
        deadline: float,
        withheld: Sequence[str] = (),  # noqa: ARG002
        note: str = "",  # noqa: ARG002
    ) -> tuple[ChangeSet, Judgement]:
        """Record the call; leave out the configured paths."""
        self.journal.append(f"minimise: {', '.join(sorted(changes.files))}")
        self.deadlines.append(deadline)
        if self.trouble is not None:
            raise self.trouble
        kept = {path: change for path, change in changes.files.items() if path not in self.unneeded}
        return ChangeSet(kept), judgement


@dataclass
class FakeReviewer:
    """A reviewer without a model. Implements ``ports.Reviewer``."""

    opinions: Answers[Evidence]
    journal: list[str] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    withheld: list[tuple[str, ...]] = field(default_factory=list)

    def review(
        self,
        cluster: Cluster,  # noqa: ARG002
        changes: ChangeSet,
        *,
        hold_out: HoldOut,
        read_base: ReadBase,  # noqa: ARG002
        deadline: float,
    ) -> Evidence:
        """Record the changed paths and what is withheld; return the configured opinion."""
        self.journal.append(f"review: {', '.join(changes.files)}")
        self.deadlines.append(deadline)
        self.withheld.append(hold_out.withheld)
        return self.opinions.give()


@dataclass
class FakeLander:
    """A lander without a repository. Implements ``ports.Lander``."""

    landings: Answers[Landing]
    journal: list[str] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)

    def land(self, fix: Fix) -> Landing:
        """Keep ``fix``; return the configured landing."""
        self.journal.append(f"land: {', '.join(fix.changes.files)}")
        self.fixes.append(fix)
        return self.landings.give()


@dataclass
class FakeProgress:
    """Keeps the lines it is given. Implements ``ports.Progress``."""

    lines: list[str] = field(default_factory=list)

    def say(self, cluster: Cluster, phase: str) -> None:
        """Keep the line."""
        self.lines.append(f"{cluster.title}: {phase}")


@dataclass
class FakeBase:
    """A base with any files, and one agent for all. Implements ``ports.BaseView``."""

    judge: Judge
    agent: Agent | None = None
    version: int = 0
    settled_count: int = 0
    files: Mapping[str, bytes] = field(default_factory=dict)
    hold_out: HoldOut = field(default_factory=HoldOut)
    locked: tuple[Drop, ...] = ()  # what the policy leaves out, where it was changed
    startup_error: BaseException | None = None  # what keeps the agent from starting
    journal: list[str] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)  # deadlines of the agents
    notes: list[str] = field(default_factory=list)  # of the first prompts

    def read_base(self, path: str) -> tuple[bytes, bool] | None:
        """Return the content of ``path``, which is not executable."""
        return (self.files[path], False) if path in self.files else None

    def choose_hold_out(self, cluster: Cluster) -> HoldOut:  # noqa: ARG002
        """Return the configured hold-out."""
        return self.hold_out

    def open_agent(
        self,
        cluster: Cluster,  # noqa: ARG002
        hold_out: HoldOut,
        *,
        deadline: float,
        signals: StartupSignals,  # noqa: ARG002
    ) -> Agent:
        """Record the deadline; return the one agent."""
        assert hold_out == self.hold_out
        self.opened.append(deadline)
        if self.startup_error is not None:
            raise self.startup_error
        assert self.agent is not None
        return self.agent

    def first_prompt(
        self,
        cluster: Cluster,  # noqa: ARG002
        judgement: Judgement,
        hold_out: HoldOut,  # noqa: ARG002
        note: str,
    ) -> str:
        """Record ``note``; return the number of red tests."""
        self.notes.append(note)
        return f"first, {len(judgement.red)} red"

    def apply_policy(
        self,
        cluster: Cluster,  # noqa: ARG002
        collected: Collected,
        litter: frozenset[str],
    ) -> tuple[ChangeSet, tuple[Drop, ...]]:
        """Record the changed paths; leave out those that are locked."""
        found = collected.changes.files
        self.journal.append(f"policy: {', '.join(found)} without {set(litter)}")
        dropped = tuple(drop for drop in self.locked if drop.path in found)
        paths = found.keys() - {drop.path for drop in dropped}
        return ChangeSet({path: found[path] for path in paths}), dropped


@dataclass
class FakeServices:
    """A run in which other fixes land as configured. Implements ``ports.LoopServices``.

    ``base`` is the one base; its version is the number of fixes in ``landed``.
    """

    base: FakeBase
    lander: FakeLander
    clock: Clock
    model: str = "fake/model"
    max_attempts: int = 3
    timeout: float = 60.0
    is_minimising: bool = True
    reviewer: Reviewer | None = None
    landed: list[Landing] = field(default_factory=list)  # fixes of other clusters
    other: Landing = field(default_factory=Landing)  # lands just before each of ``obstacles``
    obstacles: list[tuple[LandingStatus, str]] = field(default_factory=list)  # before it may land
    moves_on: bool = False  # whether the base does, right after each of ``obstacles``
    earlier: Reproduction | None = None  # of the targets without this run's fixes
    is_broken_again: bool = False  # whether the first fix that is found is broken by the next
    stats: tuple[FileStat, ...] = ()
    interrupted: str = ""
    is_waiting: bool = False  # whether kin was begun before
    clusters: list[Cluster] = field(default_factory=list)
    results: list[ClusterResult] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    withheld: list[tuple[str, ...]] = field(default_factory=list)  # at each further prompt
    # Each search for a fixing commit: targets, version of the base, deadline.
    searches: list[tuple[tuple[str, ...], int, float]] = field(default_factory=list)

    def current_base(self) -> FakeBase:
        """Return the base with all fixes that have landed."""
        return replace(self.base, version=len(self.landed))

    def must_wait(self, reproduction: Reproduction) -> bool:  # noqa: ARG002
        """Answer as configured."""
        return self.is_waiting

    def next_prompt(
        self, judgement: Judgement | None, dropped: Sequence[Drop], hold_out: HoldOut
    ) -> str:
        """Record what is withheld; return the numbers of red tests and dropped paths."""
        self.withheld.append(hold_out.withheld)
        red = "nothing judged" if judgement is None else f"{len(judgement.red)} red"
        return f"next, {red}, {len(dropped)} dropped"

    def agent_turn(self) -> AbstractContextManager[None]:
        """Return a context that does nothing."""
        return nullcontext()

    def land(self, fix: Fix, made_on: BaseView, *, deadline: float) -> LandingOutcome:  # noqa: ARG002
        """Meet the next obstacle; land where none is left."""
        if not self.obstacles:
            landing = self.lander.land(fix)
            return LandingOutcome(status=LandingStatus.LANDED, fix=fix, landing=landing)
        status, detail = self.obstacles.pop(0)
        self.landed.append(self.other)
        base = self.current_base()
        if self.moves_on:
            self.landed.append(Landing(commit="b" * 40, branch="main"))
        return LandingOutcome(status=status, fix=fix, base=base, detail=detail)

    def find_fixing_commit(
        self, cluster: Cluster, base: BaseView, *, deadline: float
    ) -> tuple[Landing, tuple[Evidence, ...]] | None:
        """Record the search; return the last fix in ``base`` if the targets were red earlier."""
        self.searches.append((cluster.targets, base.version, deadline))
        if self.is_broken_again:
            self.is_broken_again = False
            raise BrokenAgainError
        earlier = self.earlier
        if earlier is None or earlier.missing or not earlier.judgement.red:
            return None
        return self.landed[base.version - 1], earlier.judgement.probes

    def count_lines(self, fix: Fix) -> tuple[FileStat, ...]:  # noqa: ARG002
        """Return the configured numbers."""
        return self.stats

    def add_cluster(self, cluster: Cluster) -> None:
        """Keep ``cluster``."""
        self.clusters.append(cluster)
        self.base.journal.append(f"split off: {', '.join(cluster.targets)}")

    def add_result(self, result: ClusterResult) -> None:
        """Keep ``result``."""
        self.results.append(result)

    def interruption(self) -> str:
        """Return what was configured."""
        return self.interrupted

    def stop_run(self, reason: str) -> None:
        """Keep ``reason``."""
        self.stops.append(reason)
