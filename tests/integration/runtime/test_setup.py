"""A machine that is odd before the first test: every time a cause and a next step."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from tests.kits.project_kit import Project, make_project, residue

DEAD_URL = "http://127.0.0.1:1/v1"

NO_HOME = """
import os, pwd

def find(uid):
    raise KeyError(uid)

os.environ.pop("HOME", None)
pwd.getpwuid = find
"""
OPEN = """
import builtins

def refuse(*args, **kwargs):
    raise RuntimeError("no files in tests")

builtins.open = refuse
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


def refuse(project: Project, *arguments: str) -> str:
    """Return what pytest says when it does not even begin; one line, and no traceback."""
    ran = project.run(*arguments, url=DEAD_URL, limit=300)
    assert (ran.status, ran.report) == (4, {}), ran.output
    assert not {"collected", "INTERNALERROR", "Traceback"} & set(ran.output.split())
    assert residue(project.scratch) == []
    return next(line for line in ran.output.splitlines() if line.startswith("ERROR: "))


@pytest.mark.parametrize(
    ("conftest", "cause", "next_step"),
    [
        (NO_HOME, "has no home folder: HOME is not set", "Set HOME to a folder"),
        (OPEN, "agent-fix cannot be imported: RuntimeError: no files in tests. ", "fixture"),
    ],
    ids=["home", "open"],
)
def test_conftest_that_changes_the_process(
    project: Project, conftest: str, cause: str, next_step: str
) -> None:
    project.write({"conftest.py": textwrap.dedent(conftest)})
    message = refuse(project)
    assert fnmatchcase(message, f"*{cause}*{next_step}*"), message


def _with_docker_config(text: str) -> Callable[[Project], None]:
    def make(project: Project) -> None:
        folder = project.scratch / "docker"
        folder.mkdir()
        (folder / "config.json").write_text(text)
        project.environ["DOCKER_CONFIG"] = str(folder)

    return make


def _with(**environ: str) -> Callable[[Project], None]:
    return lambda project: project.environ.update(environ)


def _with_git_config(text: str) -> Callable[[Project], None]:
    def make(project: Project) -> None:
        (project.scratch / "gitconfig").write_text(text)

    return make


@pytest.mark.parametrize(
    ("make", "cause", "next_step"),
    [
        (_with_docker_config("[]"), "could not use Docker's client: AttributeError", "Repair *"),
        (
            _with(DOCKER_HOST="tcp://host:port"),
            "no address of one but 'tcp://host:port'",
            "the port's number",
        ),
        (_with(DOCKER_CONTEXT="gone"), "there is no Docker context 'gone'", "docker context ls"),
        (_with(GIT_PYTHON_GIT_EXECUTABLE="/no/git"), "could not open the repository", "git status"),
        (_with_git_config("[user\n"), "bad config line 1", "git status"),
    ],
    ids=["docker-config", "docker-host", "docker-context", "gitpython", "git-config"],
)
def test_surroundings_that_are_odd(
    project: Project, make: Callable[[Project], None], cause: str, next_step: str
) -> None:
    make(project)
    message = refuse(project)
    assert fnmatchcase(message, f"*{cause}*{next_step}*"), message
    assert "git init" not in message
