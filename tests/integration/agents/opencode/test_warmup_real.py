"""The real OpenCode, warmed up and then used in every protocol; one server, as its start is slow.

No engine is needed: the sandbox is this machine, and the gateway listens on one of its ports.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.agents.opencode import driver, launch
from pytest_agentfix.agents.opencode.config import ModelEndpoint, make_config
from pytest_agentfix.agents.opencode.download import PINNED_VERSION
from pytest_agentfix.agents.opencode.driver import OpenCodeAgent, OpenCodePlan, Patience
from pytest_agentfix.core.model import TurnEnd
from pytest_agentfix.core.ports import Process, Stream
from pytest_agentfix.gateway.gateway import ModelGateway, SystemClock
from pytest_agentfix.gateway.http import request_head
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel
from pytest_agentfix.gateway.providers.protocols import WireProtocol, make_row
from pytest_agentfix.gateway.warmup import SwitchableHandler, WarmupModel
from pytest_agentfix.runtime.cluster_scope import model_access
from pytest_agentfix.testing.scripted_model.model_server import Say, ScriptedModel
from pytest_agentfix.testing.socket_stream import StreamPort
from tests.kits.free_port import find_free_port
from tests.kits.gateway_kit import TOKEN, make_upstream
from tests.kits.opencode_kit import HomelySandbox

BINARY = Path.home() / f".cache/pytest-agentfix/opencode-linux-x64-{PINNED_VERSION}"
pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason="OpenCode is not there")

NAMES = {
    WireProtocol.CHAT: "local",
    WireProtocol.RESPONSES: "openai",
    WireProtocol.MESSAGES: "anthropic",
    WireProtocol.GENERATE: "google",
}
KNOWN = CatalogueModel(
    id="m-1",
    entry={
        "id": "m-1",
        "name": "M1",
        "release_date": "2026-01-01",
        "reasoning": True,
        "tool_call": True,
        "limit": {"context": 54_321, "output": 4_321},
    },
)
FAR = 1e9
PATIENCE = 240.0  # seconds, for a busy machine; no test waits for their end


class Place:
    """A server with a provider for each protocol, and the handler of its requests."""

    def __init__(self, folder: Path) -> None:
        self.sandbox = HomelySandbox(folder)
        self.project = folder / "project"
        self.project.mkdir()
        self.port = 0
        self._streams: list[Stream] = []
        self.renew()

    def renew(self) -> None:
        """Start afresh: OpenCode's kept connections lead to handlers that are gone."""
        self.handler = SwitchableHandler(WarmupModel(clock=SystemClock()))
        while self._streams:
            self._streams.pop().close()

    def accept(self, stream: Stream) -> None:
        self._streams.append(stream)
        self.handler.handle(stream)

    def make_agent(self, protocol: WireProtocol) -> OpenCodeAgent:
        return OpenCodeAgent(self.sandbox, self.make_plan(protocol), clock=SystemClock())

    def make_plan(self, protocol: WireProtocol) -> OpenCodePlan:
        return OpenCodePlan(
            access=make_access(protocol, self.port),
            instructions="Repair it.",
            directory=self.project,
            # OpenCode unpacks libraries into the folder of temporary files, and leaves them there.
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(self.sandbox.folder)},
            patience=Patience(start=PATIENCE, warm_up=PATIENCE, first_request=PATIENCE),
        )


def make_access(protocol: WireProtocol, port: int) -> ModelEndpoint:
    row = make_row(NAMES[protocol], protocol)
    upstream = make_upstream(provider=row.name, model="m-1", row=row)
    access = model_access(upstream, TOKEN, KNOWN if protocol is WireProtocol.CHAT else None)
    return replace(access, base_url=access.base_url.replace("4601", str(port)))


def make_joint_config(port: int) -> dict[str, Any]:
    configs = [
        make_config(make_access(one, port), instructions="Repair it.") for one in WireProtocol
    ]
    providers = {name: one for config in configs for name, one in config["provider"].items()}
    return {**configs[0], "enabled_providers": list(providers), "provider": providers}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    place = Place(tmp_path_factory.mktemp("warm"))
    with ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        place.port = stack.enter_context(StreamPort(place.accept)).port
        stack.enter_context(place.sandbox)
        server_port = find_free_port()
        for module in (driver, launch):
            patch.setattr(module, "SERVER_PORT", server_port)
        patch.setattr(launch, "BINARY", BINARY)
        joint = make_joint_config(place.port)
        patch.setattr(launch, "make_config", lambda *_, **__: joint)
        patch.setattr(request_head, "HOSTS", (f"127.0.0.1:{place.port}",))
        yield place


