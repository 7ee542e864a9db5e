"""The guest: PID 1 of every sandbox, the only end of the pipe inside.

Standard library only, and no import of this package: its source is handed to the sandbox's own
Python (3.8 or newer) on the command line, so that nothing of ours has to be installed or mounted
there. It starts commands, carries TCP streams of the sandbox's loopback through the pipe in both
directions, reaps whatever is orphaned, and ends everything when the pipe closes or the host falls
silent.

The wire format is described in ``frames.py``. Never run this outside a container: it ends every
process it may signal.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import queue
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

HEADER = struct.Struct(">IBI")
MAX_PAYLOAD = 256 * 1024
WINDOW = 1024 * 1024
CREDIT_STEP = WINDOW // 4
FIRST_GUEST_CHANNEL = 1 << 31
SPAWN, DIAL, DATA, EOF, CLOSE, KILL, CREDIT, LISTEN, PING, CLEAR = range(1, 11)
HELLO, ACCEPT, OPENED, STDERR, REPORT, EXIT, FAIL = range(16, 23)

CHUNK = 64 * 1024
REPORT_DESCRIPTOR = 3
HOST_SILENCE = 60  # seconds without a word from the host before everything here is ended
DRAIN = 2.0  # seconds that a dead command's pipes may take to run dry
KILLED_TIMEOUT = 15.0  # seconds for what was killed with it to end; less than the host waits
SWITCH_INTERVAL = 0.0005  # seconds; threads here hand small pieces to one another all the time
PR_SET_DUMPABLE = 4
F_SETPIPE_SZ = 1031
PIPE_SIZE = 1024 * 1024  # bytes; the kernel's limit for ordinary users
COMMAND_OOM_SCORE = b"500"  # of 1000: beside it the guest's own memory does not count
OOM_FILES = (
    "/sys/fs/cgroup/memory.events",
    "/sys/fs/cgroup/memory/memory.oom_control",
)
# Errors of starting something; a RuntimeError is a thread that the kernel refused.
START_ERRORS = (OSError, ValueError, KeyError, RuntimeError, subprocess.SubprocessError)


class FrameWriter:
    """The pipe's guest end: framed writes under a lock, framed reads."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._buffer = bytearray()
        for end in (source, sink):
            widen(end)

    def send(self, kind: int, channel: int, payload: bytes = b"") -> None:
        """Write one frame."""
        with self._lock:
            view = memoryview(HEADER.pack(len(payload), kind, channel) + payload)
            while view:
                view = view[os.write(self._sink, view) :]

    def send_json(self, kind: int, channel: int, value: object) -> None:
        """Write one frame that carries ``value``."""
        self.send(kind, channel, json.dumps(value).encode())

    def receive(self) -> tuple[int, int, bytes]:
        """Wait for a frame: kind, channel, payload; ``EOFError`` when the host is gone."""
        length, kind, channel = HEADER.unpack(self._read(HEADER.size))
        return kind, channel, self._read(length)

    def _read(self, count: int) -> bytes:
        while len(self._buffer) < count:
            part = os.read(self._source, MAX_PAYLOAD)
            if not part:
                raise EOFError
            self._buffer += part
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data


class OomScore:
    """The score that makes the kernel end the commands, not the guest, when memory is used up.

    A child inherits the score, so it is raised while a command is started: written afterwards it
    would miss what has forked by then, and for a moment the kernel lets nobody write it. For as
    long the guest has it too, which matters only if another command fills the memory just then.
    The file is opened early, while we may still open files of our own below /proc.
    """

    def __init__(self) -> None:
        self._file = -1
        self._own = b"0"
        with contextlib.suppress(OSError):
            self._file = os.open("/proc/self/oom_score_adj", os.O_RDWR)
            self._own = os.pread(self._file, 16, 0)

    @contextlib.contextmanager
    def raised(self) -> Iterator[None]:
        """Let the kernel end first what is started in here."""
        self._write(COMMAND_OOM_SCORE)
        try:
            yield
        finally:
            self._write(self._own)

    def _write(self, score: bytes) -> None:
        with contextlib.suppress(OSError):
            os.pwrite(self._file, score, 0)


