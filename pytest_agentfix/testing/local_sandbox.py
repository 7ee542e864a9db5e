"""A sandbox double without isolation: local subprocesses in a plain folder.

It fulfils the contract of ``ports.Sandbox`` but isolates nothing, so it is for tests with trusted
code. Paths in it are the same as outside, except that the folder itself can appear at another
place, by a mount in each command's own namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.ports import Command, Completed, Stream
from pytest_agentfix.core.progress import FindWork, ProgressWait, Work, find_nothing, wait_for

_CHUNK: Final = 64 * 1024
_TAIL: Final = 4_000  # bytes of each stream that ``tail`` shows
_DRAIN: Final = 5.0  # seconds to drain the pipes of a dead command
_REPORT: Final = 3
_NOT_FOUND, _NOT_STARTED = 127, 126


class LocalSandbox:
    """Implements ``ports.Sandbox`` around ``folder``; ``collect`` stands in for the comparison.

    Commands see the folder at ``place``, which has to be a folder too, where that is given.
    """

    def __init__(
        self,
        folder: Path,
        *,
        collect: Callable[[], Collected] = Collected,
        place: Path | None = None,
    ) -> None:
        self.folder = folder
        self._collect = collect
        self._place = place
        self._processes: list[_LocalProcess] = []

    def __enter__(self) -> LocalSandbox:  # noqa: PYI034 - Self came with Python 3.11
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, command: Command, *, timeout: float, at_most: float | None = None) -> Completed:
        """Run to its end, or kill it after ``timeout`` seconds, or ``at_most`` under load."""
        longest = timeout if at_most is None else at_most
        return self.start(command).wait(timeout, at_most=longest, find_work=self.find_work)

    def find_work(self) -> Work | None:
        """Return the processor seconds of all that was started here and is still running."""
        return Work(sum(process.find_seconds() for process in self._processes))

    def start(self, command: Command) -> _LocalProcess:
        """Start ``command`` in the background."""
        process = self.begin(command)
        process.feed(command.stdin)
        return process

    def begin(self, command: Command) -> _LocalProcess:
        """Start ``command`` without its stdin: it waits until it is fed."""
        if self._place is not None:
            command = _mounted(command, self.folder, self._place)
        process = _LocalProcess(command)
        self._processes.append(process)
        return process

    def dial(self, port: int, *, timeout: float) -> Stream:
        """Connect to a port of this machine's loopback."""
        connection = socket.create_connection(("127.0.0.1", port), timeout)
        return _SocketStream(connection)

    def collect(self) -> Collected:
        """Return the result of the ``collect`` function given to the constructor."""
        return self._collect()

    def end(self) -> None:
        """Kill every command."""
        self.close()

    def close(self) -> None:
        """Kill every command; the folder belongs to the test."""
        for process in self._processes:
            process.kill()


def _count_ticks(file: Path, group: int) -> int:
    """Return the processor time of a process and its former children, if it is of the group."""
    try:
        fields = file.read_text(encoding="latin-1").rpartition(")")[2].split()
    except OSError:  # it has ended
        return 0
    return sum(map(int, fields[11:15])) if int(fields[2]) == group else 0


