"""Fixtures of the end-to-end tests: a project, and a look at what is left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kits.project_kit import Project, make_project, residue, wait_for


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A calculator with one bug. After the test, nothing of any run may be left."""
    project = make_project(tmp_path)
    yield project
    wait_for(lambda: not residue(project.scratch), seconds=60)