class Reaper:
    """Waits for every child, ours and the orphans; hands the status of ours to who started it."""

    def __init__(self, score: OomScore) -> None:
        self._score = score
        self._lock = threading.Lock()  # held: no child is reaped, so no process number is reused
        self._ours: dict[int, Callable[[int], None]] = {}
        self._has_launched = threading.Event()

    def launch(
        self, start: Callable[[], subprocess.Popen[bytes]], ended: Callable[[int], None]
    ) -> subprocess.Popen[bytes]:
        """Start a process; ``ended`` gets its wait status, in the reaper's thread."""
        with self._lock, self._score.raised():
            process = start()
            self._ours[process.pid] = ended
        self._has_launched.set()
        return process

    def kill(self, pid: int) -> None:
        """End the session of a child of ours, unless it has ended."""
        with self._lock:
            if pid in self._ours:
                kill_session(pid)

    def run(self) -> None:
        """Reap for ever."""
        while True:
            try:
                dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
            except ChildProcessError:
                self._has_launched.clear()
                self._has_launched.wait(0.05)
                continue
            if dead is not None:
                self._reap(dead.si_pid)

    def _reap(self, pid: int) -> None:
        with self._lock:
            ended = self._ours.pop(pid, None)
            if ended is not None:
                kill_session(pid)  # what it left in the background goes with it
            try:
                _, status = os.waitpid(pid, 0)
            except ChildProcessError:
                return  # a program that could not be executed: Popen itself took its child
        if ended is not None:
            ended(status)


class GuestCommand:
    """One running command: its three output streams, its stdin, its end."""

    def __init__(self, guest: Guest, channel: int) -> None:
        self.guest = guest
        self.channel = channel
        self.stdin: queue.Queue[bytes | None] = queue.Queue()
        self.process: subprocess.Popen[bytes] | None = None
        self._oom_before = oom_kills()
        self._streams: dict[int, IO[bytes] | None] = {}
        self._readers: list[threading.Thread] = []
        self._is_settled = threading.Event()  # it has been started, or will never be
        self._code = 0
        self._has_ended = threading.Event()

    def start(self, order: dict[str, Any]) -> None:
        """Start a thread for each of its streams, and then the process.

        In that order, because what runs may take every process number there is within its first
        millisecond, and would be reported as a command that could not be started.
        """
        report = open_report() if order["report"] else None
        try:
            self._start_threads((DATA, STDERR, REPORT) if report else (DATA, STDERR))
            self.process = process = self.guest.reaper.launch(lambda: popen(order), self._end)
            self._streams = {DATA: process.stdout, STDERR: process.stderr, REPORT: report}
        except BaseException:
            if report is not None:
                report.close()
            raise
        finally:
            self._is_settled.set()
            reserve_report_descriptor()

    def kill(self) -> None:
        """End it and what is in its session."""
        if self.process is not None:
            self.guest.reaper.kill(self.process.pid)

    def _start_threads(self, kinds: tuple[int, ...]) -> None:
        self._readers = [thread(self._pump, kind) for kind in kinds]
        thread(self._feed_stdin)
        thread(self._finish)

    def _pump(self, kind: int) -> None:
        self._is_settled.wait()
        source = self._streams.get(kind)
        if source is None:
            return
        with contextlib.suppress(OSError), source:
            while True:
                data = source.read(CHUNK)
                if not data:
                    return
                self.guest.wire.send(kind, self.channel, data)

    def _feed_stdin(self) -> None:
        self._is_settled.wait()
        if self.process is None or self.process.stdin is None:
            return
        with contextlib.suppress(OSError), self.process.stdin as pipe:
            while True:
                data = self.stdin.get()
                if data is None:
                    return
                view = memoryview(data)
                while view:
                    view = view[pipe.write(view) :]

    def _end(self, status: int) -> None:
        self._code = exit_code(status)
        self._has_ended.set()

    def _finish(self) -> None:
        """Wait for the end and report it."""
        self._is_settled.wait()
        if self.process is None:
            return
        self._has_ended.wait()
        self.process.returncode = self._code
        self.guest.forget_command(self.channel)
        self.stdin.put(None)
        self.guest.wait_for_killed(time.monotonic() + KILLED_TIMEOUT)
        until = time.monotonic() + DRAIN
        for reader in self._readers:
            reader.join(max(0.0, until - time.monotonic()))
        is_oom = oom_kills() > self._oom_before
        with contextlib.suppress(OSError):
            self.guest.wire.send_json(EXIT, self.channel, {"code": self._code, "oom": is_oom})


