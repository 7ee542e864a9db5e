"""An engine that does not answer, and settings of Docker's client that cannot be read."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import DockerUnreachableError, SetupError, UnforeseenSetupError
from pytest_agentfix.sandbox.engine import Engine


@pytest.fixture(autouse=True)
def _config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))


@pytest.mark.parametrize(
    ("host", "advice"),
    [
        ("unix:///nowhere/docker.sock", "correct or unset DOCKER_HOST"),
        ("tcp://127.0.0.1:1", "correct or unset DOCKER_HOST"),
        ("ssh://nobody@127.0.0.1:1", "pip install paramiko"),
    ],
)
def test_an_engine_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, host: str, advice: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(DockerUnreachableError) as caught:
        Engine.connect()
    assert caught.value.problem.startswith("--agent-fix needs a Docker engine, and none answers (")
    assert f"tried {host}, from DOCKER_HOST" in caught.value.problem
    assert advice in caught.value.next_step
    assert "Nothing is ever run on the host instead." in caught.value.next_step


@pytest.mark.parametrize(
    "host",
    ["nonsense://", "tcp://host:port", "tcp://[::1", "tcp://127.0.0.1:99999", "tcp://", "host"],
)
def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(DockerUnreachableError) as caught:
        Engine.connect()
    assert f"DOCKER_HOST has no address of one but {host!r} (" in caught.value.problem
    assert "tcp://HOST:PORT" in caught.value.next_step


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        '{"proxies": []}',
        '{"proxies": null}',
        '{"proxies": {"default": "x"}}',
        '{"auths": "x"}',
        '{"auths": {"a": "b"}}',
        '{"auths": {"a": {"auth": 5}}}',
        '{"auths": {"a": {"auth": "YQ=="}}}',
    ],
)
def test_settings_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(UnforeseenSetupError) as caught:
        Engine.connect()
    assert caught.value.problem.startswith("agent-fix could not use Docker's client: ")
    assert f"Repair {tmp_path}/config.json" in caught.value.next_step


@pytest.mark.parametrize("error", [RuntimeError("blocked"), OSError("blocked")])
def test_a_socket_that_was_replaced(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(SetupError) as caught:
        Engine.connect()
    assert "blocked" in caught.value.problem
    assert f"socket.socket was replaced by {__name__}" in caught.value.problem


@pytest.mark.parametrize(
    ("name", "value"), [("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CERT_PATH", "/nowhere")]
)
def test_certificates_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(DockerUnreachableError, match="none answers"):
        Engine.connect()
