"""A real OpenCode in a sandbox, brought up for a prompt that waits and for one that does not."""

from __future__ import annotations

import math
import os
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.launch import OpenCodePlan, Patience
from pytest_agentfix.core.model import ChangeSet
from pytest_agentfix.core.ports import StartupSignals, Stream
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.gateway.warmup import WarmupModel
from pytest_agentfix.repository import IgnoreRules
from pytest_agentfix.runtime import agent_pool
from pytest_agentfix.runtime.agent_pool import AgentPool, AgentRequest
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory
from tests.engine.sandbox_kit import Place
from tests.kits.opencode_kit import FakeModelAccess

CACHE = platformdirs.user_cache_path("pytest-agentfix")
ACCESS = ModelEndpoint(
    provider="local", model="m-1", base_url="http://127.0.0.1:4601/v1", token="agentfix-token"
)


class PatientPool(AgentPool):
    """Gives a throw-away prompt all the time that a busy machine may take."""

    def plan(self, access: ModelEndpoint) -> OpenCodePlan:
        return replace(super().plan(access), patience=Patience(start=240.0, warm_up=240.0))


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[Stream]:
    """The streams that the throw-away model was asked on."""
    answered: list[Stream] = []

    class Counted(WarmupModel):
        def handle(self, stream: Stream) -> None:
            answered.append(stream)
            super().handle(stream)

    monkeypatch.setattr(agent_pool, "WarmupModel", Counted)
    return answered


@pytest.fixture
def agents(place: Place, tmp_path: Path) -> AgentPool:
    top = tmp_path / "project"
    top.mkdir()
    (top / "product.py").write_text("answer = 41\n")
    sandboxes = SandboxFactory(
        engine=place.engine,
        environment=place.environment,
        scratch=place.scratch,
        base=place.copy_base(top, ["product.py"]),
        ignore=IgnoreRules({}),
        opencode=find_opencode(
            configured=None, environ=os.environ, cache=CACHE, may_fetch=False
        ).path,
    )
    return PatientPool(sandboxes, ACCESS, environ=dict(place.environment.env), clock=SystemClock())


def test_an_agent_that_died_while_it_waited_is_replaced(agents: AgentPool, place: Place) -> None:
    agents.ahead._ready.append(replace(agents.start(ACCESS, StartupSignals()), is_ahead=True))
    [dead] = place.containers()
    place.engine.stop(dead)
    request = AgentRequest(
        access=ACCESS,
        gateway=FakeModelAccess(),
        base=agents.sandboxes.base,
        shown=ChangeSet(),
        locked=(),
        keep=lambda _: None,
    )
    agent = agents.acquire(request, deadline=math.inf, signals=StartupSignals())
    agent.close()
    agents.sandboxes.shutdown()  # the judge's, made meanwhile
    assert place.containers() == []


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_prompt_that_waits_does_not_wait_for_a_throw_away_one(
    agents: AgentPool, answered: list[Stream], *, is_waiting: bool
) -> None:
    signals = StartupSignals()
    if is_waiting:
        signals.prompt_waiting.set()
    warm = agents.start(ACCESS, signals)
    warm.agent.close()
    assert bool(answered) is not is_waiting
