"""Fixtures of the tests on a real engine, and a look at what each of them left behind."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.register_assert_rewrite("tests.kits.sandbox_contract")

from pytest_agentfix.sandbox.engine import Engine  # noqa: E402
from pytest_agentfix.sandbox.scratch import owner_name, scratch_root  # noqa: E402
from tests.engine.image_kit import new_image_name, python_image, remove_image  # noqa: E402
from tests.engine.sandbox_kit import Place, volumes_of  # noqa: E402
from tests.kits.sandbox_contract import MakeRunner  # noqa: E402


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    engine = Engine.connect()
    yield engine
    engine.close()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scratch root of this test's own, where the package looks for it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return scratch_root()


@pytest.fixture(autouse=True)
def residue(engine: Engine, root: Path) -> Iterator[None]:
    """After every test nothing of its may be left: no container, volume or scratch folder."""
    yield
    until = time.monotonic() + 90  # the engine removes what ended by itself in its own time
    while (left := _residue(engine, root)) and time.monotonic() < until:
        time.sleep(0.1)
    assert left == []


def _residue(engine: Engine, root: Path) -> list[str]:
    containers = engine.sessions(owner_name(root))
    volumes = volumes_of(engine, root)
    folders = sorted(root.iterdir()) if root.exists() else []
    return [
        *(f"container {identity}" for found in containers.values() for identity in found),
        *(f"volume {name}" for name in volumes),
        *(f"folder {folder}" for folder in folders),
    ]


@pytest.fixture
def place(engine: Engine, root: Path, residue: None) -> Iterator[Place]:
    place = Place(engine, root)
    yield place
    place.close()


@pytest.fixture
def make_runner(place: Place) -> MakeRunner:
    return place.runner


@pytest.fixture(scope="session")
def image(engine: Engine) -> Iterator[str]:
    """An image of a user's own: this Python and nothing else."""
    name = new_image_name()
    engine.import_image(name, python_image())
    yield name
    remove_image(name)
