"""A user's project in a git repository, and a pytest run in it with everything real but the model.

The run is a process of its own, as a user's would be: pytest with the plugin, a Docker engine,
the OpenCode binary, git. Only the model's words are scripted, and they come over HTTP.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker

from pytest_agentfix.sandbox.engine import SESSION_LABEL

RUN_LIMIT = 400  # seconds; a run that takes longer hangs

CALC = """\
def add(left, right):
    return left - right


def double(value):
    return value * 2
"""
TEST_CALC = """\
from calc import add, double


def test_add():
    assert add(2, 3) == 5


def test_double():
    assert double(4) == 8
"""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a user is left with after a run."""

    status: int
    output: str
    report: dict[str, Any]

    @property
    def verdicts(self) -> list[str]:
        """The clusters' verdicts, in order."""
        return [cluster["verdict"] for cluster in self.report.get("clusters", [])]

    @property
    def reasons(self) -> list[str]:
        """The clusters' reasons, in order."""
        return [cluster["reason"] for cluster in self.report.get("clusters", [])]

    def counts(self) -> str:
        """pytest's last line without the time."""
        lines = [line for line in self.output.splitlines() if re.search(r" in [\d.]+s", line)]
        return re.sub(r" in [\d.]+s.*", "", lines[-1]).strip(" =")


@dataclass(kw_only=True)
class Project:
    """A repository with a scratch root, a report folder and a home of its own."""

    path: Path
    scratch: Path
    reports: Path
    environ: dict[str, str] = field(default_factory=dict)
    python: str = sys.executable

    def write(self, files: Mapping[str, str]) -> None:
        """Write ``files`` into the work tree."""
        for name, text in files.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Run git in the work tree, as a user would; returns what it prints."""
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.path,
            env=self._environ(),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def commit_all(self, message: str = "start") -> None:
        """Commit the whole work tree."""
        self.git("add", "-A")
        self.git("commit", "-qm", message)

    def log(self) -> list[str]:
        """The subjects of the checked-out branch, newest first."""
        return self.git("log", "--format=%s").splitlines()

    def status(self) -> str:
        """``git status`` in short form; "" for a clean work tree."""
        return self.git("status", "--porcelain")

    def command(self, *arguments: str, url: str | None) -> list[str]:
        """The command line of a run."""
        command = [self.python, "-m", "pytest", "--agent-fix", *arguments]
        if url is not None:
            command += ["--agent-fix-base-url", url, "--agent-fix-model", "scripted/model-1"]
        # With "=": pytest takes the path of a file that is there for a hint at the rootdir.
        return [*command, f"--agent-fix-report={self.reports / 'report.json'}"]

    def run(self, *arguments: str, url: str | None, limit: float = RUN_LIMIT) -> Ran:
        """Run pytest to its end, for at most ``limit`` seconds."""
        return self.execute(self.command(*arguments, url=url), limit=limit)

    def execute(self, command: Sequence[str], *, limit: float = RUN_LIMIT) -> Ran:
        """Run a command that is pytest to its end, for at most ``limit`` seconds."""
        done = subprocess.run(
            command,
            cwd=self.path,
            env=self._environ(),
            capture_output=True,
            text=True,
            timeout=limit,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return self.read_back(done.returncode, done.stdout + done.stderr)

    def start(self, *arguments: str, url: str | None) -> subprocess.Popen[str]:
        """Start pytest and return at once; its output goes into a pipe."""
        return start_interruptible(
            self.command(*arguments, url=url),
            cwd=self.path,
            env=self._environ(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def read_back(self, status: int, output: str) -> Ran:
        """The run's end with its report, if it left one."""
        file = self.reports / "report.json"
        report = json.loads(file.read_text("utf-8")) if file.exists() else {}
        return Ran(status=status, output=output, report=report)

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
        return {
            **kept,
            "TMPDIR": str(self.scratch),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": str(self.scratch / "gitconfig"),
            "PYTHONDONTWRITEBYTECODE": "1",
            # It takes most of a second at the end of each of the judge's sessions.
            "PYTEST_ADDOPTS": "-p no:hypothesispytest",
            **self.environ,
        }


# What the runs in a project meet, from before the first one until nothing is left of the last.
Outside = Callable[[Project], AbstractContextManager[None]]


def make_project(folder: Path, files: Mapping[str, str] | None = None) -> Project:
    """A project with one commit; ``files`` instead of the calculator with one bug."""
    project = Project(
        path=folder / "project", scratch=folder / "scratch", reports=folder / "reports"
    )
    for path in (project.path, project.scratch, project.reports):
        path.mkdir()
    config = (
        "[user]\n\tname = A Tester\n\temail = tester@example.com\n[init]\n\tdefaultBranch = main\n"
    )
    (project.scratch / "gitconfig").write_text(config)
    project.git("init", "-q")
    project.write(files or {"calc.py": CALC, "test_calc.py": TEST_CALC, ".gitignore": "*.pyc\n"})
    project.commit_all()
    return project


def start_interruptible(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a process that Ctrl-C ends, even where a shell has us ignore it in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # the child gets the default
    try:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, start_new_session=True, **options
        )
    finally:
        signal.signal(signal.SIGINT, before)


def residue(scratch: Path) -> list[str]:
    """What is left of runs that used ``scratch``: containers, volumes, folders, processes."""
    client = docker.from_env()
    try:
        found = client.api.containers(all=True, filters={"label": SESSION_LABEL})
        ours = [one for one in found if str(scratch) in _show(one["Labels"])]
        left = [f"container {one['Id'][:12]}" for one in ours]
        volumes = client.api.volumes(filters={"label": SESSION_LABEL})["Volumes"] or []
        ours = [one for one in volumes if str(scratch) in _show(one)]
        left += [f"volume {volume['Name']}" for volume in ours]
    finally:
        client.close()
    return left + list_host_residue(scratch)


def list_host_residue(scratch: Path) -> list[str]:
    """List what is left of them outside the engine: folders, processes."""
    roots = scratch.glob("pytest-agentfix-*")
    left = [f"folder {path}" for root in roots for path in root.iterdir()]
    return left + [f"process {number} {_command(number)}" for number in pids_of(scratch)]


def _show(labelled: Any) -> str:
    return json.dumps(labelled, ensure_ascii=False)


def pids_of(scratch: Path) -> Iterator[int]:
    """The processes of runs that use ``scratch``."""
    for folder in Path("/proc").glob("[0-9]*"):
        if folder.name == str(os.getpid()):
            continue
        with contextlib.suppress(OSError):
            environ = (folder / "environ").read_bytes()
            if f"TMPDIR={scratch}".encode() in environ.split(b"\0"):
                yield int(folder.name)


def _command(number: int) -> str:
    with contextlib.suppress(OSError):
        return repr(Path(f"/proc/{number}/cmdline").read_bytes()[:200])
    return "(gone by now)"


def wait_for(condition: Any, *, seconds: float = RUN_LIMIT) -> None:
    """Wait until ``condition()`` is true; fails the test when it never is."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.05)


def end(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, str]:
    """Send a signal to pytest alone and wait for its end."""
    process.send_signal(number)
    output, _ = process.communicate(timeout=RUN_LIMIT)
    return process.returncode, output
