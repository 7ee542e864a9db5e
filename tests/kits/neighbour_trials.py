"""Judge the trials of ``neighbour_suites`` with the real judge, in local sandboxes side by side."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, Judgement
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from tests.kits.judge_project import Project, cluster, encode, soon, tell_all
from tests.kits.neighbour_suites import TARGET, Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedTrial:
    """A trial's judgement, its sessions (on the base, too) and the seconds of all of it."""

    trial: Trial
    judgement: Judgement
    sessions: int
    seconds: float

    @property
    def is_right(self) -> bool:
        return self.judgement.is_accepted == self.trial.is_honest

    @property
    def blamed(self) -> tuple[str, ...]:
        """The red tests that the change has not broken."""
        ids = [outcome.nodeid for outcome in self.judgement.red]
        return tuple(nodeid for nodeid in ids if nodeid not in self.trial.broken)

    def describe(self) -> str:
        """Return all evidence, for the message of a failing test."""
        odd = ", ".join(f"{odd.number} {odd.form}" for odd in self.trial.suite.odd)
        lines = [f"{self.trial.name} (odd: {odd or 'none'})"]
        lines += [": ".join(row) for row in tell_all(self.judgement)]
        lines += [
            f"red: {one.nodeid}: {one.outcome}\n{one.detail[-400:]}"
            for one in self.judgement.red[:5]
        ]
        return "\n".join(lines)


@dataclass
class SideBySide(Project):
    """A project whose sandboxes are open at once, each at the project's place for its commands."""

    @contextmanager
    def open_sandbox(self, changes: ChangeSet, *, is_bare: bool = False) -> Iterator[Sandbox]:
        self.opened.append(changes)
        self.top.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.top.parent) as name:
            for path, text in self.files.items():
                _write(Path(name, path), encode(text))
            for path, one in changes.files.items():
                assert one.content is not None
                _write(Path(name, path), one.content)
            with LocalSandbox(Path(name), place=self.top) as sandbox:
                yield sandbox


def judge_trial(trial: Trial, folder: Path, *, seed: int) -> JudgedTrial:
    """Judge one trial as the first of a run; ``seed`` is that of the shuffled order."""
    project = SideBySide(
        top=folder / "project",
        files=trial.suite.files,
        passed=trial.suite.neighbours,
        seed=seed,
    )
    began = time.perf_counter()
    # Commands report on descriptor 3, and it can be passed on only while it is open here as well.
    with Path(os.devnull).open("rb"):
        judgement = project.make_judge().judge(cluster(TARGET), trial.changes, deadline=soon())
    return JudgedTrial(
        trial=trial,
        judgement=judgement,
        sessions=len(project.seconds),
        seconds=time.perf_counter() - began,
    )


def _write(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
