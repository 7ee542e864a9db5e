"""Judged projects that live as long as the test process: setting one up takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.cases import SUBJECTS
from tests.cheats.judge_kit import JudgedProject

OpenProject = Callable[[str], JudgedProject]


@pytest.fixture(scope="session")
def open_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenProject]:
    engine = Engine.connect()
    projects: dict[str, JudgedProject] = {}

    def open_once(name: str) -> JudgedProject:
        if name not in projects:
            folder = tmp_path_factory.mktemp(name)
            projects[name] = JudgedProject(folder, SUBJECTS[name].files, engine=engine)
        return projects[name]

    yield open_once
    for project in projects.values():
        project.close()
    engine.close()
