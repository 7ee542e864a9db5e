"""Tests that ask git about the project's own tags."""

from __future__ import annotations

from tests.kits.loop_kit import StartModel, once, refill
from tests.kits.project_kit import CALC, Project

TEST_TAGS = """\
import subprocess

from calc import add


def test_since_the_tag():
    asked = subprocess.run(["git", "describe", "--tags"], capture_output=True, text=True)
    assert asked.stdout.startswith("v1.0"), asked
    assert add(2, 3) == 5
"""


def test_the_judge_has_the_history_and_the_agent_has_not(
    project: Project, start_model: StartModel
) -> None:
    refill(project, {"calc.py": CALC, "test_tags.py": TEST_TAGS, ".gitignore": "*.pyc\n"})
    project.git("tag", "v1.0")
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("-o", "agent_fix_repository_history=judge", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    assert project.git("show", "--format=", "--name-only").split() == ["calc.py"]
    assert project.status() == ""


def test_by_default_nobody_has_it(project: Project, start_model: StartModel) -> None:
    refill(project, {"calc.py": CALC, "test_tags.py": TEST_TAGS, ".gitignore": "*.pyc\n"})
    project.git("tag", "v1.0")
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("--agent-fix-max-attempts=1", url=model.base_url)
    assert ran.verdicts != ["fixed"]
