"""Imports go one way, and each outside world has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_agentfix

PACKAGE = Path(pytest_agentfix.__file__).parent

# From the inside out. A module may import from its own layer and from those before it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("model", "errors", "sources", "stock", "jobs", "interruption",
     "plain_imports", "comparing"),
    ("ports",),
    ("settings", "options", "values", "markers", "report", "policy", "lint", "clusters", "prompt",
     "causes", "holdout", "minimal",
     "cutting", "excerpts", "callees", "frames", "targets", "telling", "conflict",
     "message", "items", "raised", "pytest_internals",
     "parting", "merging", "train", "work", "repair", "selection", "failures",
     "arguments", "argument_table"),
    ("sandbox", "agents", "gateway", "repository", "workspace", "judge", "standby"),
    ("testing",),
    ("scope",),
    ("finding",),
    ("setup", "sandboxes", "gateways"),
    ("crew", "bench", "clearing", "listing"),
    ("aftercare",),
    ("wanted", "readying"),
    ("headstart", "ready"),
    ("workshop",),
    ("schedule",),
    ("run",),
    ("late",),
    ("wiring",),
    ("invocation", "progress"),
    ("session",),
    ("plugin",),
)  # fmt: skip

# Imported inside a function, for a reason that is said there.
LATE = {("session", "wiring")}


def layer_of(room: str) -> int:
    """The number of the layer that ``room`` is in."""
    return next(number for number, rooms in enumerate(LAYERS) if room in rooms)


def room_of(path: Path) -> str:
    """The module or package directly below the package that ``path`` belongs to."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports_of(path: Path) -> Iterator[str]:
    """Every module that ``path`` imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    room = room_of(path)
    rooms = {
        name.split(".")[1]
        for name in imports_of(path)
        if name.startswith("pytest_agentfix.") and name.count(".")
    }
    ours = {other for other in rooms if any(other in layer for layer in LAYERS)}
    wrong = {
        other
        for other in ours - {room}
        if layer_of(other) > layer_of(room) and (room, other) not in LATE
    }
    assert wrong == set()


def test_every_room_has_its_layer() -> None:
    rooms = {room_of(path) for path in SOURCES} - {"__main__"}
    assert {room for room in rooms if not any(room in layer for layer in LAYERS)} == set()


@pytest.mark.parametrize(("library", "room"), [("docker", "sandbox"), ("git", "repository")])
def test_each_outside_world_has_one_door(library: str, room: str) -> None:
    rooms = {
        room_of(path)
        for path in SOURCES
        if any(name.partition(".")[0] == library for name in imports_of(path))
    }
    assert rooms == {room}


@pytest.mark.parametrize("name", ["guest.py", "_inspect.py", "_lay.py"])
def test_what_runs_in_a_sandbox_needs_the_standard_library_only(name: str) -> None:
    imported = set(imports_of(PACKAGE / "sandbox" / name))
    assert not [module for module in imported if module.startswith("pytest_agentfix")]
