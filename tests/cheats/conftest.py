"""Rooms for the judge that live as long as the test process: setting one up takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.cases import SUBJECTS
from tests.cheats.judge_kit import Room

OpenRoom = Callable[[str], Room]


@pytest.fixture(scope="session")
def open_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenRoom]:
    engine = Engine.connect()
    rooms: dict[str, Room] = {}

    def open_once(name: str) -> Room:
        if name not in rooms:
            folder = tmp_path_factory.mktemp(name)
            rooms[name] = Room(folder, SUBJECTS[name].files, engine=engine)
        return rooms[name]

    yield open_once
    for room in rooms.values():
        room.close()
    engine.close()
