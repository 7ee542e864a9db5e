"""The reaper removes at once what a killed pytest had begun, as it outlives it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import owner_name
from tests.kits.places import REPOSITORY
from tests.kits.project_kit import pids_of, wait_for

# Makes a container and never starts it: what a kill between the two calls leaves.
SESSION = """
import sys, time
from pathlib import Path
from pytest_agentfix.repository.landing_journal import FOLDER, LandingJournal
from pytest_agentfix.runtime.prewarm.reaper import start_reaper
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import scratch_root
from tests.engine.sandbox_kit import Place
engine = Engine.connect()
place = Place(engine, scratch_root())
reaper = start_reaper(place.scratch)
engine._attach = lambda identity: (print("made", flush=True), time.sleep(600))
if sys.argv[1:] == ["nothing"]:
    print("made", flush=True)
    input()
    place.close()
    reaper.close()
    print("closed", flush=True)
    time.sleep(600)
if sys.argv[1:2] == ["landing"]:
    lock = Path(sys.argv[2])
    lock.touch()
    LandingJournal(place.scratch.folder(FOLDER)).lock(lock, lock.stat().st_ino)
    print("made", flush=True)
    time.sleep(600)
place.open()
"""


@contextmanager
def session(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "made\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_container_that_never_started_goes(engine: Engine, root: Path) -> None:
    with session():
        assert len(engine.sessions(owner_name(root))) == 1
    # The rest is for the ``residue`` fixture to see: container, volume and folder.


def test_a_landing_that_was_cut_short_is_settled(root: Path, tmp_path: Path) -> None:
    lock = tmp_path / "index.lock"
    with session("landing", str(lock)):
        assert lock.exists()
    wait_for(lambda: not lock.exists())
    wait_for(lambda: list(root.iterdir()) == [])


def test_it_ends_with_its_session(root: Path) -> None:
    with session("nothing") as process:
        wait_for(lambda: count_processes(root) == 2)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "closed\n"
        assert count_processes(root) == 1
    assert list(root.iterdir()) == []


def count_processes(root: Path) -> int:
    """Count the processes that have this test's folder for temporary files."""
    return len(list(pids_of(root.parent)))
