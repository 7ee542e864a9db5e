"""A sandbox on a real engine: what is inside cannot get out, nor hurt what is outside."""

from __future__ import annotations

import dataclasses
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet, Collected, FileChange
from pytest_agentfix.core.ports import Stream
from pytest_agentfix.sandbox import container, pipe
from pytest_agentfix.sandbox import engine as engine_module
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.guest_source import read_source
from pytest_agentfix.sandbox.in_sandbox import guest
from pytest_agentfix.sandbox.loopback import has_ipv6_loopback
from tests.engine.sandbox_kit import Place, WrongEngine
from tests.kits.sandbox_contract import CodeRunner

FEW_PROCESSES = {"PidsLimit": 200}  # out of consideration for the machine's other users
SMALL_MEMORY = {"Memory": 100 << 20, "MemorySwap": 100 << 20}


@pytest.fixture
def runner(place: Place) -> CodeRunner:
    return place.runner()


@pytest.fixture
def host_port() -> Iterator[int]:
    """A port that the host listens on, on all of its addresses."""
    with socket.create_server(("", 0)) as server:
        yield server.getsockname()[1]


def _host_addresses() -> list[str]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, only chooses a route
        except OSError:
            return ["127.0.0.1", "172.17.0.1"]
        return ["127.0.0.1", "172.17.0.1", probe.getsockname()[0]]


REACH_OUT = """
import json, socket, sys
port, hosts = json.load(sys.stdin)
reached = []
def attempt(name, function):
    try:
        function()
    except OSError:
        return
    reached.append(name)
def talk(family, kind, address):
    with socket.socket(family, kind) as connection:
        connection.settimeout(2)
        connection.connect(address)
        connection.send(b"x")
for host in (*hosts, "169.254.169.254", "192.0.2.1"):
    attempt(f"tcp {host}", lambda: talk(socket.AF_INET, socket.SOCK_STREAM, (host, port)))
for host in (*hosts[1:], "192.0.2.1"):
    attempt(f"udp {host}", lambda: talk(socket.AF_INET, socket.SOCK_DGRAM, (host, 53)))
for host in ("2001:db8::1", "fe80::1%eth0", "ff02::1"):
    attempt(f"udp {host}", lambda: talk(socket.AF_INET6, socket.SOCK_DGRAM, (host, 53)))
    attempt(f"tcp {host}", lambda: talk(socket.AF_INET6, socket.SOCK_STREAM, (host, 443)))
for name in ("example.com", "host.docker.internal", "gateway.docker.internal"):
    attempt(f"dns {name}", lambda: socket.getaddrinfo(name, 443))
for family in (socket.AF_INET, socket.AF_PACKET):
    attempt(f"raw {family}", lambda: socket.socket(family, socket.SOCK_RAW, 1).close())
attempt("abstract", lambda: talk(socket.AF_UNIX, socket.SOCK_STREAM, "\\0/run/containerd"))
print(reached)
"""


def test_there_is_no_way_out_by_network(runner: CodeRunner, host_port: int) -> None:
    hosts = json.dumps([host_port, _host_addresses()]).encode()
    done = runner.run(REACH_OUT, stdin=hosts)
    assert (done.stdout, done.stderr) == (b"[]\n", b"")


BIND_IPV6 = """
import socket
with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
    with socket.create_connection(server.getsockname()[:2]) as client:
        client.sendall(b"by ::1")
        connection, _ = server.accept()
        with connection:
            print(connection.recv(9).decode())
with open("/proc/net/if_inet6") as table:
    print([line.split()[-1] for line in table])
"""


def test_the_loopback_has_both_addresses_where_the_host_has_them(runner: CodeRunner) -> None:
    if not has_ipv6_loopback():
        pytest.skip("this machine has no ::1")
    done = runner.run(BIND_IPV6)
    assert (done.stdout, done.stderr) == (b"by ::1\n['lo']\n", b"")


@pytest.mark.parametrize("parameter", ["net.ipv6.conf.all.disable_ipv6x", "net.ipv6.nowhere"])
def test_an_engine_that_cannot_give_it_starts_without(
    place: Place, monkeypatch: pytest.MonkeyPatch, parameter: str
) -> None:
    monkeypatch.setattr(engine_module, "has_ipv6_loopback", lambda: True)
    monkeypatch.setattr(engine_module, "WITH_IPV6", {parameter: "0"})
    engine = Engine.connect()
    for _ in range(2):
        runner = place.runner(place.open(engine=engine))
        assert runner.run("print('up')").stdout == b"up\n"
    assert len(place.containers()) == 2
    engine.close()


