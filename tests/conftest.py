"""Fixtures for tests of several folders."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.testing import ScriptedModel
from tests.kits.loop_kit import StartModel
from tests.kits.project_kit import Outside, Project, make_project


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of the loopback that refuses connections, and that nobody else gets meanwhile."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and never listens
        yield int(held.getsockname()[1])


@pytest.fixture
def start_model() -> Iterator[StartModel]:
    """Start scripted models; they stop after the test."""
    with ExitStack() as stack:

        def start(script: Any, **options: Any) -> ScriptedModel:
            return stack.enter_context(ScriptedModel(script, **options))

        yield start


@pytest.fixture
def project(tmp_path: Path, outside: Outside) -> Iterator[Project]:
    """A calculator with one bug, for folders that say what its runs meet outside."""
    project = make_project(tmp_path)
    with outside(project):
        yield project
