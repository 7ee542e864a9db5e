"""The background process as a process of its own: what it gives, and that it always ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pytest_agentfix.runtime.background import client
from pytest_agentfix.runtime.background import spawn as spawning
from pytest_agentfix.runtime.background.client import BackgroundProcess
from pytest_agentfix.runtime.background.handover import Handover, HandoverItem, Job
from tests.kits.places import REPOSITORY
from tests.kits.process_kit import wait_until_gone
from tests.kits.standby_kit import PATIENCE, Step, Words, listening, open_descriptors, order

Spawn = Callable[..., BackgroundProcess]


@pytest.fixture
def words(tmp_path: Path) -> Iterator[Words]:
    with listening(tmp_path / "words") as words:
        yield words


@pytest.fixture
def spawn(words: Words, tmp_path: Path) -> Iterator[Spawn]:
    made: list[BackgroundProcess] = []

    def spawn(*steps: Step, **variables: str) -> BackgroundProcess:
        environ = {**os.environ, "PYTHONPATH": str(REPOSITORY), **variables}
        standby = BackgroundProcess.spawn(
            order(words.path, *steps), folder=tmp_path, environ=environ
        )
        assert standby is not None
        made.append(standby)
        return standby

    yield spawn
    for standby in made:
        standby.close()


def take(handed: Handover | None, name: str) -> HandoverItem:
    assert handed is not None
    item = handed.take(name)
    assert item is not None
    return item


def log_of(folder: Path) -> str:
    return (folder / "log").read_text()


# What is handed over


def test_what_is_ready_is_handed_over(spawn: Spawn, words: Words, tmp_path: Path) -> None:
    standby = spawn(
        ("offer_facts", "facts"),
        ("offer_what_breaks", "broken"),
        ("offer_what_cannot_be_packed", "lock"),
        ("offer_big", "big"),
        ("offer", "pipe"),
        ("hold", ""),
    )
    assert words.hear() == "offered pipe"
    handed = standby.collect(0.0)
    assert handed is not None
    assert handed.names == ("facts", "big", "pipe")
    assert take(handed, "facts").facts == {
        "of": "facts",
        "path": Path("/x"),
        "set": frozenset({1}),
    }
    assert take(handed, "big").facts == b"x" * 5_000_000
    (source,) = take(handed, "pipe").descriptors
    assert os.read(source, 10) == b"pipe"
    os.close(source)
    standby.close()
    assert words.hear_all() == ["discarded broken"]
    assert "could not hand over lock" in log_of(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["log", "words"]


def test_what_is_under_way_is_waited_for(spawn: Spawn, words: Words) -> None:
    standby = spawn(
        ("begin", "agent"),
        ("say", "begun"),
        ("wait_for_question", ""),
        ("offer", "agent"),
        ("begin", "judge"),
        ("offer", "judge"),
    )
    assert words.hear() == "begun"
    handed = standby.collect(PATIENCE, wait_for=["agent", "judge"])
    assert handed is not None
    assert handed.names == ("agent",)
    handed.close()
    standby.close()
    assert words.hear_all() == ["offered agent"]


def test_nothing_is_let_go_of_before_all_of_it_is(spawn: Spawn, words: Words) -> None:
    standby = spawn(
        ("begin", "slow"),
        ("offer_and_tell", "agent"),
        ("wait_for_question", ""),
        ("say", "asked"),
        ("offer_and_tell", "slow"),
    )
    assert words.hear() == "offered agent"
    handed = standby.collect(PATIENCE, wait_for=["slow"])
    assert handed is not None
    handed.close()
    standby.close()
    said = words.hear_all()
    assert said.index("asked") < said.index("handed over agent") < said.index("handed over slow")


@pytest.mark.parametrize("last", [("hold", ""), ("fail", "on purpose")], ids=lambda step: step[0])
def test_waiting_for_what_never_comes_has_an_end(spawn: Spawn, words: Words, last: Step) -> None:
    standby = spawn(("offer", "a"), ("begin", "b"), ("say", "begun"), last)
    assert [words.hear(), words.hear()] == ["offered a", "begun"]
    patience = PATIENCE if last[0] == "fail" else 0.1
    handed = standby.collect(patience, wait_for=["b"])
    assert handed is not None
    assert handed.names == ("a",)
    handed.close()
    standby.close()
    assert words.hear() is None


def test_what_nobody_comes_for_is_discarded(spawn: Spawn, words: Words) -> None:
    standby = spawn(("offer", "a"), ("offer", "b"), ("hold", ""))
    assert [words.hear(), words.hear()] == ["offered a", "offered b"]
    standby.close()
    assert words.hear_all() == ["discarded b", "discarded a"]


def test_nothing_is_begun_where_nobody_waits(spawn: Spawn, words: Words, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    standby = spawn(("say", "up"), ("wait_for", str(gate)), ("say", "never"))
    assert words.hear() == "up"
    handed = standby.collect(PATIENCE, wait_for=["agent"])
    assert handed is not None
    assert handed.names == ()
    standby.close()
    assert words.hear() is None


def test_no_secret_is_passed_on(spawn: Spawn, words: Words) -> None:
    standby = spawn(
        ("offer_environment", "environment"),
        ("say", "up"),
        OPENAI_API_KEY="sk-secret",
        DOCKER_HOST="unix:///x",
    )
    assert words.hear() == "up"
    environment = take(standby.collect(PATIENCE), "environment").facts
    assert isinstance(environment, dict)
    assert "sk-secret" not in environment.values()
    assert environment["DOCKER_HOST"] == "unix:///x"


# The background process's own end


def _group_of(standby: BackgroundProcess) -> int:
    return standby._group


@pytest.mark.parametrize("moment", ["before it is up", "while it works"])
def test_a_killed_stand_by_is_done_without(spawn: Spawn, words: Words, moment: str) -> None:
    standby = spawn(("offer", "a"), ("hold", ""))
    if moment == "while it works":
        assert words.hear() == "offered a"
    os.killpg(_group_of(standby), signal.SIGKILL)
    assert standby.collect(PATIENCE, wait_for=["a"]) is None
    standby.close()


def _states_of(group: int) -> Iterator[str]:
    """The kernel's letter for each process of ``group``."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            state, _, its_group, *_ = (folder / "stat").read_text().rpartition(") ")[2].split()
            if int(its_group) == group:
                yield state


