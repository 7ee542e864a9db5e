"""A journal of a landing under way, with which one that a kill cut short is brought to its end.

A killed process leaves git's lock of the index, files that were staged in the work tree, and in the
worst case a branch that has moved while index and files have not. Each of them is entered before it
is made. The journal is in the scratch folder of a session, and whoever clears up after the session
settles it first.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.repository.git import GitFailure
from pytest_agentfix.repository.open import Repository
from pytest_agentfix.repository.refs import Refs

FOLDER = "landing"  # begins the name of the folder of a session that has the journal
_NAME = "journal"
_NONSENSE = (ValueError, TypeError, LookupError)

Stamp = list[int] | None  # a file's inode, size and time; ``None`` where there is none


@dataclass(frozen=True, slots=True)
class LandingJournal:
    """The journal of one landing at a time, in ``folder``, which also takes temporary files."""

    folder: Path

    def lock(self, lock: Path, inode: int) -> None:
        """Enter a lock that is ours if it has this inode."""
        self._add("lock", str(lock), inode)

    def make_file(self, path: Path) -> None:
        """Enter a file that is going to be made for a moment."""
        self._add("file", str(path))

    def stage(self, source: Path, target: Path) -> None:
        """Enter a file ``source`` that is going to be written, and to replace ``target``."""
        self._add("stage", str(source), str(target), _stamp(target))

    def delete(self, target: Path) -> None:
        """Enter a file that is going to be deleted."""
        self._add("delete", str(target), _stamp(target))

    def make_folder(self, folder: Path) -> None:
        """Enter a folder that is going to be made in the work tree."""
        self._add("folder", str(folder))

    def move(self, top: Path, *, branch: str, new: str) -> None:
        """Enter that ``branch`` of the repository at ``top`` is going to be at ``new``."""
        self._add("move", str(top), branch, new)

    def close(self) -> None:
        """Forget the landing: nothing of it is left to be done."""
        (self.folder / _NAME).unlink(missing_ok=True)

    def _add(self, *entry: object) -> None:
        with (self.folder / _NAME).open("a", encoding="ascii") as stream:
            stream.write(json.dumps(entry) + "\n")


def settle_landings(session: Path) -> None:
    """Settle what a dead session, whose scratch folder this is, had begun to land.

    Where its commit is on the branch, index and files follow, but for files that somebody has
    changed since; where it is not, all is taken back. Never raises.
    """
    for journal in session.glob(f"{FOLDER}-*/{_NAME}"):
        with contextlib.suppress(AgentFixError, GitFailure, OSError, *_NONSENSE):
            _settle(list(_read(journal)))


def _read(journal: Path) -> Iterator[list[Any]]:
    """Yield the entries that are whole."""
    for line in journal.read_text("ascii").splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)


def _settle(entries: list[list[Any]]) -> None:
    is_moved = any(_is_moved(*entry[1:]) for entry in entries if entry[0] == "move")
    for kind, *rest in entries:
        if kind == "file":
            Path(rest[0]).unlink(missing_ok=True)
        elif kind == "lock":
            _release(Path(rest[0]), rest[1], is_moved=is_moved)
        elif kind == "stage":
            _place(Path(rest[0]), Path(rest[1]), rest[2], is_moved=is_moved)
        elif kind == "delete" and is_moved and _stamp(Path(rest[0])) == rest[1]:
            Path(rest[0]).unlink(missing_ok=True)
    for kind, *rest in reversed(entries):
        if kind == "folder":
            with contextlib.suppress(OSError):  # not empty: it is in use now
                Path(rest[0]).rmdir()


def _is_moved(top: str, branch: str, new: str) -> bool:
    repository = Repository.open(Path(top))
    return Refs(repository.git, len(repository.head)).read(f"refs/heads/{branch}") == new


def _release(lock: Path, inode: int, *, is_moved: bool) -> None:
    """Put the index that the lock holds in its place, or take the lock away, if it is ours."""
    stamp = _stamp(lock)
    if stamp is None or stamp[0] != inode:
        return
    if is_moved:
        lock.replace(lock.with_suffix(""))
    else:
        lock.unlink()


def _place(source: Path, target: Path, stamp: Stamp, *, is_moved: bool) -> None:
    if is_moved and source.exists() and _stamp(target) == stamp:
        source.replace(target)
    else:
        source.unlink(missing_ok=True)


def _stamp(path: Path) -> Stamp:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return [status.st_ino, status.st_size, status.st_mtime_ns]
