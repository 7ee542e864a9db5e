"""Projects for the benchmarks, and measured runs in them.

Everything is made below one temporary folder, which is removed at the end. Times are seconds of the
machine's monotonic clock, which all its processes share.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import platformdirs

from pytest_agentfix.agents.opencode.binary import find_opencode

CLOCK = "AGENTFIX_BENCHMARK_CLOCK"  # the variable that names the file of the last test's end
# A project's conftest.py. In a sandbox the variable is not set, and it does nothing.
CLOCK_CONFTEST = f"""\
import os
import time


def pytest_runtest_logfinish():
    path = os.environ.get("{CLOCK}")
    if path:
        with open(path, "w") as file:
            file.write(repr(time.monotonic()))
"""
GITIGNORE = "__pycache__/\n.pytest_cache/\n"
GIT_CONFIG = "[user]\n\tname = Benchmark\n\temail = benchmark@example.org\n"
FOREIGN = (
    "PYTEST_",
    "OPENCODE",
    "GIT_",
    "CI",
    CLOCK,
)  # variables that change the result

# Runs a command and writes the time and memory it used. A small process of its own, because the
# peak memory of a process includes that of its parent when it was started.
LAUNCHER = """\
import json, os, sys, time
out, *command = sys.argv[1:]
began = time.monotonic()
child = os.fork()
if not child:
    os.execvp(command[0], command)
_, status, used = os.wait4(child, 0)
ended = time.monotonic()
json.dump({"began": began, "ended": ended, "status": os.waitstatus_to_exitcode(status),
    "cpu_seconds": used.ru_utime + used.ru_stime, "peak": used.ru_maxrss}, open(out, "w"))
"""
PYTEST = (sys.executable, "-m", "pytest", "-q")
PEAK_UNIT = 1024 if sys.platform == "darwin" else 1  # of ru_maxrss, in units per KiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One run of a command. ``peak_megabytes`` is of its largest process."""

    began: float
    ended: float
    status: int
    cpu_seconds: float
    peak_megabytes: float
    output: str
    report: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Wall clock from start to end."""
        return self.ended - self.began

    def expect(self, *statuses: int) -> Done:
        """Return the run; end the benchmark if its status is another one."""
        if self.status not in statuses:
            raise SystemExit(f"a run ended with status {self.status}:\n{self.output[-6000:]}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A repository with one commit, and beside it a place for what runs leave."""

    folder: Path

    @property
    def path(self) -> Path:
        """The work tree."""
        return self.folder / "project"

    def git(self, *arguments: str, stdin: bytes | None = None) -> str:
        """Run git in the work tree and return its output."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=self._environ(),
            input=stdin,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()

    def write(self, files: Mapping[str, str]) -> None:
        """Write ``files`` into the work tree."""
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def reset(self) -> None:
        """Go back to the first commit, for another round."""
        self.git("reset", "-q", "--hard", "start")
        self.git("clean", "-qfdx")

    def run(self, *command: str | Path, env: Mapping[str, str] | None = None) -> Done:
        """Run ``command`` in the work tree to its end."""
        out = self.folder / "measured.json"
        done = subprocess.run(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, out, *command],
            cwd=self.path,
            env={**self._environ(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
        )
        took = json.loads(out.read_text())
        peak = took.pop("peak") / PEAK_UNIT / 1024
        return Done(**took, peak_megabytes=peak, output=done.stdout.decode(errors="replace"))

    def run_plainly(self, *arguments: str) -> Done:
        """Run ``pytest`` without the plugin, and note when the last test ended."""
        return self.run(*PYTEST, "-p", "no:agentfix", *arguments, env={CLOCK: str(self._clock)})

    def run_ours(self, url: str, *arguments: str) -> Done:
        """Run ``pytest --agent-fix`` with the model at ``url``, and read its report."""
        report = self.folder / "report.json"
        report.unlink(missing_ok=True)
        done = self.run(
            *(*PYTEST, "--agent-fix", "--agent-fix-base-url", url),
            *("--agent-fix-model", "scripted/model", f"--agent-fix-report={report}", *arguments),
            env={CLOCK: str(self._clock)},
        )
        found = json.loads(report.read_text()) if report.exists() else {}
        return replace(done, report=found)

    def read_clock(self) -> float:
        """Return when the last run's last test ended; the project needs ``CLOCK_CONFTEST``."""
        return float(self._clock.read_text())

    @property
    def _clock(self) -> Path:
        return self.folder / "clock"

    def _environ(self) -> dict[str, str]:
        kept = {name: text for name, text in os.environ.items() if not name.startswith(FOREIGN)}
        return {
            **kept,
            "TMPDIR": str(self.folder / "scratch"),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.folder / "gitconfig"),
        }


@contextmanager
def make_project(files: Mapping[str, str]) -> Iterator[Project]:
    """Make a project of ``files`` in one commit with the tag ``start``; remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="agentfix-benchmark-") as folder:
        project = Project(folder=Path(folder).resolve())
        project.path.mkdir()
        (project.folder / "scratch").mkdir()
        (project.folder / "gitconfig").write_text(GIT_CONFIG)
        project.git("init", "-q")
        project.write({".gitignore": GITIGNORE, **files})
        project.git("add", "-A")
        project.git("commit", "-qm", "start")
        project.git("tag", "start")
        yield project


def find_binary() -> Path:
    """Return the OpenCode binary that the plugin would use."""
    cache = platformdirs.user_cache_path("pytest-agentfix")
    return find_opencode(configured=None, environ=os.environ, cache=cache).path
