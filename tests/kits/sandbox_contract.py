"""The contract of every ``ports.Sandbox``, passed by the double and by the real one alike.

Subclass ``SandboxContract`` as a ``Test*`` class and define the fixture ``make_runner``: a
callable that gives a fresh ``CodeRunner``; the fixture's own end closes the sandboxes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pytest_agentfix.core.ports import Command, Completed, Process, Sandbox, Stream
from tests.kits.gateway_kit import wait_for

TIMEOUT = 60.0


@dataclass(frozen=True, kw_only=True)
class CodeRunner:
    """Runs Python code in a sandbox, in a folder that can be written."""

    sandbox: Sandbox
    folder: Path
    python: str
    env: dict[str, str] = field(default_factory=dict)

    def command(self, code: str, **more: object) -> Command:
        settings: dict[str, object] = {"cwd": self.folder, "env": self.env, **more}
        return Command(argv=(self.python, "-I", "-c", code), **settings)  # type: ignore[arg-type]

    def run(self, code: str, *, timeout: float = TIMEOUT, **more: object) -> Completed:
        return self.sandbox.run(self.command(code, **more), timeout=timeout)


MakeRunner = Callable[[], CodeRunner]

# Tells the port it listens on, then sends back what it is sent, until the other side ends.
ECHO = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
connection, _ = server.accept()
while data := connection.recv(65536):
    connection.sendall(data)
connection.close()
"""

