"""A repair whose tests import projects beside the user's own, from below the user's home."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from tests.kits.loop_kit import StartModel, once
from tests.kits.project_kit import Project
from tests.kits.venv_kit import make_venv
from tests.kits.wheel_kit import lay_out, run_pip

CONFTEST = """\
import os
import sys

sys.path.append(os.path.expanduser("~/lib"))
"""
TESTS = """\
import far
import near

from calc import add, double


def test_add():
    assert add(near.VALUE, far.VALUE) == 5


def test_double():
    assert double(near.VALUE + far.VALUE) == 10
"""


def test_projects_beside_it(project: Project, start_model: StartModel, tmp_path: Path) -> None:
    """One is installed with an import hook, and one is put on the path by way of HOME."""
    editable_wheel = pytest.importorskip("setuptools.command.editable_wheel")
    home = tmp_path / "home"
    project.python = make_venv(home / "venv").python
    near = lay_out(home / "work/near", "near", {"src/near/__init__.py": "VALUE = 2\n"})
    mapping = {"near": f"{near}/src/near"}
    hook = editable_wheel._finder_template("__editable___near_finder", mapping, {})
    (near / "finder.py").write_text(hook)
    run_pip("install", "--editable", str(near), python=project.python)
    (home / "lib").mkdir()
    (home / "lib/far.py").write_text("VALUE = 3\n")
    project.write({"conftest.py": CONFTEST, "test_calc.py": TESTS})
    project.commit_all("more tests")
    cache = platformdirs.user_cache_path("pytest-agentfix")
    opencode = find_opencode(configured=None, environ=os.environ, cache=cache)
    project.environ["HOME"] = str(home)
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("-o", f"agent_fix_opencode={opencode}", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    neighbours = ran.report["clusters"][0]["neighbours"]
    assert (neighbours["total"], neighbours["unjudged"]) == (1, []), ran.output
