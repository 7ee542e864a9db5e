"""Removing trees: few folders in one thread and many in several, whoever built them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from pytest_agentfix.sandbox.workspace import removal
from pytest_agentfix.sandbox.workspace.descriptors import open_folder
from pytest_agentfix.sandbox.workspace.removal import remove_tree

BOTH_WAYS = pytest.mark.parametrize("number", [1, removal._MANY - 1, removal._MANY, 40])
LONG_NAME = "x" * 250
DEPTH = 20  # of these names: a path longer than any system call takes


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that a tree may point to, and nobody may touch."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "kept.txt").write_text("kept")
    folder.chmod(0o555)
    return folder


def _make_deep(top: Path) -> None:
    parent = os.open(top, os.O_RDONLY)
    for _ in range(DEPTH):
        os.mkdir(LONG_NAME, dir_fd=parent)
        child = os.open(LONG_NAME, os.O_RDONLY, dir_fd=parent)
        os.close(parent)
        parent = child
    os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=parent))
    os.close(parent)


def _make_hostile(folder: Path, outside: Path) -> None:
    """Whatever an agent can leave in a folder of its own."""
    (folder / "locked" / "below").mkdir(parents=True)
    (folder / "locked" / "below" / "file").write_text("x")
    (folder / "to-folder").symlink_to(outside)
    (folder / "to-file").symlink_to(outside / "kept.txt")
    (folder / "loop").symlink_to(folder)
    (folder / "na\nme").mkdir()
    (folder / "na\nme" / "\x1b[31m").write_text("x")
    os.mkfifo(folder / "fifo")
    _make_deep(folder)
    for path in (folder / "locked" / "below", folder / "locked", folder):
        path.chmod(0)


@BOTH_WAYS
def test_all_of_a_tree_goes(
    tmp_path: Path, outside: Path, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    top = tmp_path / "top"
    for index in range(number):
        folder = top / f"folder{index}"
        folder.mkdir(parents=True)
        _make_hostile(folder, outside)
    (top / "file").write_text("x")
    remove_tree(top)
    assert list(tmp_path.iterdir()) == [outside]
    assert (outside / "kept.txt").read_text() == "kept"
    assert outside.stat().st_mode & 0o777 == 0o555
    assert caplog.messages == []


@BOTH_WAYS
def test_one_folder_that_stays_keeps_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    top = tmp_path / "top"
    for name in ("stuck", *(f"folder{index}" for index in range(1, number))):
        (top / name / "below").mkdir(parents=True)
        (top / name / "below" / "file").write_text("x")

    def open_others(name: str | Path, *, parent: int | None = None) -> int:
        if name == "stuck":
            raise OSError(errno.EPERM, "somebody else's")
        return open_folder(name, parent=parent)

    monkeypatch.setattr(removal, "open_folder", open_others)
    remove_tree(top)
    assert [path.name for path in top.iterdir()] == ["stuck"]
    assert caplog.messages[0] == "could not remove stuck: somebody else's"
    assert len(caplog.messages) == 2  # and the top, which holds it
