"""A sandbox that one process brought up goes on in another, and dies with whoever holds it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.ports import Stream
from pytest_agentfix.runtime.background.client import BackgroundProcess
from pytest_agentfix.sandbox.attached_socket import AttachedSocket
from pytest_agentfix.sandbox.container import ContainerSandbox, SandboxState
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import owner_name
from tests.engine.background_work import INSIDE, make_plan, order
from tests.engine.sandbox_kit import TOP, FolderCopy, Place
from tests.kits.places import REPOSITORY
from tests.kits.sandbox_contract import TIMEOUT, CodeRunner
from tests.kits.standby_kit import Words, listening

# Plays pytest's part: starts a background process in a session's folder, and waits to be killed.
SESSION = """
import signal, sys
from pathlib import Path
from pytest_agentfix.sandbox.scratch import Scratch
from pytest_agentfix.runtime.background.client import BackgroundProcess
from tests.engine.background_work import order
scratch = Scratch(Path(sys.argv[1]))
job = order(Path(sys.argv[2]), scratch.path)
process = BackgroundProcess.spawn(job, folder=scratch.folder("standby"))
signal.pause()
"""


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    with listening(tmp_path / "words") as words:
        yield words


@pytest.fixture
def standby(place: Place, words: Words) -> Iterator[BackgroundProcess]:
    folder = place.scratch.folder("standby")
    standby = BackgroundProcess.spawn(order(words.path, place.scratch.path), folder=folder)
    assert standby is not None
    yield standby
    standby.close()


def _adopt(
    place: Place, standby: BackgroundProcess, answers: list[bytes]
) -> tuple[ContainerSandbox, int]:
    handed = standby.collect(TIMEOUT, wait_for=["sandbox"])
    assert handed is not None
    item = handed.take("sandbox")
    assert item is not None
    facts = cast("dict[str, Any]", item.facts)
    state: SandboxState = facts["state"]
    is_out_of_memory = partial(place.engine.is_out_of_memory, state.identity)

    def answer(stream: Stream) -> None:
        answers.append(stream.read(TIMEOUT))
        stream.write(b"this one")
        stream.close()

    plan = make_plan(place.engine, place.scratch.path)
    sandbox = ContainerSandbox.adopt(
        place.engine,
        plan,
        FolderCopy(facts["workspace"], plan.environment.user),
        AttachedSocket.from_fd(
            state.identity, item.descriptors[0], state.connection, is_out_of_memory
        ),
        state.pipe,
        read_changes=Collected,
        accept=answer,
    )
    return place.stack.enter_context(sandbox), facts["channel"]


def test_a_sandbox_goes_on_where_its_stand_by_stopped(
    place: Place, standby: BackgroundProcess, words: Words
) -> None:
    assert [words.hear(), words.hear()] == ["begun", "up"]
    answers: list[bytes] = []
    sandbox, channel = _adopt(place, standby, answers)
    standby.close()
    assert words.hear() is None
    running = sandbox.command(channel)
    assert running.is_running()
    runner = CodeRunner(
        sandbox=sandbox,
        folder=TOP,
        python=place.environment.python,
        env=dict(place.environment.env),
    )
    assert runner.run("open('new', 'w').write('x'); print('beside it')").stdout == b"beside it\n"
    assert (sandbox.workspace / "new").read_text() == "x"
    sandbox.dial(INSIDE, timeout=TIMEOUT).close()
    done = running.wait(TIMEOUT)
    *counted, last = done.stdout.decode().splitlines()
    assert (done.code, done.stderr, last) == (7, b"", "answer: this one")
    assert counted == [str(number + 1) for number in range(len(counted))]
    assert answers == [b"which?"]
    assert sandbox.collect() == Collected()
    assert place.containers() == [sandbox.identity]
    sandbox.close()
    assert place.containers() == []
    assert not sandbox.workspace.exists()


def test_what_was_not_taken_over_ends(
    place: Place, standby: BackgroundProcess, words: Words
) -> None:
    assert [words.hear(), words.hear()] == ["begun", "up"]
    handed = standby.collect(TIMEOUT)
    assert handed is not None
    handed.close()  # the rest is for the ``residue`` fixture to see


def test_what_nobody_asked_for_is_removed(
    place: Place, standby: BackgroundProcess, words: Words
) -> None:
    assert [words.hear(), words.hear()] == ["begun", "up"]
    standby.close()
    assert words.hear() is None
    assert place.containers() == []
    assert [path.name.partition("-")[0] for path in place.scratch.path.iterdir()] != ["workspace"]


def test_a_killed_stand_by_takes_its_sandboxes_along(
    standby: BackgroundProcess, words: Words
) -> None:
    assert [words.hear(), words.hear()] == ["begun", "up"]
    os.killpg(standby._group, signal.SIGKILL)
    assert words.hear() is None
    assert standby.collect(TIMEOUT) is None


@pytest.mark.parametrize("moment", ["with a sandbox ready", "while it comes up"])
def test_a_killed_pytest_leaves_nothing(
    engine: Engine, root: Path, words: Words, moment: str
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SESSION, str(root), str(words.path)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    with process:
        try:
            assert words.hear() == "begun"
            if moment == "with a sandbox ready":
                assert words.hear() == "up"
                assert len(engine.sessions(owner_name(root))) == 1
        finally:
            process.kill()
    words.hear_all()
    # The rest is for the ``residue`` fixture to see.
