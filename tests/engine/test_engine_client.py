"""The client of a real engine: reached by a context, and what of its settings goes along."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import DockerUnreachableError
from pytest_agentfix.sandbox.engine import Engine
from tests.engine.sandbox_kit import Place

SOCKET = Path("/var/run/docker.sock")
PROXY = "http://user:secret@proxy.example:3128"


def make_context(folder: Path, host: str) -> None:
    """Write settings of Docker's client with a current context for the engine at ``host``."""
    (folder / "config.json").write_text('{"currentContext": "mine"}')
    meta = folder / "contexts" / "meta" / hashlib.sha256(b"mine").hexdigest() / "meta.json"
    meta.parent.mkdir(parents=True)
    meta.write_text(json.dumps({"Name": "mine", "Endpoints": {"docker": {"Host": host}}}))


def test_the_engine_of_the_current_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "mine.sock"
    link.symlink_to(SOCKET)
    make_context(tmp_path, f"unix://{link}")
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    engine = Engine.connect()
    assert engine.is_local
    engine.close()
    link.unlink()
    with pytest.raises(DockerUnreachableError) as caught:
        Engine.connect()
    assert f"tried unix://{link}, from the Docker context 'mine'" in caught.value.problem
    assert "docker context use NAME" in caught.value.next_step


def test_no_sandbox_is_told_of_proxies(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"proxies": {"default": {"httpProxy": PROXY, "noProxy": "x"}}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    engine = Engine.connect()
    place.open(engine=engine)
    (identity,) = place.containers()
    environ = engine._api.inspect_container(identity)["Config"]["Env"] or []
    assert [entry for entry in environ if "proxy" in entry.lower()] == []
    place.close()
    engine.close()