ATTACK_GUEST = """
import ctypes, os, signal
print(os.getpid() != 1)
for name in ("mem", "environ", "maps", "fd", "fd/0", "fd/1", "fd/4", "fd/5", "fdinfo", "cwd",
             "root", "map_files", "stack", "syscall", "io"):
    path = f"/proc/1/{name}"
    for attempt in (lambda: os.listdir(path), lambda: os.readlink(path), lambda: open(path, "rb"),
                    lambda: open(path, "wb")):
        try:
            attempt()
        except OSError:
            continue
        print("got at", path)
PTRACE_ATTACH = 16
print(ctypes.CDLL(None).ptrace(PTRACE_ATTACH, 1, 0, 0))
for number in set(signal.Signals) - {signal.SIGCHLD}:
    try:
        os.kill(1, number)
    except OSError:
        pass
"""


def test_the_guest_cannot_be_got_at_from_inside(runner: CodeRunner) -> None:
    done = runner.run(ATTACK_GUEST)
    assert (done.stdout, done.stderr) == (b"True\n-1\n", b"")
    assert runner.run("print('still here')").stdout == b"still here\n"


def test_what_runs_has_none_of_the_guests_descriptors(runner: CodeRunner) -> None:
    code = (
        "import os\n"
        "names = [(fd, os.readlink(f'/proc/self/fd/{fd}')) for fd in os.listdir('/proc/self/fd')\n"
        "         if os.path.exists(f'/proc/self/fd/{fd}')]\n"
        "print(sorted(int(fd) for fd, _ in names if fd not in '012'))\n"
    )
    assert runner.run(code).stdout == b"[]\n"
    assert runner.run(code, has_report=True).stdout == b"[3]\n"


def test_only_the_workspace_and_temporary_folders_can_be_written(runner: CodeRunner) -> None:
    code = (
        "import os\n"
        "for top, folders, _ in os.walk('/'):\n"
        "    folders[:] = [name for name in folders if name not in ('proc', 'sys')]\n"
        "    if top.count('/') > 1: folders.clear()\n"
        "    if os.access(top, os.W_OK): print(top)\n"
    )
    writable = set(runner.run(code).stdout.decode().splitlines())
    assert writable == {"/dev/mqueue", "/dev/shm", "/tmp", "/tmp/home", str(runner.folder)}


def test_a_fork_bomb_is_bounded_and_ended(place: Place) -> None:
    runner = place.runner(place.open(engine=WrongEngine(FEW_PROCESSES)))
    code = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    done = runner.run(code, timeout=1.0)
    assert (done.code, done.is_timed_out) == (-9, True)
    count = "import os; print(len([name for name in os.listdir('/proc') if name.isdigit()]))"
    assert runner.run(count).stdout == b"2\n"  # the guest and this one


def test_a_command_that_leaves_no_room_at_once_has_been_started(place: Place) -> None:
    """A shell takes every process there is before the guest does anything else."""
    runner = place.runner(place.open(engine=WrongEngine({"PidsLimit": 24})))
    bomb = "bomb() { echo on; bomb & bomb & }; bomb"
    command = dataclasses.replace(runner.command(""), argv=["/bin/sh", "-c", bomb])
    ends = [runner.sandbox.run(command, timeout=10.0) for _ in range(10)]
    assert all(end.stdout.startswith(b"on\n") for end in ends), ends
    assert 126 not in {end.code for end in ends}


def test_a_fork_bomb_of_sessions_of_their_own_is_ended(place: Place) -> None:
    runner = place.runner(place.open(engine=WrongEngine(FEW_PROCESSES)))
    code = (
        "import os, time\n"
        "while True:\n"
        "    try: os.fork(); os.setsid()\n"
        "    except OSError: time.sleep(0.01)\n"
    )
    assert runner.run(code, timeout=1.0).is_timed_out
    assert runner.run("print('quiet again')").stdout == b"quiet again\n"


