"""Reading and writing single files, and what goes wrong with them in the user's words."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytest_agentfix.errors import DiskFullError, WorkspaceError
from pytest_agentfix.policy import display

CHUNK: Final = 1 << 20
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
        raise _translate(error, path, doing) from error


def is_inside(path: str) -> bool:
    """Whether ``path`` stays in the folder it is joined to, and out of git's own."""
    parts = path.split("/")
    return "\0" not in path and not any(
        part in ("", ".", "..") or part.lower() == ".git" for part in parts
    )


def digest_of(content: bytes) -> str:
    """The sha256 of ``content``, in hex."""
    return hashlib.sha256(content).hexdigest()


def digest_stream(fd: int) -> str:
    """The sha256 of what is left to read in ``fd``, in hex, a chunk at a time."""
    digest = hashlib.sha256()
    while chunk := os.read(fd, CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def read_up_to(fd: int, limit: int) -> bytes:
    """The next ``limit`` bytes of ``fd``, fewer at its end."""
    chunks = []
    while limit > 0 and (chunk := os.read(fd, min(limit, CHUNK))):
        chunks.append(chunk)
        limit -= len(chunk)
    return b"".join(chunks)


def write_new(path: Path, content: bytes, *, executable: bool) -> None:
    """Make a new file; never opens one that is there, nor follows a symlink."""
    fd = os.open(path, _NEW_FLAGS, 0o600)
    try:
        _write_all(fd, content)
        os.fchmod(fd, _mode(executable=executable))
    finally:
        os.close(fd)


def copy_with_digest(source: int, target: Path) -> tuple[int, str]:
    """Copy the open ``source`` to a new file and return the size and sha256 of what was copied."""
    info, digest, size = os.fstat(source), hashlib.sha256(), 0
    fd = os.open(target, _NEW_FLAGS, 0o600)
    try:
        while chunk := os.read(source, CHUNK):
            digest.update(chunk)
            size += len(chunk)
            _write_all(fd, chunk)
        _finish(fd, info, executable=is_executable(info))
    finally:
        os.close(fd)
    return size, digest.hexdigest()


def copy_file(source: Path, target: Path, *, executable: bool) -> None:
    """Copy a regular file to a new one, sharing blocks where the file system can; no hard link."""
    source_fd = os.open(source, READ_FLAGS)
    try:
        fd = os.open(target, _NEW_FLAGS, 0o600)
        try:
            _copy_content(source_fd, fd)
            _finish(fd, os.fstat(source_fd), executable=executable)
        finally:
            os.close(fd)
    finally:
        os.close(source_fd)


def is_executable(info: os.stat_result) -> bool:
    """The executable bit as git sees it: the owner's."""
    return bool(info.st_mode & stat.S_IXUSR)


def _copy_content(source: int, target: int) -> None:
    try:
        # Clones blocks by itself on file systems that can (btrfs, XFS).
        while os.copy_file_range(source, target, 1 << 30):
            pass
    except (OSError, AttributeError) as error:  # the call is Linux's
        if isinstance(error, OSError) and error.errno not in _NO_KERNEL_COPY:
            raise
    # Some file systems report an early end instead of an error, so always read to the real one.
    while chunk := os.read(source, CHUNK):
        _write_all(target, chunk)


def _finish(fd: int, info: os.stat_result, *, executable: bool) -> None:
    """Mode as git keeps it, and the time as it was: build tools compare times."""
    os.fchmod(fd, _mode(executable=executable))
    os.utime(fd, ns=(info.st_mtime_ns, info.st_mtime_ns))


def _mode(*, executable: bool) -> int:
    return 0o755 if executable else 0o644


def _write_all(fd: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]


def _translate(error: OSError, path: str, doing: str) -> DiskFullError | WorkspaceError:
    shown = display(path)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"The disk is full while {doing} {shown}.",
            "Make room, or set TMPDIR to a larger disk, and run pytest again.",
        )
    if error.errno in (errno.EACCES, errno.EPERM):
        return WorkspaceError(
            f"Permission was denied while {doing} {shown}.",
            "Make it readable for the user that runs pytest, or add it to .gitignore.",
        )
    return WorkspaceError(
        f"{error.strerror or error} while {doing} {shown}.",
        "Check the file and the disk it is on, and run pytest again.",
    )
