"""An engine that does not answer."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.errors import DockerUnreachableError
from pytest_agentfix.sandbox.engine import Engine


@pytest.mark.parametrize(
    "host", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1", "nonsense://"]
)
def test_an_engine_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(DockerUnreachableError) as caught:
        Engine.connect()
    assert caught.value.problem.startswith("--agent-fix needs a Docker engine, and none answers (")
    assert "Nothing is ever run on the host instead." in caught.value.next_step