HANG_UP = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1], flush=True)
server.accept()[0].close()
"""

UNUSED_PORT = """
import socket
server = socket.create_server(("127.0.0.1", 0))
print(server.getsockname()[1])
"""


class SandboxContract:
    """The tests; ``make_runner`` comes from the subclass's module."""

    def test_exit_code_and_both_streams_are_kept_apart(self, make_runner: MakeRunner) -> None:
        code = "import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)"
        done = make_runner().run(code)
        assert (
            done.code,
            done.stdout,
            done.stderr,
            done.report,
        ) == (3, b"out\n", b"err\n", b"")
        assert not done.is_timed_out
        assert not done.is_out_of_memory
        assert not done.is_report_cut

    def test_success_is_zero(self, make_runner: MakeRunner) -> None:
        assert make_runner().run("").code == 0

    def test_seconds_are_told(self, make_runner: MakeRunner) -> None:
        assert make_runner().run("").seconds > 0

    def test_its_work_is_counted(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        before = runner.sandbox.find_work()
        busy = (
            "import time\n"
            "while time.process_time() < 0.5: pass\n"
            "print('done', flush=True)\n"
            "time.sleep(600)"
        )
        process = runner.sandbox.start(runner.command(busy, stdin=b""))
        wait_for(lambda: "done" in process.tail())
        after = runner.sandbox.find_work()
        assert before is not None
        assert after is not None
        assert after.seconds - before.seconds >= 0.4
        process.kill()

    def test_commands_follow_one_another(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        assert [runner.run(f"print({n})").stdout for n in range(3)] == [b"0\n", b"1\n", b"2\n"]

    def test_files_stay_between_commands(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        runner.run("open('left', 'w').write('here')")
        assert runner.run("print(open('left').read())").stdout == b"here\n"

    def test_first_and_last_half_of_long_output_are_kept(self, make_runner: MakeRunner) -> None:
        code = "import sys; sys.stdout.write('a' * 500 + 'b' * 5000 + 'c' * 500)"
        done = make_runner().run(code, output_limit=1000)
        assert done.stdout.startswith(b"a" * 500)
        assert done.stdout.endswith(b"c" * 500)
        assert len(done.stdout) < 1200

    def test_large_output_does_not_block(self, make_runner: MakeRunner) -> None:
        code = "import sys; sys.stderr.write('e' * 5_000_000); sys.stdout.write('o' * 5_000_000)"
        done = make_runner().run(code, output_limit=10_000_000)
        assert (done.code, len(done.stdout), len(done.stderr)) == (0, 5_000_000, 5_000_000)

    def test_output_need_not_be_utf8(self, make_runner: MakeRunner) -> None:
        code = r"import sys; sys.stdout.buffer.write(b'\xff\x00\xfe\n')"
        assert make_runner().run(code).stdout == b"\xff\x00\xfe\n"

    def test_stdin_is_delivered_to_its_end(self, make_runner: MakeRunner) -> None:
        code = "import sys; data = sys.stdin.buffer.read(); print(len(data), data[:3], data[-3:])"
        data = b"abc" + b"." * 3_000_000 + b"xyz"
        done = make_runner().run(code, stdin=data)
        assert done.stdout == b"3000006 b'abc' b'xyz'\n"

    def test_stdin_nobody_reads_does_not_block(self, make_runner: MakeRunner) -> None:
        assert make_runner().run("print(1)", stdin=b"." * 3_000_000).stdout == b"1\n"

    def test_stdin_is_empty_by_default(self, make_runner: MakeRunner) -> None:
        assert make_runner().run("print(repr(input.__name__)); open(0).read()").code == 0

    def test_report_is_a_third_stream(self, make_runner: MakeRunner) -> None:
        code = "import os; os.write(3, b'rep\\xff'); os.write(1, b'out'); os.write(2, b'err')"
        done = make_runner().run(code, has_report=True)
        assert (done.report, done.stdout, done.stderr) == (b"rep\xff", b"out", b"err")

    def test_large_report_arrives_whole(self, make_runner: MakeRunner) -> None:
        code = "f = open(3, 'wb', closefd=False)\nfor _ in range(300): f.write(b'r' * 20_000)"
        done = make_runner().run(code, has_report=True)
        assert len(done.report) == 6_000_000
        assert not done.is_report_cut

    def test_report_over_its_limit_stops_the_command(self, make_runner: MakeRunner) -> None:
        code = "import os\nwhile True: os.write(3, b'r' * 1000)"
        done = make_runner().run(code, has_report=True, report_limit=10_000)
        assert done.is_report_cut
        assert len(done.report) <= 10_000
        assert done.code != 0

    def test_there_is_no_report_unless_asked_for(self, make_runner: MakeRunner) -> None:
        done = make_runner().run("import os; os.write(3, b'x')")
        assert (done.code, done.report) == (1, b"")

    def test_time_out_ends_the_command(self, make_runner: MakeRunner) -> None:
        code = "import time; print('begun', flush=True); time.sleep(600)"
        done = make_runner().run(code, timeout=8.0)
        assert done.is_timed_out
        assert (done.code, done.stdout) == (-9, b"begun\n")

    def test_time_out_ends_children_too(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        child = "import time; time.sleep(600)"
        code = (
            "import subprocess, sys\n"
            f"child = subprocess.Popen([sys.executable, '-c', {child!r}])\n"
            "print(child.pid, flush=True)\n"
            "child.wait()\n"
        )
        done = runner.run(code, timeout=8.0)
        assert done.is_timed_out
        assert _is_gone(runner, int(done.stdout))

    def test_what_a_command_leaves_running_is_ended_with_it(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        code = (
            "import subprocess, sys\n"
            "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
            "print(child.pid)\n"
        )
        done = runner.run(code)
        assert done.code == 0
        assert _is_gone(runner, int(done.stdout))

    @pytest.mark.parametrize("number", [6, 9, 11, 15])
    def test_signals_are_negative_codes(self, make_runner: MakeRunner, number: int) -> None:
        code = (
            "import os, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0));"
            f"os.kill(os.getpid(), {number})"
        )
        assert make_runner().run(code).code == -number

    def test_unknown_program_is_127(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        command = Command(argv=("/no/such/program",), cwd=runner.folder, env=runner.env)
        done = runner.sandbox.run(command, timeout=TIMEOUT)
        assert done.code == 127
        assert b"/no/such/program" in done.stderr

    def test_unknown_program_with_a_report_is_127(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        command = Command(argv=("/no/such",), cwd=runner.folder, env=runner.env, has_report=True)
        assert runner.sandbox.run(command, timeout=TIMEOUT).code == 127

    def test_program_that_cannot_be_run_is_126(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        command = Command(argv=(str(runner.folder),), cwd=runner.folder, env=runner.env)
        done = runner.sandbox.run(command, timeout=TIMEOUT)
        assert done.code == 126
        assert done.stderr

    def test_working_directory(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        done = runner.run("import os; print(os.getcwd())")
        assert str(runner.folder) == done.stdout.decode().strip()

    def test_environment_is_exactly_what_is_given(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        env = {**runner.env, "ONE": "1", "EMPTY": "", "ODD": "ä = b\n c"}
        code = "import json, os; print(json.dumps(dict(os.environ)))"
        done = runner.run(code, env=env)
        seen = json.loads(done.stdout)
        seen.pop("LC_CTYPE", None)  # Python sets it for itself in the C locale
        assert env == seen

    def test_arguments_are_not_read_by_a_shell(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        odd = ("$HOME `x` 'y' \"z\" *", "", "-n", "ä\n")
        code = "import sys; print(ascii(sys.argv[1:]))"
        argv = (runner.python, "-I", "-X", "utf8", "-c", code, *odd)
        command = Command(argv=argv, cwd=runner.folder, env=runner.env)
        done = runner.sandbox.run(command, timeout=TIMEOUT)
        assert f"{list(odd)!a}\n".encode() == done.stdout

    def test_background_process_runs_until_killed(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        process = runner.sandbox.start(
            runner.command("import time; print('here', flush=True); time.sleep(600)")
        )
        assert process.is_running()
        _wait_for(lambda: "here" in process.tail())
        process.kill()
        _wait_for(lambda: not process.is_running())
        process.kill()

    def test_background_process_ends_by_itself(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        code = "import sys; print('last words', file=sys.stderr)"
        process = runner.sandbox.start(runner.command(code))
        _wait_for(lambda: not process.is_running())
        _wait_for(lambda: "last words" in process.tail())

    def test_other_commands_run_beside_a_background_process(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        process = runner.sandbox.start(runner.command("import time; time.sleep(600)"))
        assert runner.run("print('beside')").stdout == b"beside\n"
        assert process.is_running()

    def test_dialled_port_carries_bytes_both_ways(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        stream = _dial_echo(runner)
        stream.write(b"hello \xff\x00")
        assert _read(stream, 8) == b"hello \xff\x00"
        stream.write(b"." * 300_000)
        assert len(_read(stream, 300_000)) == 300_000
        stream.close()
        stream.close()

    def test_silent_stream_times_out(self, make_runner: MakeRunner) -> None:
        stream = _dial_echo(make_runner())
        with pytest.raises(TimeoutError):
            stream.read(timeout=0.2)
        stream.write(b"still here")
        assert _read(stream, 10) == b"still here"
        stream.close()

    def test_stream_ends_when_the_other_side_closes(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        process = runner.sandbox.start(runner.command(HANG_UP))
        stream = runner.sandbox.dial(_read_port(process), timeout=10)
        assert stream.read(timeout=10) == b""
        stream.close()

    def test_closed_port_is_a_connection_error(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        port = int(runner.run(UNUSED_PORT).stdout)
        with pytest.raises(ConnectionError):
            runner.sandbox.dial(port, timeout=5)

    def test_closing_twice_is_fine(self, make_runner: MakeRunner) -> None:
        runner = make_runner()
        runner.sandbox.start(runner.command("import time; time.sleep(600)"))
        runner.sandbox.close()
        runner.sandbox.close()


def _read_port(process: Process) -> int:
    _wait_for(lambda: process.tail().endswith("\n"))
    return int(process.tail())


def _dial_echo(runner: CodeRunner) -> Stream:
    process = runner.sandbox.start(runner.command(ECHO))
    return runner.sandbox.dial(_read_port(process), timeout=10)


def _read(stream: Stream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = stream.read(timeout=30)
        if not more:
            break
        data += more
    return data


def _is_gone(runner: CodeRunner, pid: int) -> bool:
    """Return whether the process has ended in the sandbox; a zombie has."""
    code = (
        "import time\n"
        "for _ in range(100):\n"
        "    try:\n"
        f"        state = open('/proc/{pid}/stat').read().rpartition(')')[2].split()[0]\n"
        "    except FileNotFoundError:\n"
        "        state = 'Z'\n"
        "    if state in 'ZX':\n"
        "        break\n"
        "    time.sleep(0.05)\n"
        "print(state in 'ZX')\n"
    )
    return runner.run(code).stdout == b"True\n"


def _wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
