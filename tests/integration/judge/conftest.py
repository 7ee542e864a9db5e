"""Small projects for the judge's tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kits.judge_project import BROKEN, TEST_ADD, MakeProject, Project


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Make a project with a broken ``calc`` and its test, and further files."""

    def make(files: Mapping[str, str | bytes] | None = None, **more: Any) -> Project:
        base = {"calc.py": BROKEN, "test_calc.py": TEST_ADD}
        return Project(top=tmp_path / "my repo", files={**base, **(files or {})}, **more)

    return make
