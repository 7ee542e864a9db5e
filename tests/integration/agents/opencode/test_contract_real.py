"""The contract on the real OpenCode that says it is a later one: as it is, and changed.

No engine is needed: the sandbox is this machine, and the throw-away model listens on a port of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import pytest

from pytest_agentfix.agents.opencode import contract, launch
from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.download import PINNED_VERSION
from pytest_agentfix.agents.opencode.launch import OpenCodePlan, Patience
from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.errors import AgentUnavailableError
from pytest_agentfix.core.ports import AcceptHandler, Stream
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.gateway.http import request_head
from pytest_agentfix.runtime.opencode_trial import try_opencode
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from pytest_agentfix.testing.socket_stream import StreamPort
from tests.kits.free_port import find_free_port
from tests.kits.opencode_kit import HomelySandbox

BINARY = Path.home() / f".cache/pytest-agentfix/opencode-linux-x64-{PINNED_VERSION}"
LATER = PINNED_VERSION.replace("1.18", "1.19")
pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason="OpenCode is not there")

PATIENCE = 240.0  # seconds, for a busy machine; no test waits for their end


@dataclass
class Box:
    container: LocalSandbox


class Factory:
    """Gives the one sandbox, in which the model is what ``accept`` is."""

    def __init__(self, sandbox: LocalSandbox) -> None:
        self._sandbox = sandbox
        self.accept: AcceptHandler | None = None

    def open_for_agent(self, accept: AcceptHandler) -> Box:
        self.accept = accept
        return Box(self._sandbox)

    def handle(self, stream: Stream) -> None:
        assert self.accept is not None
        self.accept(stream)


@pytest.fixture(scope="module")
def later(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a copy that says that it is a 1.19."""
    copy = tmp_path_factory.mktemp("later") / "opencode"
    copy.write_bytes(BINARY.read_bytes().replace(PINNED_VERSION.encode(), LATER.encode()))
    copy.chmod(0o755)
    yield copy
    copy.unlink()


Trial = Callable[..., OpenCodeBinary]


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Trial]:
    """Yield a function that finds a configured binary, and tries it if it has to be."""
    project = tmp_path / "project"
    project.mkdir()
    cache = tmp_path / "cache"
    with ExitStack() as stack:
        sandbox = stack.enter_context(HomelySandbox(tmp_path))
        factory = Factory(sandbox)
        port = stack.enter_context(StreamPort(factory.handle)).port
        server_port = find_free_port()
        for module in (contract, launch):
            monkeypatch.setattr(module, "SERVER_PORT", server_port)
        monkeypatch.setattr(request_head, "HOSTS", (f"127.0.0.1:{port}",))
        access = ModelEndpoint(
            provider="local", model="m-1", base_url=f"http://127.0.0.1:{port}/v1", token="token"
        )
        plan = OpenCodePlan(
            access=access,
            instructions="Repair it.",
            directory=project,
            env={"PATH": "/usr/bin:/bin", "TMPDIR": str(tmp_path)},
            patience=Patience(start=PATIENCE),
        )

        def find_and_try(configured: Path, turn: float = PATIENCE) -> OpenCodeBinary:
            monkeypatch.setattr(launch, "BINARY", configured)
            found = find_opencode(configured=configured, environ={}, cache=cache)
            if found.needs_trial:
                patient = replace(plan, patience=replace(plan.patience, first_request=turn))
                sandboxes = cast("SandboxFactory", factory)
                try_opencode(found, sandboxes, patient, cache=cache, clock=SystemClock())
            return found

        yield find_and_try


def test_later_release_that_works_is_tried_once(later: Path, trial: Trial) -> None:
    first = trial(later)
    assert (first.version, first.needs_trial) == (LATER, True)
    assert not trial(later).needs_trial


def test_later_release_with_another_way_to_be_prompted_is_refused(
    later: Path, tmp_path: Path, trial: Trial
) -> None:
    other = tmp_path / "other"
    content = later.read_bytes()
    assert b"/prompt_async" in content
    other.write_bytes(content.replace(b"/prompt_async", b"/prompt_again"))
    other.chmod(0o755)
    with pytest.raises(AgentUnavailableError, match="failed at the step 'prompt'"):
        trial(other, 1.0)
    # It is not remembered: it may have been the machine's.
    assert find_opencode(configured=other, environ={}, cache=tmp_path / "cache").needs_trial
    other.unlink()
