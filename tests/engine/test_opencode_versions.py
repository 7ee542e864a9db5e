"""Another OpenCode than the pinned one in real sandboxes: tried first, or with its own driver."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.launch import OpenCodePlan, Patience
from pytest_agentfix.agents.opencode.trials import has_passed
from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.agents.opencode2.driver import OpenCode2Agent
from pytest_agentfix.core.errors import AgentUnavailableError
from pytest_agentfix.core.model import ChangeSet, TurnEnd
from pytest_agentfix.core.ports import StartupSignals
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.repository import IgnoreRules
from pytest_agentfix.runtime.agent_pool import AgentPool, AgentRequest
from pytest_agentfix.runtime.opencode_trial import try_opencode
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory
from tests.engine.sandbox_kit import Place
from tests.kits.opencode_kit import FakeModelAccess

CACHE = platformdirs.user_cache_path("pytest-agentfix")
ACCESS = ModelEndpoint(
    provider="local", model="m-1", base_url="http://127.0.0.1:4601/v1", token="agentfix-token"
)
# A stand-in that speaks what is documented of 2.x, and has no model.
VERSION_2 = """#!/bin/sh
if [ "$1" = --version ]; then echo 2.3.2; exit; fi
prompt=$(cat)
echo "answer = 42  # $prompt" > product.py
echo '{"type":"step_start","sessionID":"ses_1","part":{}}'
echo '{"type":"text","sessionID":"ses_1","part":{"text":"Done."}}'
echo '{"type":"step_finish","sessionID":"ses_1","part":{"reason":"stop"}}'
"""


def make_sandboxes(place: Place, folder: Path, opencode: Path) -> SandboxFactory:
    top = folder / "project"
    top.mkdir()
    (top / "product.py").write_text("answer = 41\n")
    return SandboxFactory(
        engine=place.engine,
        environment=place.environment,
        scratch=place.scratch,
        base=place.copy_base(top, ["product.py"]),
        ignore=IgnoreRules({}),
        opencode=opencode,
    )


def run_trial(place: Place, folder: Path, opencode: Path, patience: Patience) -> None:
    sandboxes = make_sandboxes(place, folder, opencode)
    plan = OpenCodePlan(
        access=ACCESS,
        instructions="Repair it.",
        directory=sandboxes.base.top,
        env=place.environment.env,
        patience=patience,
    )
    binary = OpenCodeBinary(path=opencode, version="1.19.5", needs_trial=True)
    try_opencode(binary, sandboxes, plan, cache=folder / "cache", clock=SystemClock())


def test_one_that_keeps_the_contract_is_remembered(place: Place, tmp_path: Path) -> None:
    found = find_opencode(configured=None, environ=os.environ, cache=CACHE, may_fetch=False)
    run_trial(place, tmp_path, found.path, Patience(start=240.0, first_request=240.0))
    assert has_passed(found.path, tmp_path / "cache")
    assert place.containers() == []


def test_one_that_does_not_start_is_told_and_forgotten(place: Place, tmp_path: Path) -> None:
    other = tmp_path / "opencode"
    other.write_text("#!/bin/sh\necho no such command: $1 >&2\nexit 1\n")
    other.chmod(0o755)
    with pytest.raises(AgentUnavailableError, match=r"'start'.*no such command: serve"):
        run_trial(place, tmp_path, other, Patience())
    assert not has_passed(other, tmp_path / "cache")
    assert place.containers() == []


def test_a_2_x_repairs_with_its_own_driver(place: Place, tmp_path: Path) -> None:
    binary = tmp_path / "opencode"
    binary.write_text(VERSION_2)
    binary.chmod(0o755)
    sandboxes = make_sandboxes(place, tmp_path, binary)
    environ = dict(place.environment.env)
    agents = AgentPool(sandboxes, ACCESS, environ=environ, clock=SystemClock(), major=2)
    request = AgentRequest(
        access=ACCESS,
        gateway=FakeModelAccess(),
        base=sandboxes.base,
        shown=ChangeSet(),
        locked=(),
        keep=lambda _: None,
    )
    agent = agents.acquire(request, deadline=1e12, signals=StartupSignals())
    assert isinstance(agent.warm.agent, OpenCode2Agent)
    try:
        turn = agent.prompt("repaired", deadline=1e12)
        collected = agent.collect()
    finally:
        agent.close()
        agents.close()
        sandboxes.shutdown()  # the judge's, made meanwhile
    assert (turn.end, turn.text) == (TurnEnd.FINISHED, "Done.")
    [change] = collected.changes.files.values()
    assert change.content == b"answer = 42  # repaired\n"
