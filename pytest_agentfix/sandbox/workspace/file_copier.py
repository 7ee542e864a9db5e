"""Copies single files of a tree into a folder, in few calls each: there may be 100,000."""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import Final

from pytest_agentfix.sandbox.workspace.descriptors import FOLDER_FLAGS
from pytest_agentfix.sandbox.workspace.files import READ_FLAGS, copy_content, mode_of, new_file
from pytest_agentfix.sandbox.workspace.tree import BaseFile, regular

OUTSIDE: Final = "its path leads out of the tree"
IRREGULAR: Final = "it is no regular file"
_FRESH: Final = 2_000_000_000  # ns: what changed so lately may change again with the same times
_NO_FOLDER: Final = -1


def sign(info: os.stat_result) -> int:
    """Return a number that changes with the file's size, times, inode or mode."""
    return hash((info.st_size, info.st_mtime_ns, info.st_ctime_ns, info.st_ino, info.st_mode))


class Copier:
    """Copies one path after another; in their order it is fastest.

    A context manager, because it keeps the last path's folders open.
    """

    def __init__(self, top: Path, owner: tuple[int, int] | None) -> None:
        self._top = str(top)
        self._owner = owner
        self._fresh = time.time_ns() - _FRESH
        self._plain: dict[str, bool] = {"": True}  # folders of the source -> is no symlink
        self._made: set[str] = set()
        self._here: tuple[str, str] | None = None  # place and folder of the last path
        self._source = self._target = _NO_FOLDER

    def __enter__(self) -> Copier:  # noqa: PYI034 - nothing derives from it
        return self

    def __exit__(self, *_: object) -> None:
        self._leave()

    def take(self, place: str, path: str) -> tuple[BaseFile, int] | str:
        """Copy ``path`` into the folder ``place``.

        Returns what it is and its signature (see ``sign``), 0 where that would not show a later
        change; or why it is left out. Raises ``OSError``.
        """
        folder, _, name = path.rpartition("/")
        if not self._is_plain(folder):
            return OUTSIDE
        if self._here != (place, folder):
            self._enter(place, folder)
        info = os.stat(name, dir_fd=self._source, follow_symlinks=False)
        if stat.S_ISREG(info.st_mode):
            return self._copy(name)
        if not stat.S_ISLNK(info.st_mode):
            return IRREGULAR
        link = os.readlink(name, dir_fd=self._source)
        os.symlink(link, name, dir_fd=self._into())
        if self._owner is not None:
            os.chown(name, *self._owner, dir_fd=self._into(), follow_symlinks=False)
        return BaseFile(kind="symlink", target=link), self._sign(info)

    def _copy(self, name: str) -> tuple[BaseFile, int] | str:
        source = os.open(name, READ_FLAGS, dir_fd=self._source)
        try:
            info = os.fstat(source)
            if not stat.S_ISREG(info.st_mode):  # replaced since the first look
                return IRREGULAR
            entry = regular(executable=bool(info.st_mode & stat.S_IXUSR))
            target = new_file(name, parent=self._into())
            try:
                copy_content(source, target, info.st_size)
                os.fchmod(target, mode_of(executable=entry.executable))
                if self._owner is not None:
                    os.fchown(target, *self._owner)
                # Build tools compare times.
                os.utime(target, ns=(info.st_mtime_ns, info.st_mtime_ns))
            finally:
                os.close(target)
        finally:
            os.close(source)
        return entry, self._sign(info)

    def _sign(self, info: os.stat_result) -> int:
        return 0 if max(info.st_ctime_ns, info.st_mtime_ns) > self._fresh else sign(info)

    def _is_plain(self, folder: str) -> bool:
        """Return whether no part of ``folder`` is a symlink in the source."""
        if folder not in self._plain:
            parent = folder.rpartition("/")[0]
            is_link = Path(self._top, folder).is_symlink()
            self._plain[folder] = self._is_plain(parent) and not is_link
        return self._plain[folder]

    def _enter(self, place: str, folder: str) -> None:
        """Open the source's folder; the target's follows with the first file."""
        self._leave()
        self._source = os.open(f"{self._top}/{folder}", FOLDER_FLAGS)
        self._here = (place, folder)

    def _into(self) -> int:
        """Make the folder that is copied to, and return its descriptor."""
        if self._target == _NO_FOLDER and self._here is not None:
            place, folder = self._here
            self._make(place, folder)
            self._target = os.open(f"{place}/{folder}", FOLDER_FLAGS)
        return self._target

    def _make(self, place: str, folder: str) -> None:
        path = f"{place}/{folder}"
        if not folder or path in self._made:
            return
        self._make(place, folder.rpartition("/")[0])
        made = Path(path)
        made.mkdir(exist_ok=True)
        made.chmod(0o755)  # independent of the umask
        if self._owner is not None:
            os.chown(path, *self._owner)
        self._made.add(path)

    def _leave(self) -> None:
        for fd in (self._source, self._target):
            if fd != _NO_FOLDER:
                os.close(fd)
        self._here = None
        self._source = self._target = _NO_FOLDER
