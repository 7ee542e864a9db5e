"""Imports go one way, and each outside world has one door."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_agentfix

PACKAGE = Path(pytest_agentfix.__file__).parent

# From the inside out. A part imports from the rows above its own, and from itself.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("core",),
    ("repair", "judge", "agents", "gateway", "sandbox", "repository", "report"),
    ("testing",),
    ("runtime",),
    ("pytest_hooks",),
    ("hookspecs",),
    ("plugin",),
)


def find_layer(part: str) -> int:
    """Return the number of the row that ``part`` is in; ``StopIteration`` where it is in none."""
    return next(number for number, row in enumerate(LAYERS) if part in row)


def find_part(path: Path) -> str:
    """Return the module or package directly below the package that ``path`` belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def iter_imports(path: Path) -> Iterator[str]:
    """Yield every module that ``path`` imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


SOURCES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    part = find_part(path)
    allowed = {part}.union(*LAYERS[: find_layer(part)])
    assert {
        name.split(".")[1] for name in iter_imports(path) if name.startswith("pytest_agentfix.")
    } <= allowed


@pytest.mark.parametrize(("library", "part"), [("docker", "sandbox"), ("git", "repository")])
def test_each_outside_world_has_one_door(library: str, part: str) -> None:
    parts = {
        find_part(path)
        for path in SOURCES
        if any(name.partition(".")[0] == library for name in iter_imports(path))
    }
    assert parts == {part}


@pytest.mark.parametrize("name", ["guest.py", "inspect_sandbox.py", "write_files.py"])
def test_what_runs_in_a_sandbox_needs_the_standard_library_only(name: str) -> None:
    imported = set(iter_imports(PACKAGE / "sandbox" / "in_sandbox" / name))
    assert not [module for module in imported if module.startswith("pytest_agentfix")]
