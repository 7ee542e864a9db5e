"""Every example is as red as its README says, and turns green by the edits the demo plays."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kits.places import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
FIXES = json.loads((REPOSITORY / "scripts" / "demo_fixes.json").read_text(encoding="utf-8"))

each_example = pytest.mark.parametrize("name", sorted(FIXES))


def copy_example(name: str, target: Path) -> None:
    ignored = shutil.ignore_patterns("__pycache__", ".*_cache")
    shutil.copytree(EXAMPLES / name, target, ignore=ignored, dirs_exist_ok=True)


def apply_fix(fix: dict[str, Any], folder: Path) -> None:
    path = folder / fix["file"]
    text = path.read_text(encoding="utf-8")
    for old, new in fix["edits"]:
        assert text.count(old) == 1, f"{old!r} has to be there exactly once for the agent"
        text = text.replace(old, new)
    path.write_text(text, encoding="utf-8")


def read_counts(name: str) -> tuple[int, int]:
    """Return how many tests the README says fail and pass."""
    readme = (EXAMPLES / name / "README.md").read_text(encoding="utf-8")
    match = re.search(r"pytest +# (\d+) failed, (\d+) passed", readme)
    assert match is not None
    return int(match[1]), int(match[2])


def test_every_example_has_a_scripted_fix() -> None:
    assert sorted(FIXES) == sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())


@each_example
def test_example_is_as_red_as_it_says(name: str, pytester: pytest.Pytester) -> None:
    failed, passed = read_counts(name)
    copy_example(name, pytester.path)

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(failed=failed, passed=passed)


@each_example
def test_example_is_green_with_the_demos_edits(name: str, pytester: pytest.Pytester) -> None:
    failed, passed = read_counts(name)
    copy_example(name, pytester.path)
    apply_fix(FIXES[name], pytester.path)

    result = pytester.runpytest_subprocess()

    result.assert_outcomes(passed=failed + passed)


def test_examples_are_collected_only_when_asked_for(pytestconfig: pytest.Config) -> None:
    assert pytestconfig.getini("testpaths") == ["tests"]


def test_demo_repairs_an_example_and_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "scripts" / "demo.py"), "lru"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (repository,) = tmp_path.glob("agentfix-demo-*/lru")
    assert done.stdout.endswith(f"Look around:\n  {repository}   fixed\n")
    assert "Agent-Fix-Test: tests/test_cache.py::test_writing_a_key_again_forgets_nothing" in (
        done.stdout
    )