class Tunnel:
    """One TCP stream of the sandbox's loopback, carried through the pipe."""

    def __init__(self, guest: Guest, channel: int, connection: socket.socket) -> None:
        self.inbox: queue.Queue[bytes | None] = queue.Queue()
        self._guest = guest
        self._channel = channel
        self._connection = connection
        self._credit = WINDOW
        self._has_credit = threading.Condition()
        self._is_closed = False
        self._sender: threading.Thread | None = None

    def start(self) -> None:
        """Carry bytes in both directions."""
        self._sender = thread(self._carry_in)
        thread(self._carry_out)

    def grant(self, count: int) -> None:
        """Let ``count`` more bytes be sent to the host."""
        with self._has_credit:
            self._credit += count
            self._has_credit.notify_all()

    def close(self) -> None:
        """Send what is still in the inbox, then end both directions."""
        with self._has_credit:
            self._is_closed = True
            self._has_credit.notify_all()
        self.inbox.put(None)
        thread(self._hang_up)

    def _take_credit(self, limit: int) -> int:
        with self._has_credit:
            while self._credit <= 0 and not self._is_closed:
                self._has_credit.wait()
            return 0 if self._is_closed else min(limit, self._credit)

    def _carry_out(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                room = self._take_credit(CHUNK)
                data = self._connection.recv(room) if room else b""
                if not data:
                    break
                self.grant(-len(data))
                self._guest.wire.send(DATA, self._channel, data)
        with contextlib.suppress(OSError):
            self._guest.wire.send(EOF, self._channel)

    def _carry_in(self) -> None:
        taken = 0
        try:
            while True:
                data = self.inbox.get()
                if data is None:
                    break
                self._connection.sendall(data)
                taken += len(data)
                if taken >= CREDIT_STEP:
                    self._guest.wire.send(CREDIT, self._channel, struct.pack(">I", taken))
                    taken = 0
            self._connection.shutdown(socket.SHUT_WR)
        except OSError:
            with contextlib.suppress(OSError):
                self._guest.wire.send(CLOSE, self._channel)

    def _hang_up(self) -> None:
        if self._sender is not None:
            self._sender.join(DRAIN)
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


class Guest:
    """Takes the host's orders one after another."""

    def __init__(self, wire: FrameWriter, score: OomScore) -> None:
        self.wire = wire
        self.reaper = Reaper(score)
        self._lock = threading.Lock()
        self._commands: dict[int, GuestCommand] = {}
        self._tunnels: dict[int, Tunnel] = {}
        self._servers: dict[socket.socket, threading.Thread] = {}  # and who accepts for them
        self._next_channel = FIRST_GUEST_CHANNEL
        self._silence = 0  # seconds, of those in which the sandbox was not frozen

    def run(self) -> None:
        """Serve the host until the pipe closes: ``EOFError`` or ``OSError``."""
        thread(self.reaper.run)
        thread(self._watch_host)
        self.wire.send_json(HELLO, 0, {"python": sys.version.split()[0], "pid": os.getpid()})
        while True:
            kind, channel, payload = self.wire.receive()
            self._silence = 0
            try:
                self._obey(kind, channel, payload)
            except START_ERRORS as error:
                self.wire.send(FAIL, channel, str(error).encode("utf-8", "replace")[:4096])

    def _watch_host(self) -> None:
        while self._silence < HOST_SILENCE:
            time.sleep(1)
            self._silence += 1
        os._exit(3)

    def _obey(self, kind: int, channel: int, payload: bytes) -> None:
        if kind == SPAWN:
            self._spawn(channel, json.loads(payload))
        elif kind == DIAL:
            thread(self._dial, channel, json.loads(payload))
        elif kind == LISTEN:
            self._listen(channel, json.loads(payload))
        elif kind in (DATA, EOF):
            self._deliver(kind, channel, payload)
        elif kind == CREDIT:
            self._grant(channel, payload)
        elif kind == CLOSE:
            self._close(channel)
        elif kind == KILL:
            self._kill(channel)
        elif kind == CLEAR:
            thread(self._clear, channel)

    def _spawn(self, channel: int, order: dict[str, Any]) -> None:
        command = GuestCommand(self, channel)
        try:
            with self._lock:  # or a sweep might take the command before it is known
                command.start(order)
                self._commands[channel] = command
        except START_ERRORS as error:
            code = 127 if isinstance(error, FileNotFoundError) else 126
            self.wire.send(STDERR, channel, f"{error}\n".encode("utf-8", "replace"))
            self.wire.send_json(EXIT, channel, {"code": code, "oom": False})

    def forget_command(self, channel: int) -> None:
        """Drop a command that has ended, and end what escaped its session."""
        with self._lock:
            self._commands.pop(channel, None)
        self._sweep(spare=None)

    def wait_for_killed(self, until: float) -> None:
        """Wait for those that were swept: the next command needs the room they take."""
        while not self._commands and has_children() and time.monotonic() < until:
            time.sleep(0.005)

    def _kill(self, channel: int) -> None:
        command = self._commands.get(channel)
        if command is not None:
            command.kill()
            self._sweep(spare=channel)

    def _sweep(self, spare: int | None) -> None:
        """End what escaped its session, once no other command is running beside it."""
        with self._lock:
            if all(channel == spare for channel in self._commands):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)

    def _dial(self, channel: int, order: dict[str, Any]) -> None:
        try:
            connection = socket.create_connection(("127.0.0.1", order["port"]), order["timeout"])
        except OSError as error:
            self.wire.send(FAIL, channel, str(error).encode("utf-8", "replace"))
            return
        connection.settimeout(None)
        self._add_tunnel(channel, connection, OPENED)

    def _clear(self, channel: int) -> None:
        """End all that commands have started, and listen no more; what waits there is reset."""
        for server, accepting in self._servers.items():
            server.shutdown(socket.SHUT_RDWR)
            accepting.join()  # what it had accepted has been told by now
            server.close()
        self._servers.clear()
        with self._lock:  # of what came from inside; the host has let go of it
            left = [number for number in self._tunnels if number >= FIRST_GUEST_CHANNEL]
            tunnels = [self._tunnels.pop(number) for number in left]
        for tunnel in tunnels:
            tunnel.close()
        if self._end_all_but_commands(time.monotonic() + KILLED_TIMEOUT):
            self.wire.send(OPENED, channel)
        else:
            self.wire.send(FAIL, channel, b"processes do not end")

    def _end_all_but_commands(self, until: float) -> bool:
        with self._lock:  # no command is started meanwhile
            processes = [command.process for command in self._commands.values()]
            spared = {os.getpid(), *(process.pid for process in processes if process is not None)}
            while others := running_processes() - spared:
                for pid in others:
                    with contextlib.suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
                if time.monotonic() > until:
                    return False
                time.sleep(0.005)
        return True

    def _listen(self, channel: int, order: dict[str, Any]) -> None:
        server = socket.create_server(("127.0.0.1", order["port"]), backlog=64)
        self._servers[server] = thread(self._accept, server)
        self.wire.send(OPENED, channel)

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError as error:
                if error.errno == errno.EINVAL:
                    return  # it listens no more
                time.sleep(0.1)  # out of descriptors, for example: that passes
                continue
            with self._lock:
                channel = self._next_channel
                self._next_channel += 1
            self._add_tunnel(channel, connection, ACCEPT)

    def _add_tunnel(self, channel: int, connection: socket.socket, word: int) -> None:
        # Answers come in small pieces; held back for an acknowledgement, each would wait 40 ms.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tunnel = Tunnel(self, channel, connection)
        with self._lock:
            self._tunnels[channel] = tunnel
        self.wire.send(word, channel)
        try:
            tunnel.start()
        except RuntimeError:
            connection.close()
            self.wire.send(CLOSE, channel)

    def _deliver(self, kind: int, channel: int, payload: bytes) -> None:
        command = self._commands.get(channel)
        tunnel = self._tunnels.get(channel)
        inbox = command.stdin if command else tunnel.inbox if tunnel else None
        if inbox is not None:
            inbox.put(payload if kind == DATA else None)

    def _grant(self, channel: int, payload: bytes) -> None:
        tunnel = self._tunnels.get(channel)
        if tunnel is not None:
            tunnel.grant(struct.unpack(">I", payload)[0])

    def _close(self, channel: int) -> None:
        with self._lock:
            tunnel = self._tunnels.pop(channel, None)
        if tunnel is not None:
            tunnel.close()