class _Kept:
    """The first and last half of a stream, within a limit of bytes."""

    def __init__(self, limit: int) -> None:
        self._half = max(1, limit // 2)
        self._head = bytearray()
        self._tail = bytearray()

    def add(self, data: bytes) -> None:
        left = self._half - len(self._head)
        self._head += data[:left]
        self._tail += data[left:]
        del self._tail[: -self._half]

    def read(self) -> bytes:
        return bytes(self._head + self._tail)


class _LocalProcess:
    """Implements ``ports.Process``; ``wait`` makes it a ``Completed``."""

    def __init__(self, command: Command) -> None:
        self._started = time.monotonic()
        self._stdout = _Kept(command.output_limit)
        self._stderr = _Kept(command.output_limit)
        self._report = bytearray()
        self._report_limit = command.report_limit
        self._is_report_cut = False
        self._threads: list[threading.Thread] = []
        self._failure = 0
        self._is_over = False  # then its process id may be reused
        self._popen: subprocess.Popen[bytes] | None = None
        self._spawn(command)

    def feed(self, stdin: bytes) -> None:
        self._started = time.monotonic()
        if self._popen is not None:
            sink, self._popen.stdin = self._popen.stdin, None
            assert sink is not None
            self._launch(_feed, sink, stdin)

    def is_running(self) -> bool:
        return self._popen is not None and self._popen.poll() is None

    def kill(self) -> None:
        if self._popen is None or self._is_over:
            return
        if self._popen.poll() is None or self._has_group():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.wait()
        if self._popen.stdin is not None:  # it was never fed
            self._popen.stdin.close()
        self._is_over = True

    def _has_ended_in(self, seconds: float) -> bool:
        assert self._popen is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(seconds)
        return self._popen.returncode is not None

    def tail(self) -> str:
        kept = self._stdout.read()[-_TAIL:] + self._stderr.read()[-_TAIL:]
        return kept.decode(errors="replace")

    def find_seconds(self) -> float:
        if self._popen is None:
            return 0.0
        ticks = sum(
            _count_ticks(file, self._popen.pid) for file in Path("/proc").glob("[0-9]*/stat")
        )
        return ticks / os.sysconf("SC_CLK_TCK")

    def wait(
        self, timeout: float, *, at_most: float | None = None, find_work: FindWork = find_nothing
    ) -> Completed:
        is_timed_out = False
        if self._popen is not None:
            patience = ProgressWait(seconds=timeout, find_work=find_work)
            longest = timeout if at_most is None else at_most
            is_timed_out = not wait_for(self._has_ended_in, patience, at_most=longest)
        self.kill()
        self._drain()
        return Completed(
            code=self._failure if self._popen is None else self._popen.returncode,
            stdout=self._stdout.read(),
            stderr=self._stderr.read(),
            report=bytes(self._report),
            seconds=time.monotonic() - self._started,
            is_timed_out=is_timed_out,
            is_report_cut=self._is_report_cut,
        )

    def _spawn(self, command: Command) -> None:
        with _report_pipe(has_report=command.has_report) as (source, sink):
            try:
                popen = _open(command, sink)
            except FileNotFoundError as error:
                self._refuse(_NOT_FOUND, f"{error.filename}: not found\n")
                return
            except OSError as error:
                self._refuse(_NOT_STARTED, f"{error}\n")
                return
            self._popen = popen  # before any thread that may have to kill it
            if source is not None:
                self._launch(self._pump_report, os.dup(source))
        assert popen.stdout is not None
        assert popen.stderr is not None
        self._launch(_pump, popen.stdout, self._stdout)
        self._launch(_pump, popen.stderr, self._stderr)

    def _refuse(self, code: int, message: str) -> None:
        self._failure = code
        self._stderr.add(message.encode(errors="replace"))

    def _launch(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self._threads.append(thread)

    def _pump_report(self, descriptor: int) -> None:
        with open(descriptor, "rb", buffering=0) as source:
            while data := source.read(_CHUNK):
                left = self._report_limit - len(self._report)
                self._report += data[:left]
                if len(data) > left:
                    self._is_report_cut = True
                    self.kill()

    def _drain(self) -> None:
        until = time.monotonic() + _DRAIN
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _has_group(self) -> bool:
        assert self._popen is not None
        try:
            os.killpg(self._popen.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True


class _SocketStream:
    """Implements ``ports.Stream`` over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, timeout: float | None = None) -> bytes:
        self._connection.settimeout(timeout)
        try:
            return self._connection.recv(_CHUNK)
        except TimeoutError:
            raise
        except ConnectionError:
            return b""
        except OSError as error:
            raise SandboxError(f"The stream broke: {error}.", "Run the test again.") from error

    def write(self, data: bytes) -> None:
        self._connection.settimeout(None)
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise BrokenPipeError(*error.args) from error

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


@contextlib.contextmanager
def _report_pipe(*, has_report: bool) -> Iterator[tuple[int | None, int | None]]:
    """Open a pipe whose writing end is not descriptor 3, which the child needs."""
    if not has_report:
        yield None, None
        return
    source, low = os.pipe()
    sink = fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, _REPORT + 1)
    os.close(low)
    try:
        yield source, sink
    finally:
        os.close(source)
        os.close(sink)


def _mounted(command: Command, folder: Path, place: Path) -> Command:
    """Return ``command`` with a namespace of its own, in which ``folder`` is at ``place``."""
    unshare, mount, env = map(_find_program, ("unshare", "mount", "env"))
    # The shell's own variables are not the command's.
    kept = [] if "PWD" in command.env else ["-u", "PWD", "-u", "OLDPWD"]
    steps = f'"{mount}" --bind "$1" "$2" && shift 2 && exec "{env}" {" ".join(kept)} "$@"'
    namespace = [unshare, "--mount", *(["--map-root-user"] if os.getuid() else [])]
    shell = ["/bin/sh", "-c", steps, "sh", str(folder), str(place)]
    argv = [*namespace, *shell, f"--chdir={command.cwd}", *command.argv]
    return replace(command, argv=argv, cwd=Path("/"))


def _find_program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise SandboxError(f"There is no {name} on PATH.", "Install util-linux and coreutils.")
    return found


def _open(command: Command, sink: int | None) -> subprocess.Popen[bytes]:
    def claim_three() -> None:
        assert sink is not None
        os.dup2(sink, _REPORT)

    return subprocess.Popen(
        list(command.argv),
        cwd=command.cwd,
        env=dict(command.env),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
        start_new_session=True,
        pass_fds=() if sink is None else (_REPORT,),
        preexec_fn=None if sink is None else claim_three,  # noqa: PLW1509 - one dup2, no locks
    )


def _pump(source: IO[bytes], kept: _Kept) -> None:
    with source:
        while data := source.read(_CHUNK):
            kept.add(data)


def _feed(sink: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError):
        view = memoryview(data)
        while view:
            view = view[sink.write(view) :]
    with contextlib.suppress(OSError):
        sink.close()
