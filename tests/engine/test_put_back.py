"""A sandbox on a real engine is cleared and put back while one command, a server, goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from queue import Queue

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.ports import Process, Stream
from pytest_agentfix.sandbox.container import ContainerSandbox
from pytest_agentfix.sandbox.put_back import PutBackPlan, put_back
from pytest_agentfix.sandbox.workspace import Base, OverlayWorkspace
from tests.engine.sandbox_kit import TOP, Place, WrongEngine
from tests.kits.gateway_kit import wait_for
from tests.kits.sandbox_contract import CodeRunner

PORT = 4601
PATIENCE = 60.0
SERVE = """
import signal, socket, subprocess, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # no child of its own stays unreaped
server = socket.create_server(("127.0.0.1", 4602))
print("up", flush=True)
connection, _ = server.accept()
while code := connection.recv(65536):
    exec(code)
    connection.sendall(b"done")
"""
FORK_AWAY = """
import os, signal
def go(*steps):
    if os.fork() == 0:
        for step in steps: step()
        while True: signal.pause()
go()
go(os.setsid)
go(os.setsid, lambda: os.fork() and os._exit(0))
go(lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
go(os.setsid, lambda: os.kill(os.getpid(), signal.SIGSTOP))
"""
LEAVE = f"""
import os, pathlib, shutil
os.chdir({str(TOP)!r})
pathlib.Path("calc.py").write_text("x = 2")
pathlib.Path("new.py").write_text("new")
pathlib.Path("ignored.pyc").write_text("ignored")
shutil.rmtree("pkg")
shutil.rmtree(".git")
for folder in ("/tmp", "/dev/shm", "/tmp/home/deep"):
    os.makedirs(folder, exist_ok=True)
    pathlib.Path(folder, "left").write_text("left")
"""
LIST = """
import os
for top in (".", "/tmp", "/dev/shm", "/dev/mqueue"):
    for folder, folders, files in os.walk(top):
        if ".git" in folders: folders.remove(".git")
        print(*(os.path.join(folder, name) for name in sorted(folders + files)), sep="\\n")
"""


@pytest.fixture
def workspace(place: Place, tmp_path: Path) -> OverlayWorkspace:
    top = tmp_path / "top"
    (top / "pkg").mkdir(parents=True)
    (top / "calc.py").write_bytes(b"x = 1\n")
    (top / "pkg/a.py").write_bytes(b"a = 1\n")
    return place.overlay(place.copy_base(top, ["calc.py", "pkg/a.py"]))


@pytest.fixture
def accepted() -> Queue[Stream]:
    """The streams that came from inside, as their handler gets them."""
    return Queue()


@pytest.fixture
def sandbox(place: Place, workspace: OverlayWorkspace, accepted: Queue[Stream]) -> ContainerSandbox:
    sandbox = place.open(
        engine=WrongEngine({"PidsLimit": 200}), workspace=workspace, accept=accepted.put
    )
    sandbox.listen(PORT)
    return sandbox


class Server:
    """A command that runs what it is sent."""

    def __init__(self, runner: CodeRunner) -> None:
        self.process: Process = runner.sandbox.start(runner.command(SERVE))
        wait_for(lambda: "up" in self.process.tail())
        self._stream = runner.sandbox.dial(4602, timeout=PATIENCE)

    def do(self, code: str) -> None:
        self._stream.write(code.encode())
        assert self._stream.read(PATIENCE) == b"done"


@pytest.fixture
def server(place: Place, sandbox: ContainerSandbox) -> Iterator[Server]:
    server = Server(place.runner(sandbox))
    yield server
    assert server.process.is_running(), server.process.tail()


def count(sandbox: ContainerSandbox) -> int:
    return sandbox.look(lambda: None)[1]


def undo(place: Place, sandbox: ContainerSandbox, workspace: OverlayWorkspace) -> None:
    plan = PutBackPlan(
        fresh=at_top(workspace.base.as_made()),
        skip=(),
        emptied=("/tmp", "/dev/shm", "/dev/mqueue"),
        made=("/tmp/home",),
        python=place.environment.python,
        env=place.environment.env,
        timeout=PATIENCE,
    )
    put_back(sandbox, workspace, plan)


def at_top(base: Base) -> Base:
    """Return ``base`` as one of a tree at the place where these sandboxes have it."""
    return replace(base, place=replace(base.place, top=TOP))


def test_all_but_the_server_is_ended(sandbox: ContainerSandbox, server: Server) -> None:
    before = count(sandbox)
    server.do(FORK_AWAY)
    wait_for(lambda: count(sandbox) >= before + 5)
    sandbox.clear()
    assert count(sandbox) == before == 2
    server.do("pass")  # and the host's connection to it is still there


def test_a_fork_bomb_is_ended_or_noticed(sandbox: ContainerSandbox, server: Server) -> None:
    server.do(
        "import os\nif os.fork() == 0:\n while True:\n  try: os.fork(); os.setsid()\n"
        "  except OSError: pass"
    )
    wait_for(lambda: count(sandbox) > 50)
    try:
        sandbox.clear()
    except SandboxError:
        return
    assert count(sandbox) == 2


CONNECT = """
import socket
ours = socket.create_connection(("127.0.0.1", 4601))
ours.sendall(b"POST /v1/messages")
"""


def test_what_was_sent_before_is_never_answered_later(
    sandbox: ContainerSandbox, server: Server, accepted: Queue[Stream]
) -> None:
    server.do(CONNECT)
    stream = accepted.get(timeout=PATIENCE)
    sandbox.clear()
    assert stream.read(PATIENCE) == b""
    server.do("assert ours.recv(1) == b''")


def test_it_listens_again_when_it_is_told_to(
    sandbox: ContainerSandbox, server: Server, accepted: Queue[Stream]
) -> None:
    sandbox.clear()
    server.do(
        f"try:\n exec({CONNECT!r})\nexcept ConnectionRefusedError:\n pass\nelse:\n raise SystemExit"
    )
    sandbox.listen(PORT)
    server.do(CONNECT)
    assert accepted.get(timeout=PATIENCE).read(PATIENCE) == b"POST /v1/messages"


def test_connections_that_nobody_has_accepted_yet_are_reset(
    place: Place, workspace: OverlayWorkspace
) -> None:
    """A crowd at the port, which the guest is still at work with."""
    streams: Queue[Stream] = Queue()
    sandbox = place.open(workspace=workspace, accept=streams.put)
    sandbox.listen(PORT)
    server = Server(place.runner(sandbox))
    server.do(
        "import threading\n"
        "def crowd():\n"
        "  while True:\n"
        "    try:\n"
        "      one = socket.create_connection(('127.0.0.1', 4601)); one.sendall(b'x')\n"
        "    except OSError: return\n"
        "threads = [threading.Thread(target=crowd, daemon=True) for _ in range(8)]\n"
        "for one in threads: one.start()"
    )
    streams.get(timeout=PATIENCE)
    sandbox.clear()
    while not streams.empty():
        assert streams.get().read(PATIENCE) == b""
    server.do("for one in threads: one.join()")


def test_everything_is_put_back(
    place: Place, sandbox: ContainerSandbox, workspace: OverlayWorkspace, server: Server
) -> None:
    runner = place.runner(sandbox)
    fresh = runner.run(LIST).stdout
    server.do(LEAVE)
    assert runner.run(LIST).stdout != fresh
    undo(place, sandbox, workspace)
    assert runner.run(LIST).stdout == fresh
    shown = "import subprocess; print(subprocess.check_output(['git', 'status', '--porcelain']))"
    assert runner.run(shown).stdout == b"b''\n"


KEEP = {
    "process": "import subprocess; subprocess.Popen(['sleep', '600'])",
    "shared memory": "import ctypes; ctypes.CDLL(None).shmget(7, 4096, 0o1600)",
    "link": f"import os; os.symlink('/etc', {str(TOP / 'to')!r})",
}


@pytest.mark.parametrize("keep", KEEP.values(), ids=KEEP)
def test_what_is_odd_is_found(
    place: Place,
    sandbox: ContainerSandbox,
    workspace: OverlayWorkspace,
    server: Server,
    keep: str,
) -> None:
    server.do(keep)
    with pytest.raises(SandboxError):
        undo(place, sandbox, workspace)


def test_a_sandbox_that_is_gone(
    sandbox: ContainerSandbox, place: Place, workspace: OverlayWorkspace
) -> None:
    sandbox.close()
    with pytest.raises(SandboxError):
        sandbox.clear()
    with pytest.raises(SandboxError):
        undo(place, sandbox, workspace)
