"""Two runs at once: in two clones, and in one repository."""

from __future__ import annotations

import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.testing.scripted_model.replies import Conversation, Reply, Script
from tests.kits.loop_kit import StartModel, once, run_plainly
from tests.kits.project_kit import CALC, RUN_LIMIT, Project, Ran

FIXED = CALC.replace("left - right", "left + right")


class Together:
    """A script that waits at its first word until the other run's agent is at work too."""

    def __init__(self, script: Script, barrier: threading.Barrier) -> None:
        self._script = script
        self._barrier = barrier
        self._is_past = False

    def __call__(self, conversation: Conversation) -> Reply:
        if not self._is_past:
            self._is_past = True
            self._barrier.wait(timeout=RUN_LIMIT)
        return self._script(conversation)


@pytest.fixture
def reports(project: Project) -> Path:
    """A second report folder."""
    folder = project.path.parent / "reports-2"
    folder.mkdir()
    return folder


def run_both(projects: list[Project], start_model: StartModel) -> list[Ran]:
    """Run in each of ``projects`` at the same time; all have both agents at work at once."""
    barrier = threading.Barrier(len(projects))
    running: list[tuple[Project, subprocess.Popen[str]]] = []
    for project in projects:
        script = once(project, "calc.py", "left - right", "left + right")
        model = start_model(Together(script, barrier))
        running.append((project, project.start(url=model.base_url)))
    found = []
    for project, process in running:
        output, _ = process.communicate(timeout=RUN_LIMIT)
        found.append(project.read_back(process.returncode, output))
    return found


def test_in_two_clones(project: Project, start_model: StartModel, reports: Path) -> None:
    clone = replace(project, path=project.path.parent / "clone", reports=reports)
    project.git("clone", "-q", ".", str(clone.path))
    for ran in run_both([project, clone], start_model):
        assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
        assert ran.report["notices"] == []  # neither takes the other for a dead one
    for one in (project, clone):
        assert (one.path / "calc.py").read_text() == FIXED
        assert len(one.log()) == 2
        assert one.status() == ""


def test_in_one_repository(project: Project, start_model: StartModel, reports: Path) -> None:
    rans = run_both([project, replace(project, reports=reports)], start_model)
    assert [(ran.verdicts, ran.status) for ran in rans] == [(["fixed"], 0)] * 2
    # One was first; the other's commit is beside it, and its summary says how to bring it in.
    landed = {ran.report["clusters"][0]["branch"]: ran for ran in rans}
    [side] = landed.keys() - {"main"}
    assert side.startswith("agent-fix/test-add-")
    assert project.git("for-each-ref", "--format=%(refname:short)").split() == [side, "main"]
    first, second = (landed[name].report["clusters"][0] for name in ("main", side))
    assert project.git("rev-parse", "main", side).split() == [first["commit"], second["commit"]]
    for branch in ("main", side):
        log = project.git("log", "--format=%s", branch).splitlines()
        assert log == ["Fix test_add (AssertionError: assert -1 == 5)", "start"]
        assert project.git("show", f"{branch}:calc.py") == FIXED
    assert first["advice"] == ""
    assert second["commit"][:12] in second["advice"]
    assert second["advice"] in landed[side].output
    # Nothing is broken, and nothing hangs in the air.
    assert project.git("fsck", "--strict", "--full") == ""
    assert project.status() == ""
    assert (project.path / "calc.py").read_text() == FIXED
    assert run_plainly(project).counts() == "2 passed"