def popen(order: dict[str, Any]) -> subprocess.Popen[bytes]:
    """Start what the host ordered, in a session of its own."""
    return subprocess.Popen(
        order["argv"],
        cwd=order["cwd"],
        env=order["env"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        bufsize=0,
        pass_fds=(REPORT_DESCRIPTOR,) if order["report"] else (),
    )


def widen(pipe: int) -> None:
    """Let a pipe hold more than a few frames, where it is one and the kernel allows it."""
    with contextlib.suppress(OSError):
        fcntl.fcntl(pipe, F_SETPIPE_SZ, PIPE_SIZE)


def running_processes() -> set[int]:
    """Return the numbers of all processes in the sandbox."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()}


def has_children() -> bool:
    """Return whether the guest has any child left, those that wait to be reaped included."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def kill_session(pid: int) -> None:
    """End the process group that ``pid`` leads."""
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


def exit_code(status: int) -> int:
    """Decode a wait status: the exit code, or minus the signal's number (Python 3.8 cannot)."""
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def open_report() -> IO[bytes]:
    """Put a new pipe's write end at the report descriptor, ready to be inherited once."""
    report_read, report_write = os.pipe()
    os.dup2(report_write, REPORT_DESCRIPTOR)
    os.close(report_write)
    return open(report_read, "rb", 0)


def reserve_report_descriptor() -> None:
    """Occupy the number that a command inherits, so that nothing of the guest's lands on it."""
    null = os.open(os.devnull, os.O_WRONLY)
    if null != REPORT_DESCRIPTOR:
        os.dup2(null, REPORT_DESCRIPTOR, inheritable=False)
        os.close(null)


def oom_kills() -> int:
    """Count the processes of this container that the kernel has killed for memory so far."""
    for path in OOM_FILES:
        try:
            with open(path) as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def thread(target: Callable[..., None], *arguments: object) -> threading.Thread:
    """Start a thread that does not keep the guest alive."""
    started = threading.Thread(target=target, args=arguments, daemon=True)
    started.start()
    return started


def keep_others_out() -> None:
    """Keep processes of the same user from opening our memory through /proc and interrupting us.

    The kernel lets nobody in a container signal its PID 1 unless that has a handler, and Python
    has one for SIGINT.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


def take_pipe() -> tuple[int, int]:
    """Move the pipe away from descriptors 0 and 1, so that no child can inherit it."""
    reserve_report_descriptor()
    source = os.dup(0)
    sink = os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    return source, sink


def main() -> None:
    """Serve one host, then end everything."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    wire = FrameWriter(*take_pipe())
    score = OomScore()
    keep_others_out()
    os.makedirs("/tmp/home", exist_ok=True)
    guest = Guest(wire, score)
    try:
        guest.run()
    except (EOFError, OSError):
        os._exit(0)


if __name__ == "__main__":
    main()