def test_a_sandbox_closes_in_the_middle_of_a_fork_bomb(place: Place) -> None:
    runner = place.runner(place.open(engine=WrongEngine(FEW_PROCESSES)))
    code = (
        "import os\nprint(1, flush=True)\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    )
    process = runner.sandbox.start(runner.command(code))
    while not process.tail():
        assert process.is_running()
    runner.sandbox.close()
    assert place.containers() == []


def test_running_out_of_memory_is_told_and_survived(place: Place) -> None:
    runner = place.runner(place.open(engine=WrongEngine(SMALL_MEMORY)))
    done = runner.run("print(1, flush=True); x = b'x' * (1 << 30)")
    assert (done.code, done.is_out_of_memory, done.stdout) == (-9, True, b"1\n")
    assert not runner.run("").is_out_of_memory


def test_what_runs_is_offered_before_the_guest_where_memory_ends(runner: CodeRunner) -> None:
    code = (
        "import time\n"
        "score = lambda pid: open(f'/proc/{pid}/oom_score_adj').read().strip()\n"
        "for _ in range(100):\n"
        "    if score(1) != score('self'): break  # the guest may still be at starting us\n"
        "    time.sleep(0.05)\n"
        "print(score('self'), score(1))\n"
    )
    assert runner.run(code).stdout == b"500 0\n"


def test_many_processes_that_run_out_of_memory_together(place: Place) -> None:
    runner = place.runner(place.open(engine=WrongEngine(SMALL_MEMORY)))
    code = (
        "import os, time\n"
        "for _ in range(50):\n"
        "    if os.fork() == 0:\n"
        "        x = b'x' * (4 << 20); time.sleep(100)\n"
        "os.wait()\n"
    )
    assert runner.run(code, timeout=30).is_out_of_memory
    assert runner.run("print('still here')").stdout == b"still here\n"


def test_the_temporary_folder_has_a_size(runner: CodeRunner) -> None:
    code = (
        "import os\n"
        "for name in ('/tmp', '/dev/shm'):\n"
        "    space = os.statvfs(name)\n"
        "    print(space.f_blocks * space.f_frsize <= 2 << 30)\n"
    )
    assert runner.run(code).stdout == b"True\nTrue\n"


def test_endless_output_is_capped(runner: CodeRunner) -> None:
    done = runner.run("import sys\nfor _ in range(50): sys.stdout.write('x' * 1_000_000)")
    assert done.code == 0
    assert 1_000_000 <= len(done.stdout) < 1_000_100
    assert b"[... 49000000 bytes left out ...]" in done.stdout


def test_codes_of_many_commands_and_orphans_are_not_mixed_up(runner: CodeRunner) -> None:
    orphans = (
        "import os, sys\n"
        "for _ in range(20):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork() == 0: os._exit(99)\n"
        "        os._exit(98)\n"
        "sys.exit(int(sys.stdin.read()))\n"
    )
    seen: dict[int, int] = {}

    def run(number: int) -> None:
        seen[number] = runner.run(orphans, stdin=str(number).encode()).code

    threads = [threading.Thread(target=run, args=(number,)) for number in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {number: number for number in range(24)}


def test_what_connects_inside_reaches_the_accept_handler(place: Place) -> None:
    def answer(stream: Stream) -> None:
        stream.write(b"to " + stream.read() + b"." * 3_000_000)
        stream.close()

    sandbox = place.open(accept=answer)
    sandbox.listen(4601)
    code = (
        "import socket\n"
        "def ask(name):\n"
        "    with socket.create_connection(('127.0.0.1', 4601)) as connection:\n"
        "        connection.sendall(name)\n"
        "        return b''.join(iter(lambda: connection.recv(65536), b''))\n"
        "for name in (b'one', b'two'):\n"
        "    answer = ask(name); print(answer[:6], len(answer))\n"
    )
    done = place.runner(sandbox).run(code)
    assert (done.stdout, done.stderr) == (b"b'to one' 3000006\nb'to two' 3000006\n", b"")


def test_a_port_that_is_taken_inside_is_a_sandbox_error(place: Place) -> None:
    sandbox = place.open()
    sandbox.listen(4601)
    with pytest.raises(SandboxError, match=r"cannot listen on its own port 4601 .*in use"):
        sandbox.listen(4601)


def test_two_sandboxes_at_once_do_not_meet(place: Place) -> None:
    boxes = [place.runner(), place.runner()]
    for number, runner in enumerate(boxes):
        runner.sandbox.listen(4601)  # type: ignore[attr-defined]
        runner.run(f"open('mine', 'w').write('{number}'); open('/tmp/mine{number}', 'w')")
    code = (
        "import os\n"
        "print(open('mine').read(), [name for name in os.listdir('/tmp') if 'mine' in name])\n"
    )
    assert [runner.run(code).stdout for runner in boxes] == [b"0 ['mine0']\n", b"1 ['mine1']\n"]
    assert len(place.containers()) == 2


def test_everything_stands_still_while_changes_are_read(place: Place) -> None:
    found = Collected(changes=ChangeSet({"a": FileChange(b"")}))
    seen: list[int] = []

    def read_changes() -> Collected:
        file = sandbox.workspace / "count"
        sizes = {file.stat().st_size for _ in range(1000)}
        seen.append(len(sizes))
        return found

    sandbox = place.open(read_changes=read_changes)
    runner = place.runner(sandbox)
    process = sandbox.start(
        runner.command(
            "f = open('count', 'wb', 0)\nwhile True: f.write(b'x'); print(1, flush=True)"
        )
    )
    while not process.tail():
        assert process.is_running()
    assert (sandbox.collect(), seen) == (found, [1])
    assert process.is_running()


def test_changes_that_cannot_be_read_do_not_leave_it_frozen(place: Place) -> None:
    def read_changes() -> Collected:
        raise OSError("on fire")

    sandbox = place.open(read_changes=read_changes)
    with pytest.raises(OSError, match="on fire"):
        sandbox.collect()
    assert place.runner(sandbox).run("print(1)").stdout == b"1\n"


def test_a_command_waits_for_its_stdin_while_others_come_and_go(place: Place) -> None:
    """So files can be written between the start of a judge's session and its order."""
    sandbox = place.open()
    runner = place.runner(sandbox)
    code = "import sys; words = sys.stdin.read(); print(words, open('there').read())"
    waiting = sandbox.begin(runner.command(code))
    assert runner.run("open('there', 'w').write('written')").code == 0
    assert waiting.is_running()
    waiting.feed(b"read")
    assert waiting.wait(60).stdout == b"read written\n"


def test_a_sandbox_that_has_ended_runs_nothing_and_can_still_be_removed(place: Place) -> None:
    sandbox = place.open()
    runner = place.runner(sandbox)
    sandbox.end()
    with pytest.raises(SandboxError):
        runner.run("print(1)")
    sandbox.close()
    assert place.containers() == []


def _shorten_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    source = read_source(guest).replace("HOST_SILENCE = 60", "HOST_SILENCE = 5")
    assert "HOST_SILENCE = 5" in source
    monkeypatch.setattr(container, "read_source", lambda _: source)


def test_a_silent_host_ends_the_sandbox(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _shorten_silence(monkeypatch)
    runner = place.runner()
    with pytest.raises(SandboxError, match="ended before its work did"):
        runner.run("import time; time.sleep(600)")


def test_time_in_which_it_is_frozen_is_no_silence(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    _shorten_silence(monkeypatch)
    monkeypatch.setattr(pipe, "PING_EVERY", 0.2)
    sandbox = place.open()
    place.engine.pause(sandbox.identity)
    threading.Event().wait(6.5)
    place.engine.unpause(sandbox.identity)
    assert place.runner(sandbox).run("print('still here')").stdout == b"still here\n"


def test_a_killed_container_is_a_sandbox_error_for_everyone(place: Place) -> None:
    runner = place.runner()
    assert isinstance(runner.sandbox, container.ContainerSandbox)
    runner.sandbox.listen(4601)
    process = runner.sandbox.start(runner.command("import time; time.sleep(600)"))
    place.engine.stop(runner.sandbox.identity)
    with pytest.raises(SandboxError):
        runner.run("print(1)")
    while process.is_running():
        pass
    with pytest.raises(SandboxError):
        runner.sandbox.dial(4602, timeout=5)
    with pytest.raises(SandboxError):
        runner.sandbox.collect()
    runner.sandbox.close()


def test_a_workspace_is_removed_with_its_sandbox(place: Place) -> None:
    sandbox = place.open()
    place.runner(sandbox).run(
        "import os; os.makedirs('a/b'); open('a/b/c', 'w'); os.chmod('a/b', 0); os.chmod('a', 0)"
    )
    path: Path = sandbox.workspace
    assert path.exists()
    sandbox.close()
    assert not path.exists()


def test_a_kept_sandbox_is_stopped_and_its_workspace_stays(place: Place) -> None:
    sandbox = place.open(is_kept=True)
    place.runner(sandbox).run("open('mine', 'w')")
    sandbox.close()
    assert place.containers() == [sandbox.identity]
    assert [path.name for path in sandbox.workspace.iterdir()] == ["mine"]
    place.engine.remove(sandbox.identity)
