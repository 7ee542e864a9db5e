"""The walk over what an overlay took in: as long as the change, not as the repository.

An overlay's upper folder says by itself what became of the base, in marks that the kernel makes:
a whiteout (character device 0:0) for what was removed, and ``user.overlay.opaque`` on a folder
that was made anew, which hides all that the base has there. Through the mount nobody can make
such a device, nor set such an attribute; an entry with any other mark is not taken.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import Collected, FileChange
from pytest_agentfix.sandbox.workspace.collecting import (
    CollectRequest,
    Folder,
    Walk,
    is_at_or_below,
)
from pytest_agentfix.sandbox.workspace.entry_comparison import UNREADABLE
from pytest_agentfix.sandbox.workspace.entry_kinds import could_be_planted

_OPAQUE: Final = "user.overlay.opaque"
# With these the kernel shows another content, or another place's, than the upper folder has.
_MISLEADING: Final = frozenset(
    f"{realm}.overlay.{mark}"
    for realm in ("user", "trusted")
    for mark in ("redirect", "metacopy", "whiteout")
)


def collect_upper(upper: Path, request: CollectRequest) -> Collected:
    """Read what the upper folder makes of the base; raises ``OSError`` when it cannot."""
    return _UpperWalk(request).run(upper)


class _UpperWalk(Walk):
    """A walk that meets only what was written, moved or removed."""

    def __init__(self, request: CollectRequest) -> None:
        super().__init__(request)
        self._covers: set[str] = set()  # nothing of the base's copy shows here, nor below

    def enter(self, fd: int, path: str) -> bool:
        """Look at a folder's marks; ``False`` when it was refused."""
        try:
            marks = set(os.listxattr(fd))
            is_opaque = _OPAQUE in marks
            if not _MISLEADING.isdisjoint(marks) or (
                is_opaque and os.getxattr(fd, _OPAQUE) != b"y"
            ):
                self.refuse(path, UNREADABLE)
                return False
        except OSError:
            self.refuse(path, UNREADABLE)
            return False
        if is_opaque:
            self._covers.add(path)
        return True

    def is_gone(self, path: str, info: os.stat_result) -> bool:
        """Return whether this is a whiteout; what takes the place of a folder hides it as well."""
        if not stat.S_ISDIR(info.st_mode):
            self._covers.add(path)
        return _is_whiteout(info)

    def names_of(self, folder: Folder, names: list[str]) -> list[str]:
        """Return all that the sandbox sees there, where it could make the folder a repository."""
        if not could_be_planted(names):
            return names
        there = [name for name in names if not _is_whiteout(_look(folder, name))]
        if not self._is_covered(folder.path):
            there += [
                name
                for name in self.files.names_in(folder.path) - set(names)
                if not self.is_left_out(folder.join(name))
            ]
        return there

    def examine(self, fd: int, path: str) -> FileChange | str | None:
        """Compare an open file with the base, unless its marks mislead."""
        return super().examine(fd, path) if _MISLEADING.isdisjoint(os.listxattr(fd)) else UNREADABLE

    def find_missing(self) -> Iterable[str]:
        """Return the files of the base that are hidden, and those of fixes that are not there."""
        copied, delta = self.files.copied, self.files.delta
        missing: set[str] = set()
        for path in self._covers:
            if path in self.files:
                missing.add(path)
            missing.update(self.files.below(path))
        for path in delta.keys() - self.seen:
            if path in copied and not self._is_covered(path):
                # Cannot be, unless the fix was never written.
                self.findings.drop(path, "it is as it was before the fix")
            elif path in self.files:
                missing.add(path)
        return missing - self.seen

    def _is_covered(self, path: str) -> bool:
        return "" in self._covers or is_at_or_below(path, self._covers)


def _is_whiteout(info: os.stat_result | None) -> bool:
    return info is not None and stat.S_ISCHR(info.st_mode) and info.st_rdev == 0


def _look(folder: Folder, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=folder.fd, follow_symlinks=False)
    except OSError:
        return None
