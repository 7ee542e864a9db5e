"""Fixtures of the loop's tests: a project whose runs meet neither an engine nor OpenCode."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kits.project_kit import Project, list_host_residue, make_project, wait_for

DOUBLES = Path(__file__).parent / "doubles"


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A calculator with one bug. After the test, nothing of any run may be left."""
    project = make_project(tmp_path)
    project.environ.update(PYTHONPATH=str(DOUBLES), PYTEST_PLUGINS="agentfix_doubles")
    yield project
    wait_for(lambda: not list_host_residue(project.scratch), seconds=60)
