"""Doubles of the outside worlds in ``ports``: they say what they are told to say, and take notes.

Each takes answers to give one after the other (the last one again and again); an exception among
them is raised. Doubles that share a ``journal`` write into it in the order they were called.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pytest_agentfix.core.model import ChangeSet, Cluster, Collected, Fix, Judgement, Landing, Turn
from pytest_agentfix.core.ports import Reproduction

T = TypeVar("T")


@dataclass
class FakeClock:
    """Time that passes only when told to. Implements ``ports.Clock``."""

    now: float = 0.0

    def monotonic(self) -> float:
        """The time it was set to."""
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
        """Give, or raise, the next one."""
        self.clock.sleep(self.seconds)
        answer = self.answers[min(self._given, len(self.answers) - 1)]
        self._given += 1
        if isinstance(answer, BaseException):
            raise answer
        return answer


@dataclass
class FakeAgent:
    """An agent that types nothing. Implements ``ports.Agent``."""

    turns: Answers[Turn]
    collected: Answers[Collected]
    journal: list[str] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """Take note of ``text``; end as told."""
        self.journal.append(f"prompt: {text}")
        self.deadlines.append(deadline)
        return self.turns.give()

    def collect(self) -> Collected:
        """Give what it is told to have changed."""
        self.journal.append("collect")
        return self.collected.give()

    def close(self) -> None:
        """Take note."""
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
    rejudgements: Answers[Judgement] | None = None

    def reproduce(self, cluster: Cluster, *, deadline: float) -> Reproduction:
        """Take note of the targets; find what it is told to."""
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
        """Take note of the changed paths and of what is withheld; find what it is told to."""
        self.journal.append(f"judge: {', '.join(changes.files)}")
        if withheld or note:
            self.journal.append(f"withheld: {', '.join(withheld)} ({note})")
        self.deadlines.append(deadline)
        return self.judgements.give()

    def inherit(self, part: Cluster, whole: Cluster) -> bool:
        """Take note of what is left."""
        self.journal.append(f"inherit: {', '.join(part.targets)} of {len(whole.targets)}")
        return True

    def rejudge(
        self,
        cluster: Cluster,  # noqa: ARG002
        changes: ChangeSet,
        judgement: Judgement,
        *,
        also: Sequence[str] | None,
        deadline: float,
    ) -> Judgement:
        """Take note of the changed paths and of what is run; find what it is told to.

        Without ``rejudgements`` it is what was found before.
        """
        told = "all" if also is None else ", ".join(also)
        self.journal.append(f"rejudge: {', '.join(changes.files)} ({told})")
        self.deadlines.append(deadline)
        return judgement if self.rejudgements is None else self.rejudgements.give()

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
        """Take note; leave out the paths it is told to."""
        self.journal.append(f"minimise: {', '.join(changes.files)}")
        self.deadlines.append(deadline)
        if self.trouble is not None:
            raise self.trouble
        kept = {path: change for path, change in changes.files.items() if path not in self.unneeded}
        return ChangeSet(kept), judgement


@dataclass
class FakeLander:
    """A lander without a repository. Implements ``ports.Lander``."""

    landings: Answers[Landing]
    journal: list[str] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)

    def land(self, fix: Fix) -> Landing:
        """Keep ``fix``; land where it is told to."""
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
