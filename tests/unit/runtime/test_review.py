"""Whatever goes wrong with a review is no opinion, and its session is closed in any case."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from pytest_agentfix.agents.opencode.events import TEXT_LIMIT
from pytest_agentfix.core.errors import (
    AgentUnavailableError,
    KeyMissingError,
    ProviderTrouble,
    SandboxError,
)
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Collected,
    Evidence,
    FileChange,
    HoldOut,
    ProbeResult,
    Turn,
    TurnEnd,
)
from pytest_agentfix.core.ports import Agent
from pytest_agentfix.runtime.agent_pool import AgentPool
from pytest_agentfix.runtime.review import REVIEW_LIMIT, ModelReviewer
from pytest_agentfix.testing.fakes import Answers, FakeAgent, FakeClock
from tests.unit.repair.prompts.test_review import FAILURE, TOP

CHANGES = ChangeSet({"calc.py": FileChange(b"1")})
Answer = Turn | BaseException


@dataclass
class World:
    """A reviewer whose gateway and agents are doubles."""

    answers: tuple[Answer, ...] = (Turn(end=TurnEnd.FINISHED, text="GENERAL"),)
    unopened: BaseException | None = None  # what keeps the gateway from being opened
    unstarted: BaseException | None = None  # what keeps the agent from starting
    opened: int = 0
    deadlines: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agent = FakeAgent(Answers(self.answers), Answers([Collected()]))
        self.reviewer = ModelReviewer(
            model="a/b",
            open_gateway=self._open_gateway,
            agent_pool=cast("AgentPool", self),
            top=TOP,
            clock=FakeClock(100.0),
            keep=lambda _: None,
        )

    def _open_gateway(self) -> Any:
        self.opened += 1
        if self.unopened is not None:
            raise self.unopened
        return object(), object()

    def open_reviewer(self, *_: Any, deadline: float, **__: Any) -> Agent:
        self.deadlines.append(deadline)
        if self.unstarted is not None:
            raise self.unstarted
        return self.agent

    def review(self, *, deadline: float = 1_000.0) -> Evidence:
        return self.reviewer.review(
            Cluster(slug="test-add", failures=(FAILURE,)),
            CHANGES,
            hold_out=HoldOut(),
            read_base=lambda _: None,
            deadline=deadline,
        )


def test_each_review_has_its_own_session_and_one_gateway() -> None:
    world = World()
    results = [world.review().result for _ in range(2)]
    assert results == [ProbeResult.PASSED] * 2
    assert (world.opened, len(world.deadlines)) == (1, 2)
    assert [line.partition(":")[0] for line in world.agent.journal] == ["prompt", "close"] * 2


def test_it_has_its_own_limit_and_the_clusters() -> None:
    world = World()
    world.review()
    world.review(deadline=130.0)
    assert world.deadlines == world.agent.deadlines == [100.0 + REVIEW_LIMIT, 130.0]


@pytest.mark.parametrize(
    "trouble",
    [
        ProviderTrouble("No money.", "Pay.", is_final=True),
        SandboxError("It died.", "Look."),
        TimeoutError("too late"),
    ],
    ids=lambda trouble: type(trouble).__name__,
)
def test_trouble_is_no_opinion(trouble: BaseException) -> None:
    world = World(answers=(trouble,))
    opinion = Evidence(
        "review", ProbeResult.NOT_APPLICABLE, f"there is no second opinion: {trouble}"
    )
    assert world.review() == opinion
    assert world.agent.closed.is_set()


def test_what_does_not_begin_is_no_opinion() -> None:
    world = World(unopened=KeyMissingError("No key.", "Set it."))
    assert world.review().detail == "there is no second opinion: No key. Set it."
    world = World(unstarted=AgentUnavailableError("It is not up.", "Look."))
    assert world.review().detail == "there is no second opinion: It is not up. Look."


def test_text_whose_beginning_is_lost_is_not_read() -> None:
    """Of a long text the end is kept, which may begin with anything."""
    text = "SPECIAL-CASE".ljust(TEXT_LIMIT, "x")
    world = World(answers=(Turn(end=TurnEnd.FINISHED, text=text),))
    opinion = world.review()
    assert opinion.result is ProbeResult.NOT_APPLICABLE
    assert opinion.detail == "a/b said nothing that can be read"
