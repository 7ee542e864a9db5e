"""Tests that run an installed copy of the tree: nothing is spent on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.kits.loop_kit import StartModel, by_test, once, refill
from tests.kits.project_kit import Project
from tests.kits.venv_kit import Venv, make_venv
from tests.kits.wheel_kit import make_sources, run_pip

SHOP = {
    "src/shop/__init__.py": "",
    "src/shop/prices.py": "def double(value):\n    return value + 2\n",
    "tests/test_shop.py": (
        "from shop.prices import double\n\n\ndef test_double():\n    assert double(4) == 8\n"
    ),
    ".gitignore": "*.pyc\n",
}
TOOL = {
    "tools/tool.py": "def half(value):\n    return value - 2\n",
    "tests/test_tool.py": (
        "from tool import half\nfrom shop.prices import double\n\n\n"
        "def test_half():\n    assert half(double(4)) == 3\n"
    ),
    "pytest.ini": "[pytest]\npythonpath = tools\n",
}


@pytest.fixture
def venv(project: Project, tmp_path: Path) -> Venv:
    """An environment of the project's own, with which its tests are run."""
    made = make_venv(tmp_path / "venv")
    project.python = made.python
    return made


def test_a_copy_is_told_of_and_an_editable_install_is_repaired(
    project: Project, start_model: StartModel, venv: Venv
) -> None:
    refill(project, make_sources("shop", SHOP))
    model = start_model(once(project, "src/shop/prices.py", "value + 2", "value * 2"))
    run_pip("install", ".", python=venv.python, cwd=project.path)
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status, model.requests) == (["environment"], 1, []), ran.output
    (copy,) = venv.folder.glob("lib/python*/site-packages/shop/prices.py")
    (reason,) = ran.reasons
    assert reason == (
        f"The tests run an installed copy of shop, {copy}, and not this tree's "
        "src/shop/prices.py: no change here could turn them green. Install it with -e: "
        'pip install -e . (tox: package = editable; nox: session.install("-e", ".")).'
    )
    assert (ran.report["clusters"][0]["attempts"], project.log()) == (0, ["start"])
    # With the advice taken, the same failure is repaired.
    run_pip("install", "--editable", ".", python=venv.python, cwd=project.path)
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    assert project.git("show", "--format=", "--name-only").split() == ["src/shop/prices.py"]
    assert project.status() == ""


def test_another_checkout_that_is_installed(
    project: Project, start_model: StartModel, venv: Venv
) -> None:
    """A linked worktree is tested with the environment of the main one."""
    refill(project, make_sources("shop", SHOP))
    run_pip("install", "--editable", ".", python=venv.python, cwd=project.path)
    project.git("worktree", "add", "-q", "-b", "linked", "../linked")
    linked = replace(project, path=project.path.parent / "linked")
    model = start_model([])
    ran = linked.run(url=model.base_url)
    assert (ran.verdicts, ran.status, model.requests) == (["environment"], 1, []), ran.output
    other = project.path / "src/shop/prices.py"
    assert f"The tests run another checkout of shop, {other}, and not this tree's" in ran.reasons[0]


def test_only_what_no_change_can_reach_is_left_alone(
    project: Project, start_model: StartModel, venv: Venv
) -> None:
    """Beside the copy one test runs code of the tree's own, and that is repaired."""
    refill(project, make_sources("shop", {**SHOP, **TOOL}))
    run_pip("install", ".", python=venv.python, cwd=project.path)
    model = start_model(
        by_test({"test_half": once(project, "tools/tool.py", "value - 2", "value // 2")})
    )
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["environment", "fixed"], 1), ran.output
    assert project.git("show", "--format=", "--name-only").split() == ["tools/tool.py"]
