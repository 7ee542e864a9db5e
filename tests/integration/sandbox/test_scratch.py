"""Scratch folders of several processes: locked while one lives, swept once it is dead."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_agentfix.sandbox.scratch import Scratch, is_alive, sweep
from tests.kits.places import REPOSITORY

SESSION = """
import sys, time
from pathlib import Path
from pytest_agentfix.sandbox.scratch import Scratch
scratch = Scratch(Path(sys.argv[1]))
(scratch.folder("workspace") / "file").write_text("left")
print(scratch.session, flush=True)
time.sleep(600)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "root"


@contextmanager
def other_process(root: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield a session of another process, and how to kill that."""
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, str(root)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )

    def kill() -> None:
        process.send_signal(signal.SIGKILL)
        process.wait()

    with process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), kill
        finally:
            kill()


def test_a_live_session_is_not_swept(root: Path) -> None:
    ended: list[str] = []
    mine = Scratch(root)
    with other_process(root) as (session, _):
        assert is_alive(root, session)
        assert is_alive(root, mine.session)
        assert sweep(root, ended.append) == []
    assert ended == []
    mine.close()


def test_a_killed_session_is_swept_once(root: Path) -> None:
    order: list[tuple[str, bool]] = []
    with other_process(root) as (session, kill):
        kill()
        assert not is_alive(root, session)
        swept = sweep(root, lambda name: order.append((name, (root / name).exists())))
    assert swept == [session]
    assert order == [(session, True)]  # its containers go first
    assert list(root.iterdir()) == []
    assert sweep(root, lambda name: order.append((name, True))) == []


def test_sessions_may_start_while_others_sweep(root: Path) -> None:
    stop = threading.Event()
    swept: list[str] = []

    def keep_sweeping() -> None:
        while not stop.is_set():
            swept.extend(sweep(root, lambda _: None))

    thread = threading.Thread(target=keep_sweeping)
    thread.start()
    try:
        for _ in range(100):
            scratch = Scratch(root)
            assert is_alive(root, scratch.session)
            scratch.close()
    finally:
        stop.set()
        thread.join()
    assert list(root.iterdir()) == []
