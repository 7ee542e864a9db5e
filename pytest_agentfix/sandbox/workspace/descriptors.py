"""Opening what an agent left behind: by descriptor, without following, without waiting."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from pytest_agentfix.sandbox.workspace.files import READ_FLAGS

FOLDER_FLAGS: Final = READ_FLAGS | os.O_DIRECTORY


def open_folder(name: str | Path, *, parent: int | None = None) -> int:
    """Open a folder, and let its owner list, change and search it from now on.

    Raises ``OSError``: of a symlink, of something else than a folder, of somebody else's.
    """
    fd = _open_by_force(name, FOLDER_FLAGS, parent)
    try:
        mode = stat.S_IMODE(os.fstat(fd).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            os.fchmod(fd, mode | stat.S_IRWXU)
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_file(name: str, *, parent: int) -> int:
    """Open a file for reading; the caller has to ``fstat`` what it got. Raises ``OSError``."""
    return _open_by_force(name, READ_FLAGS, parent)


def _open_by_force(name: str | Path, flags: int, parent: int | None) -> int:
    try:
        return os.open(name, flags, dir_fd=parent)
    except PermissionError:
        _let_owner_in(name, parent)
        return os.open(name, flags, dir_fd=parent)


def _let_owner_in(name: str | Path, parent: int | None) -> None:
    """Add the owner's rights to a folder or regular file, and to nothing it might point to."""
    if not hasattr(os, "O_PATH"):
        raise PermissionError(f"cannot open {name!r} up")
    fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        mode = os.fstat(fd).st_mode
        if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
            wanted = stat.S_IRWXU if stat.S_ISDIR(mode) else stat.S_IRUSR
            Path(f"/proc/self/fd/{fd}").chmod(stat.S_IMODE(mode) | wanted)
    finally:
        os.close(fd)
