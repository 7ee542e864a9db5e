"""Reading and writing single files, and what goes wrong with them in the user's words."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import DiskFullError, WorkspaceError
from pytest_agentfix.core.paths import display

CHUNK: Final = 1 << 20
_SMALL: Final = 1 << 16  # bytes of a file that is read at one go
READ_FLAGS: Final = (
    os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | getattr(os, "O_CLOEXEC", 0)
)
_NEW_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_NO_KERNEL_COPY: Final = frozenset({errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS})


@contextmanager
def translated(path: str, doing: str) -> Iterator[None]:
    """Turn an ``OSError`` around ``path`` into an error with a next step."""
    try:
        yield
    except OSError as error:
        raise as_error(error, path, doing) from error


def is_inside(path: str) -> bool:
    """Return whether ``path`` stays in the folder it is joined to, and out of git's own."""
    parts = path.split("/")
    return "\0" not in path and not any(
        part in ("", ".", "..") or part.lower() == ".git" for part in parts
    )


def is_same_content(first: int, second: int) -> bool:
    """Return whether what is left to read in two descriptors is the same, a chunk at a time."""
    while True:
        ours, theirs = read_up_to(first, CHUNK), read_up_to(second, CHUNK)
        if ours != theirs:
            return False
        if not ours:
            return True


def is_same_file(path: Path, copy: Path, *, executable: bool) -> bool:
    """Return whether ``path`` is a regular file like ``copy``; raises ``OSError``."""
    with opened(path) as first, opened(copy) as second:
        ours, theirs = os.fstat(first), os.fstat(second)
        if not stat.S_ISREG(ours.st_mode) or is_executable(ours) != executable:
            return False
        return ours.st_size == theirs.st_size and is_same_content(first, second)


@contextmanager
def opened(path: Path) -> Iterator[int]:
    """Open a file for reading, without following or waiting; raises ``OSError``."""
    fd = os.open(path, READ_FLAGS)
    try:
        yield fd
    finally:
        os.close(fd)


def read_up_to(fd: int, limit: int) -> bytes:
    """Read the next ``limit`` bytes of ``fd``, fewer at its end."""
    chunks = []
    while limit > 0 and (chunk := os.read(fd, min(limit, CHUNK))):
        chunks.append(chunk)
        limit -= len(chunk)
    return b"".join(chunks)


def new_file(name: str | Path, *, parent: int | None = None) -> int:
    """Create a file that only its owner may read; never opens one that is there."""
    return os.open(name, _NEW_FLAGS, 0o600, dir_fd=parent)


def write_new(path: Path, content: bytes, *, executable: bool) -> None:
    """Make a new file; never opens one that is there, nor follows a symlink."""
    fd = new_file(path)
    try:
        _write_all(fd, content)
        os.fchmod(fd, mode_of(executable=executable))
    finally:
        os.close(fd)


def copy_file(source: Path, target: Path, *, executable: bool) -> None:
    """Copy a regular file to a new one, sharing blocks where the file system can; no hard link."""
    with opened(source) as source_fd:
        fd = new_file(target)
        try:
            info = os.fstat(source_fd)
            copy_content(source_fd, fd, info.st_size)
            os.fchmod(fd, mode_of(executable=executable))
            os.utime(fd, ns=(info.st_mtime_ns, info.st_mtime_ns))  # build tools compare times
        finally:
            os.close(fd)


def give_to(folder: Path, owner: tuple[int, int]) -> None:
    """Make ``owner`` (uid, gid) the owner of ``folder`` and all in it."""
    with translated(str(folder), "changing the owner of"):
        for parent, folders, files in os.walk(folder):
            os.chown(parent, *owner, follow_symlinks=False)
            for name in (*folders, *files):
                os.chown(os.path.join(parent, name), *owner, follow_symlinks=False)  # noqa: PTH118


def is_executable(info: os.stat_result) -> bool:
    """Return the executable bit as git sees it: the owner's."""
    return bool(info.st_mode & stat.S_IXUSR)


def copy_content(source: int, target: int, size: int) -> None:
    """Copy all of a file that is about ``size`` bytes long."""
    if size < _SMALL:  # at one go, where it is as long as it was
        content = os.read(source, _SMALL)
        _write_all(target, content)
        if len(content) <= size:
            return
    else:
        _copy_by_kernel(source, target)
    # Some file systems report an early end instead of an error, so always read to the real one.
    while chunk := os.read(source, CHUNK):
        _write_all(target, chunk)


def _copy_by_kernel(source: int, target: int) -> None:
    try:
        # Clones blocks by itself on file systems that can (btrfs, XFS).
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except (OSError, AttributeError) as error:  # the call is Linux's
        if isinstance(error, OSError) and error.errno not in _NO_KERNEL_COPY:
            raise


def mode_of(*, executable: bool) -> int:
    """Return the mode as git keeps it."""
    return 0o755 if executable else 0o644


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def as_error(error: OSError, path: str, doing: str) -> DiskFullError | WorkspaceError:
    """Translate an ``OSError`` about ``path`` into an error with a next step."""
    shown = display(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"The disk is full while {doing} {shown}.",
            "Make room, or set TMPDIR to a larger disk, and run pytest again.",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return WorkspaceError(
            f"Permission was denied while {doing} {shown}.",
            "Give the user that runs pytest access to it; what git does not track and no test "
            "needs can go into .gitignore instead.",
        )
    return WorkspaceError(
        f"{error.strerror or error} while {doing} {shown}.",
        "Check the file and the disk it is on, and run pytest again.",
    )
