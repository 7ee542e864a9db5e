"""A run of pytest that a test watches, interrupts and kills."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.kits.project_kit import (
    RUN_LIMIT,
    Project,
    Ran,
    pids_of,
    start_interruptible,
    wait_for,
)

PROGRAMS = (b"runtime/__main__.py", b"local_process.py")  # the second one has doubles


@dataclass(frozen=True, kw_only=True)
class Running:
    """A run of pytest that is watched."""

    project: Project
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def output(self) -> str:
        """The output so far."""
        return self.log.read_text("utf-8", "replace")

    def wait_until(self, condition: Callable[[], object]) -> None:
        """Wait for ``condition()`` to be true while it runs."""
        wait_for(lambda: condition() or self.process.poll() is not None, seconds=RUN_LIMIT)
        assert self.process.poll() is None, self.output

    def press_ctrl_c(self) -> None:
        """Interrupt pytest and its children, as a terminal does."""
        os.killpg(self.process.pid, signal.SIGINT)

    def terminate(self) -> None:
        """Ask pytest to end, as a system does that shuts down."""
        self.process.terminate()

    def kill(self) -> None:
        """Let pytest alone die on the spot."""
        self.process.kill()
        self.process.wait()

    @property
    def repair_processes(self) -> list[int]:
        """The numbers of its repair processes, without children that are still to begin another."""
        found = [
            number
            for number in pids_of(self.project.scratch)
            if any(name in _read_command(number) for name in PROGRAMS)
        ]
        return [number for number in found if _read_parent(number) not in found]

    def kill_repair_process(self) -> None:
        """Let the repair process die on the spot."""
        for number in self.repair_processes:
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def kill_all(self) -> None:
        """Let it die together with every process that it started on the host."""
        self.kill()
        for number in pids_of(self.project.scratch):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def wait(self) -> Ran:
        """Wait for its end."""
        status = self.process.wait(RUN_LIMIT)
        return self.project.read_back(status, self.output)


@contextmanager
def running(project: Project, *arguments: str, url: str) -> Iterator[Running]:
    """A run that goes on beside the test; it does not outlive it."""
    log = project.reports / "output.txt"
    with log.open("wb") as file:
        process = start_interruptible(
            project.command(*arguments, url=url),
            cwd=project.path,
            env={**project._environ(), "PYTHONUNBUFFERED": "1"},
            stdout=file,
            stderr=file,
        )
    try:
        yield Running(project=project, process=process, log=log)
    finally:
        process.kill()
        process.wait()


def assert_untouched(project: Project, *, log: tuple[str, ...] = ("start",)) -> None:
    """Nothing of the user's has changed."""
    assert project.log() == list(log)
    assert project.status() == ""
    assert project.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]


def _read_parent(number: int) -> int:
    try:
        status = Path(f"/proc/{number}/status").read_text("utf-8", "replace")
    except OSError:
        return 0
    return int(status.partition("PPid:")[2].split()[0])


def _read_command(number: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{number}/cmdline").read_bytes()
    return b""
