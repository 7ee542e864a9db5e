"""Whole repairs without engine and OpenCode: see ``doubles/local_run.py``.

Each test of this folder can be run with the real ones, too: ``tests/e2e`` does so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kits.project_kit import Outside, Project, list_host_residue, wait_for

DOUBLES = Path(__file__).parent / "doubles"


@contextmanager
def use_doubles(project: Project) -> Iterator[None]:
    """Have runs in ``project`` meet the doubles. At the end, nothing of any run may be left."""
    project.environ |= {
        "AGENTFIX_ON_HOST": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
        "PYTEST_PLUGINS": "agentfix_doubles",
        "PYTHONPATH": str(DOUBLES),
    }
    yield
    wait_for(lambda: not list_host_residue(project.scratch), seconds=60)


@pytest.fixture
def outside() -> Outside:
    """Give the surroundings of a project's runs."""
    return use_doubles