def wait_until_stopped(group: int) -> None:
    """Wait until the processes of ``group``, which stop themselves, stand still."""
    until = time.monotonic() + PATIENCE
    while set(_states_of(group)) != {"T"}:
        assert time.monotonic() < until, "it never stopped"
        time.sleep(0.01)


def test_a_frozen_stand_by_is_ended(
    spawn: Spawn, words: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SLACK", 0.1)
    monkeypatch.setattr(client, "END_PATIENCE", 0.1)
    standby = spawn(("offer", "a"), ("freeze", ""))
    assert words.hear() == "offered a"
    wait_until_stopped(_group_of(standby))
    assert standby.collect(0.0) is None
    standby.close()
    assert words.hear() is None


def test_work_that_hangs_does_not_keep_it(spawn: Spawn, words: Words) -> None:
    standby = spawn(("offer", "a"), ("hang", ""))
    assert words.hear() == "offered a"
    standby.close()
    assert words.hear_all() == ["discarded a"]


def test_what_the_work_has_started_ends_with_it(spawn: Spawn, words: Words) -> None:
    standby = spawn(("start", "exec sleep 600"), ("hang", ""))
    child = words.hear()
    assert child is not None
    standby.close()
    wait_until_gone(int(child))


def test_a_terminated_stand_by_clears_up(spawn: Spawn, words: Words) -> None:
    standby = spawn(("offer", "a"), ("hold", ""))
    assert words.hear() == "offered a"
    os.killpg(_group_of(standby), signal.SIGTERM)
    assert words.hear_all() == ["discarded a"]
    assert standby.collect(PATIENCE) is None


@pytest.mark.parametrize("work", ["no.such:thing", "json:no_such_thing", "json", ""])
def test_an_order_for_nothing(words: Words, tmp_path: Path, work: str) -> None:
    standby = BackgroundProcess.spawn(Job(work=work), folder=tmp_path)
    assert standby is not None
    handed = standby.collect(PATIENCE, wait_for=["a"])
    assert handed is not None
    assert handed.names == ()
    standby.close()


@pytest.mark.parametrize("trouble", ["no folder", "no shell", "no such value"])
def test_where_it_cannot_be_started_there_is_none(
    words: Words, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    folder = tmp_path / "missing" if trouble == "no folder" else tmp_path
    if trouble == "no shell":
        monkeypatch.setattr(spawning, "DETACH", ("/no/such/shell",))
    facts = (lambda: None) if trouble == "no such value" else None
    before = open_descriptors()
    assert BackgroundProcess.spawn(Job(work="a:b", facts=facts), folder=folder) is None
    assert open_descriptors() == before


# The pytest process's end

DRIVER = """
import os, sys
sys.path[:] = [*filter(None, sys.path), sys.argv[4]]
import json, signal, socket, subprocess, time
from pathlib import Path
from pytest_agentfix.runtime.background.client import BackgroundProcess
from tests.kits.standby_kit import order
spawn = lambda: BackgroundProcess.spawn(
    order(Path(sys.argv[1]), *map(tuple, json.loads(sys.argv[2]))), folder=Path(sys.argv[3])
)
gate = os.dup(0)
"""


@contextmanager
def driver(
    words: Words, body: str, *steps: Step, flags: tuple[str, ...] = (), **arguments: object
) -> Iterator[subprocess.Popen[str]]:
    """A process that plays pytest: ``body`` has ``spawn()``, which starts one with ``steps``."""
    folder = words.path.parent
    program = DRIVER + textwrap.dedent(body)
    order = [str(words.path), json.dumps(steps), str(folder), str(REPOSITORY)]
    process = subprocess.Popen(
        [sys.executable, *flags, "-c", program, *order],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        **arguments,  # type: ignore[call-overload]
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


FOR_EVER = "signal.pause()"


@pytest.mark.parametrize(
    ("steps", "before", "after"),
    [
        ([("say", "up"), ("hold", "")], ["up"], ["at loss"]),
        (
            [("offer", "a"), ("offer", "b"), ("hold", "")],
            ["offered a", "offered b"],
            ["discarded b", "discarded a", "at loss"],
        ),
        ([("offer", "a"), ("fail", "")], ["offered a"], ["discarded a", "at loss"]),
    ],
    ids=["at work", "with things ready", "after the work"],
)
def test_it_ends_with_a_killed_pytest(
    words: Words, steps: list[Step], before: list[str], after: list[str]
) -> None:
    with driver(words, f"standby = spawn()\n{FOR_EVER}", *steps) as process:
        assert [words.hear() for _ in before] == before
        process.kill()
        assert words.hear_all() == after


def test_it_ends_with_a_pytest_killed_at_once(words: Words) -> None:
    with driver(words, "standby = spawn()\nos._exit(0)", ("hold", "")) as process:
        process.wait()
    assert set(words.hear_all()) <= {"at loss"}


def test_it_clears_up_after_a_pytest_that_is_killed_while_it_ends(words: Words) -> None:
    """With Ctrl-C once more, say: it had asked for the end, and did not wait for it."""
    body = """
    standby = spawn()
    os.read(gate, 1)
    standby._say_goodbye()
    os._exit(0)
    """
    with driver(words, body, ("offer", "a"), ("hang", "")) as process:
        assert words.hear() == "offered a"
        process.communicate("!")
        assert words.hear_all() == ["discarded a", "at loss"]


def test_it_ends_with_a_pytest_killed_before_it_says_thanks(words: Words) -> None:
    body = """
    from pytest_agentfix.runtime.background import messages
    standby = spawn()
    receive = messages.receive
    def stop_at_the_end(*arguments):
        message = receive(*arguments)
        if message.kind is messages.Kind.END:
            os.kill(os.getpid(), 9)
        return message
    messages.receive = stop_at_the_end
    os.read(gate, 1)
    standby.collect(10.0, wait_for=["b"])
    """
    with driver(words, body, ("offer", "a"), ("say", "up"), ("hold", "")) as process:
        assert [words.hear(), words.hear()][-1] == "up"
        process.communicate("!")
        assert words.hear_all() == ["discarded a", "at loss"]


def test_a_child_of_a_test_that_lives_on_does_not_keep_it(words: Words) -> None:
    body = """
    standby = spawn()
    if not os.fork():
        os.close(1), os.close(2)
        signal.pause()
    print(os.getpid(), flush=True)
    signal.pause()
    """
    with driver(words, body, ("offer", "a"), ("hold", ""), start_new_session=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert words.hear() == "offered a"
        process.kill()
        try:
            assert words.hear_all() == ["discarded a", "at loss"]
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def test_a_test_that_closes_the_socket_ends_it_and_nothing_else(words: Words) -> None:
    body = """
    standby = spawn()
    os.closerange(3, 200)
    print(standby.collect(10.0), flush=True)
    standby.close()
    signal.pause()
    """
    with driver(words, body, ("offer", "a"), ("hold", "")) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "None\n"
        assert "at loss" not in words.hear_all()  # the session goes on, and so does its folder


def test_an_interrupt_from_the_terminal_is_not_for_it(words: Words) -> None:
    body = f"signal.signal(2, lambda *_: os._exit(0))\nstandby = spawn()\n{FOR_EVER}"
    steps = (("say", "up"), ("hold", ""))
    with driver(words, body, *steps, start_new_session=True) as process:
        assert words.hear() == "up"
        os.killpg(process.pid, signal.SIGINT)
        process.wait()
        assert words.hear_all() == ["at loss"]


# Where it is started


def test_it_is_no_child_and_starts_no_thread(words: Words) -> None:
    body = """
    import threading
    before = set(os.listdir("/proc/self/fd"))
    standby = spawn()
    try:
        print(os.waitpid(-1, 0))
    except ChildProcessError:
        print(threading.active_count(), len(set(os.listdir("/proc/self/fd")) - before))
    standby.close()
    print(set(os.listdir("/proc/self/fd")) == before)
    """
    with driver(words, body, ("hold", ""), flags=("-W", "error")) as process:
        assert process.communicate()[0] == "1 1\nTrue\n"
    words.hear_all()


PREPARATIONS = {
    "plain": "",
    "isolated": "",
    "a folder that is gone": "os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')",
    "closed streams": "for stream in (0, 1, 2): os.close(stream)",
    "no environment": "os.environ.clear()",
    "blocked sockets": "socket.socket = socket.socketpair = None",
    "patched processes": "subprocess.Popen = subprocess.run = None",
    "patched time": "time.monotonic = time.time = time.sleep = None",
    "children not waited for": "signal.signal(signal.SIGCHLD, signal.SIG_IGN)",
    "blocked signals": "signal.pthread_sigmask(0, set(signal.Signals))",
}


@pytest.mark.parametrize("name", PREPARATIONS)
def test_it_can_be_started_from_anywhere(words: Words, tmp_path: Path, name: str) -> None:
    cwd = tmp_path / "cwd"
    cwd.mkdir()
    for module in ("json", "socket", "logging", "pickle", "pytest_agentfix"):
        (cwd / f"{module}.py").write_text("raise SystemExit('the wrong module')")
    body = f"""
    sys.path.insert(0, '')
    results = os.dup(1)
    {PREPARATIONS[name]}
    standby = spawn()
    os.read(gate, 1)
    os.write(results, repr(standby.collect(20.0).names).encode())
    standby.close()
    """
    steps = (("offer", "a"), ("hold", ""))
    flags = ("-I",) if name == "isolated" else ("-W", "error")
    with driver(words, body, *steps, flags=flags, cwd=cwd) as process:
        assert words.hear() == "offered a"
        assert process.communicate("!")[0] == "('a',)"
    assert words.hear_all() == []
