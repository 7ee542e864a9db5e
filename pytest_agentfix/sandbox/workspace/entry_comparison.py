"""Single entries of a workspace, compared with what the base has there."""

from __future__ import annotations

import os
import stat

from pytest_agentfix.core.model import FileChange
from pytest_agentfix.sandbox.workspace.base import Base
from pytest_agentfix.sandbox.workspace.entry_kinds import describe_kind
from pytest_agentfix.sandbox.workspace.files import (
    is_executable,
    is_same_content,
    opened,
    read_up_to,
)
from pytest_agentfix.sandbox.workspace.limits import Limits
from pytest_agentfix.sandbox.workspace.tree import BaseFile

UNREADABLE = "it cannot be read"


def compare_link(name: str, folder: int, info: os.stat_result, known: BaseFile) -> str:
    """Return why an entry is not the base's symlink any more, or ""."""
    if not stat.S_ISLNK(info.st_mode):
        return "symbolic link replaced"
    try:
        target = os.readlink(name, dir_fd=folder)
    except OSError:
        return UNREADABLE
    return "" if target == known.target else "symbolic link changed"


def compare_file(fd: int, path: str, base: Base, limits: Limits) -> FileChange | str | None:
    """Return an open file's change, a reason to leave it out, or ``None``: as in the base.

    Raises ``OSError`` or ``WorkspaceError`` when one of the two cannot be read.
    """
    info = os.fstat(fd)
    if not stat.S_ISREG(info.st_mode):
        return describe_kind(info.st_mode)
    if info.st_mode & (stat.S_ISUID | stat.S_ISGID | stat.S_ISVTX):
        return "setuid, setgid or sticky bit"
    is_small = info.st_size <= limits.file_bytes
    # One byte more than allowed tells a file that grew since; a large one is never held.
    content = read_up_to(fd, limits.file_bytes + 1) if is_small else None
    executable = is_executable(info)
    known = base.files.get(path)
    is_alike = known is not None and known.executable == executable
    if is_alike and _is_same(fd, content, info.st_size, path, base):
        return None
    if info.st_nlink > 1:
        return "hard link"
    if content is None or len(content) > limits.file_bytes:
        return f"too large: more than {limits.file_bytes} bytes"
    return FileChange(content, executable)


def is_as_usable(fd: int, path: str, base: Base) -> bool:
    """Return whether an open file like the base's has no other name, and its owner's rights to it.

    The base is one without changes. Raises ``OSError``.
    """
    info, original = os.fstat(fd), base.place.copy_of(path).stat()
    lacking = original.st_mode & stat.S_IRWXU & ~info.st_mode
    return info.st_nlink == 1 and not lacking


def _is_same(fd: int, content: bytes | None, size: int, path: str, base: Base) -> bool:
    """Return whether the content is the base's; ``None`` is a large one, still to be read."""
    if path in base.overlay:
        original = base.overlay[path].content or b""
        if content is None:
            return size == len(original) and read_up_to(fd, size + 1) == original
        return content == original
    with opened(base.place.copy_of(path)) as copy:
        if os.fstat(copy).st_size != size:
            return False
        if content is None:
            return is_same_content(fd, copy)
        return content == read_up_to(copy, size + 1)
