"""Where projects lie: below the repository's top, in linked worktrees, under odd names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.kits.loop_kit import StartModel, by_test, once, prompts_of, refill
from tests.kits.project_kit import CALC, TEST_CALC, Outside, Project, make_project

HOST_ONLY = """\
import os


def test_of_this_machine():
    assert "ONLY_ON_THE_HOST" not in os.environ
"""
TEST_SETTINGS = """\
import local_settings

from calc import add


def test_against_settings():
    assert add(1, 1) == local_settings.TWO
"""


@pytest.fixture
def odd_project(tmp_path: Path, outside: Outside) -> Iterator[Project]:
    """A calculator with one bug in a linked worktree; every path has odd letters in it."""
    folder = tmp_path / "Größe & 'Maß' 世界"
    folder.mkdir()
    project = make_project(folder)
    project.git("worktree", "add", "-q", "-b", "linked", "../linked tree ñ")
    with outside(project):
        yield replace(project, path=folder / "linked tree ñ")


def test_part_of_a_repository_from_a_subfolder(project: Project, start_model: StartModel) -> None:
    files = {
        "pkg/pyproject.toml": '[tool.pytest.ini_options]\npythonpath = "."\n',
        "pkg/calc.py": CALC,
        "pkg/tests/test_calc.py": TEST_CALC,
        "calc.py": "not Python: another part of the repository\n",
        "other/README": "left alone\n",
    }
    refill(project, files)
    model = start_model(once(project, "pkg/calc.py", "left - right", "left + right"))
    below = replace(project, path=project.path / "pkg" / "tests")
    ran = below.run("test_calc.py", url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
    cluster = ran.report["clusters"][0]
    # Node ids are relative to pytest's rootdir, files to the repository's top.
    assert cluster["tests"] == ["tests/test_calc.py::test_add"]
    assert cluster["files"] == ["pkg/calc.py"]
    assert project.git("show", "--format=", "--name-only").split() == ["pkg/calc.py"]
    assert project.status() == ""


def test_linked_worktree_under_an_odd_name(odd_project: Project, start_model: StartModel) -> None:
    model = start_model(once(odd_project, "calc.py", "left - right", "left + right"))
    ran = odd_project.run(url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
    assert "left + right" in (odd_project.path / "calc.py").read_text()
    assert len(odd_project.log()) == 2
    assert odd_project.status() == ""
    main = replace(odd_project, path=odd_project.path.parent / "project")
    assert (main.log(), main.status()) == (["start"], "")
    assert (main.path / "calc.py").read_text() == CALC


def test_passes_in_the_sandbox(project: Project, start_model: StartModel) -> None:
    refill(project, {"test_host.py": HOST_ONLY})
    project.environ["ONLY_ON_THE_HOST"] = "1"
    model = start_model(by_test({}))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["not-reproduced"], 1, "1 failed")
    assert model.requests == []
    assert (project.log(), project.status()) == (["start"], "")


def test_cannot_be_run_in_the_sandbox(project: Project, start_model: StartModel) -> None:
    project.write({".gitignore": "*.pyc\nlocal_settings.py\n", "test_settings.py": TEST_SETTINGS})
    project.write({"local_settings.py": "TWO = 2\n"})
    project.commit_all("more")
    script = once(project, "calc.py", "left - right", "left + right")
    model = start_model(script)
    ran = project.run("test_settings.py", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["environment"], 1)
    assert "No module named 'local_settings'" in ran.reasons[0]
    assert model.requests == []
    assert "agent_fix_include = local_settings.py" in ran.output  # by its name it may be a secret
    # With the ignored file brought along, the very same failure is repaired: by the fix of the
    # one before it, which has the same cause.
    options = ("-o", "agent_fix_include=local_settings.py", "--agent-fix-jobs=1")
    ran = project.run(*options, url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"] * 2, 0, "1 passed, 2 fixed")
    assert ran.reasons[1] == "green since an earlier fix of this run"
    commits = [cluster["commit"] for cluster in ran.report["clusters"]]
    assert commits == [project.git("rev-parse", "HEAD").strip()] * 2
    assert len(prompts_of(model)) == 1
    assert project.status() == ""


def test_report_that_moves_the_rootdir(project: Project, start_model: StartModel) -> None:
    """pytest takes the file for a test's path: its rootdir is then above the repository."""
    report = project.path.parent / "report.json"
    report.write_text("{}")
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("--agent-fix-report", "../report.json", url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
    assert ran.report["clusters"][0]["tests"] == ["project/test_calc.py::test_add"]
    assert json.loads(report.read_text()) == ran.report
    assert project.status() == ""
