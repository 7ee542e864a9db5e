"""Sessions that die without a word leave nothing that the next one does not clean up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import owner_name, sweep
from tests.engine.sandbox_kit import volumes_of
from tests.kits.places import REPOSITORY

# Opens a sandbox that is busy, tells its session and container, and waits for the end.
SESSION = """
import sys, time
from pathlib import Path
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import scratch_root
from tests.engine import sandbox_kit
from tests.engine.sandbox_kit import Place
engine = Engine.connect()
place = Place(engine, scratch_root())
workspace = None
if sys.argv[1:] == ["overlay"]:
    base = place.copy_base(Path(sandbox_kit.__file__).parent, ["sandbox_kit.py"])
    workspace = place.overlay(base)
sandbox = place.open(workspace=workspace)
runner = place.runner(sandbox)
code = "open('new', 'w').close()\\nimport time\\nwhile True: time.sleep(0.1)"
sandbox.start(runner.command(code))
if sys.argv[1:] == ["paused"]:
    engine.pause(sandbox.identity)
print(place.scratch.session, sandbox.identity, flush=True)
time.sleep(600)
"""


@contextmanager
def _session(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with process:
        assert process.stdout is not None
        session, identity = process.stdout.readline().split()
        try:
            yield process, session, identity
        finally:
            process.kill()


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


@pytest.fixture
def end_session(engine: Engine, root: Path) -> Callable[[str], None]:
    def end(session: str) -> None:
        for identity in engine.sessions(owner_name(root)).get(session, []):
            engine.remove(identity)

    return end


@pytest.mark.parametrize("workspace", ["copy", "overlay"])
def test_a_killed_session_takes_its_container_along(
    engine: Engine, root: Path, end_session: Callable[[str], None], workspace: str
) -> None:
    with _session(workspace) as (process, session, identity):
        assert engine.sessions(owner_name(root)) == {session: [identity]}
        assert sweep(root, end_session) == []
        process.send_signal(signal.SIGKILL)
        process.wait()
    _wait_for(lambda: engine.sessions(owner_name(root)) == {})
    _wait_for(lambda: volumes_of(engine, root) == [])
    assert [path.name for path in root.iterdir()] == [session]
    assert sweep(root, end_session) == [session]
    assert list(root.iterdir()) == []


def test_a_session_killed_while_its_sandbox_is_frozen_is_swept(
    engine: Engine, root: Path, end_session: Callable[[str], None]
) -> None:
    with _session("paused") as (process, session, identity):
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert engine.sessions(owner_name(root)) == {session: [identity]}
    assert sweep(root, end_session) == [session]
    assert engine.sessions(owner_name(root)) == {}
    assert list(root.iterdir()) == []
