"""Fixtures of the end-to-end tests: a project, a scripted model, and a look at what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.testing import ScriptedModel
from tests.kits.project_kit import Project, make_project, residue, wait_for

StartModel = Callable[..., ScriptedModel]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A calculator with one bug. After the test, nothing of any run may be left."""
    project = make_project(tmp_path)
    yield project
    wait_for(lambda: not residue(project.scratch), seconds=60)


@pytest.fixture
def start_model() -> Iterator[StartModel]:
    """Start scripted models; they stop after the test."""
    with ExitStack() as stack:

        def start(script: Any, **options: Any) -> ScriptedModel:
            return stack.enter_context(ScriptedModel(script, **options))

        yield start