@pytest.fixture(scope="module")
def process(place: Place) -> Process:
    agent = place.make_agent(WireProtocol.CHAT)
    agent.launch(deadline=FAR)
    agent._listener.close()
    agent._server.close()
    assert agent._process is not None
    return agent._process


@pytest.fixture(params=list(WireProtocol), ids=lambda protocol: protocol.value)
def protocol(request: pytest.FixtureRequest) -> WireProtocol:
    assert isinstance(request.param, WireProtocol)
    return request.param


@pytest.fixture
def agent(place: Place, process: Process, protocol: WireProtocol) -> Iterator[OpenCodeAgent]:
    """Return an agent for the running server."""
    place.renew()
    agent = place.make_agent(protocol)
    agent._process = process
    agent._listener.start()
    yield agent
    agent._listener.close()
    agent._server.close()


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel([Say("Done."), Say("Done.")]) as model:
        yield model


@pytest.fixture
def gateway(model: ScriptedModel, protocol: WireProtocol) -> Iterator[ModelGateway]:
    upstream = make_upstream(
        model.base_url_for(protocol),
        provider=NAMES[protocol],
        model="m-1",
        row=make_row(NAMES[protocol], protocol),
    )
    gateway = ModelGateway(upstream, token=TOKEN)
    yield gateway
    gateway.close()


def work(agent: OpenCodeAgent, gateway: ModelGateway, text: str, lock: str) -> None:
    """Do the work for one cluster."""
    agent.begin(gateway, locked=(lock,))
    turn = agent.prompt(text, deadline=FAR)
    assert (turn.end, turn.text, turn.requests) == (TurnEnd.FINISHED, "Done.", 1)


def test_it_is_warmed_and_sent_to_work(
    place: Place,
    agent: OpenCodeAgent,
    model: ScriptedModel,
    gateway: ModelGateway,
    protocol: WireProtocol,
) -> None:
    assert agent.warm_up(deadline=FAR)
    assert model.requests == []
    assert gateway.requests() == 0

    place.handler.to(gateway.handle)
    work(agent, gateway, "Repair one.", "tests/test_one.py")
    work(agent, gateway, "Repair two.", "tests/test_two.py")

    assert [request.protocol for request in model.requests] == [protocol, protocol]
    said = [list(request.conversation.prompts) for request in model.requests]
    assert said == [["Repair one."], ["Repair two."]]
    for request in model.requests:
        assert sorted(request.conversation.tools) == ["bash", "edit", "read", "write"]
    # All but the prompt is the same for all clusters, so a provider's cache can serve it.
    one, two = ({**request.body, "prompt_cache_key": ""} for request in model.requests)
    assert json.dumps(one).replace("Repair one.", "Repair two.") == json.dumps(two)


def test_a_warm_up_that_the_gateway_turns_away_does_no_harm(
    place: Place, agent: OpenCodeAgent, model: ScriptedModel, gateway: ModelGateway
) -> None:
    place.handler.to(gateway.handle)
    assert not agent.warm_up(deadline=FAR)
    assert model.requests == []
    work(agent, gateway, "Repair one.", "tests/test_one.py")


@pytest.mark.parametrize("protocol", [WireProtocol.CHAT])
def test_what_is_known_of_the_model_came_with_the_start(agent: OpenCodeAgent) -> None:
    found = agent._server._call("GET", "/config/providers", None)["providers"]
    (local,) = [one for one in found if one["id"] == "local"]
    model = local["models"]["m-1"]
    assert (model["name"], model["capabilities"]["reasoning"]) == ("M1", True)
    assert model["limit"] == {"context": 54_321, "output": 4_321}
    # There are no other providers: OpenCode's own catalogue was not read.
    assert {len(one["models"]) for one in found} == {1}
