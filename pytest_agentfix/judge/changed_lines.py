"""A change set as changed lines, and as files to write into a sandbox (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, ReadBase, read_content
from pytest_agentfix.judge.lint.file_diff import find_added
from pytest_agentfix.judge.sessions.orders import Files


def find_changed_lines(
    changes: ChangeSet, read_base: ReadBase, *, top: Path
) -> dict[str, list[int]]:
    """Map the absolute path of each changed Python file to its new or moved lines, from 1.

    A line that was only deleted is represented by the line that took its place.
    """
    found = {}
    for path, change in changes.files.items():
        if change.content is not None and path.endswith(".py"):
            base = read_content(read_base, path) or b""
            found[str(top / path)] = _compare(base, change.content)
    return {path: lines for path, lines in found.items() if lines}


def _compare(old: bytes, new: bytes) -> list[int]:
    before, after = _read_lines(old), _read_lines(new)
    added = sorted(find_added(before, after))
    if added or not after:
        return added
    same = zip(before, after, strict=False)
    first = next((i for i, (a, b) in enumerate(same) if a != b), len(after) - 1)
    return [first + 1] if before != after else []


def _read_lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "backslashreplace").splitlines()


def undo(changes: ChangeSet, read_base: ReadBase, *, top: Path) -> Files:
    """Return the files that turn a tree with ``changes`` back into the base."""
    return render_files(ChangeSet(), read_base, top=top, paths=changes.files)


def render_files(
    changes: ChangeSet, read_base: ReadBase, *, top: Path, paths: Iterable[str]
) -> dict[str, bytes | None]:
    """Map the absolute form of each of ``paths`` to its content in the base with ``changes``."""
    files: dict[str, bytes | None] = {}
    for path in paths:
        change = changes.files.get(path)
        files[str(top / path)] = change.content if change else read_content(read_base, path)
    return files
