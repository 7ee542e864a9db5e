"""The one-commit repository an agent finds in its workspace."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import DiskFullError, WorkspaceError
from pytest_agentfix.repository.git import Git, GitFailure, is_disk_full
from pytest_agentfix.repository.index import SYMLINK, Index, mode_of

# The bytes as they are: no conversion of line ends, no filter, no encoding.
_ATTRIBUTES = "* -text -filter -ident -working-tree-encoding\n"
_COMMIT = b"""commit refs/heads/main
committer pytest-agentfix <agent-fix@localhost> 946684800 +0000
data 29
The tree as the tests saw it
"""
# One pack, uncompressed and without deltas: it is read a few times and thrown away.
_QUICK = (
    *("-c", "core.compression=0", "-c", "core.bigFileThreshold=1m"),
    *("-c", "fastimport.unpackLimit=1", "-c", "core.logAllRefUpdates=false"),
    # Allow names that other systems cannot have: the tests had them; nothing is checked out.
    *("-c", "core.protectNTFS=false", "-c", "core.protectHFS=false"),
)
_CHUNK: Final = 1 << 20


def make_snapshot(folder: Path) -> None:
    """Make ``folder``, a plain tree of the user's files, a git repository with one commit.

    It has no history, remotes or hooks, holds ignored files too, and none of the user's git
    configuration takes part. Raises ``WorkspaceError`` or ``DiskFullError``.
    """
    git = Git(folder).at(git_dir=folder / ".git", work_tree=folder).without_user_config()
    try:
        _commit_all(git, folder)
    except GitFailure as failure:
        raise _translate(failure.words, is_full=failure.is_disk_full) from failure
    except OSError as error:
        raise _translate(str(error), is_full=is_disk_full(error)) from error


def _commit_all(git: Git, folder: Path) -> None:
    # SHA-1, whatever git's own default is: the index below is of that form.
    form = "--object-format=sha1"
    git.run("init", "--quiet", "--template=", "--initial-branch=main", form)
    info = folder / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(_ATTRIBUTES, encoding="ascii")
    index = Index()
    git.feed(*_QUICK, "fast-import", "--quiet", "--depth=0", chunks=_stream(folder, index))
    index.write(folder / ".git" / "index")
    git.run("write-tree", "--missing-ok")  # caches the trees in the index, which makes status quick


def _stream(folder: Path, index: Index) -> Iterator[bytes]:
    """Yield all of ``folder`` for ``git fast-import``, while ``index`` gets to know it."""
    yield _COMMIT
    for path in _files(os.fsencode(folder)):
        info = os.lstat(os.fsencode(folder) + b"/" + path)
        mode = mode_of(info)
        size = info.st_size
        digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
        yield b"M %o inline %s\ndata %d\n" % (mode, _quoted(path), size)
        for chunk in _content(os.fsencode(folder) + b"/" + path, mode, size):
            digest.update(chunk)
            yield chunk
        yield b"\n"
        index.add(path, info, digest.digest())


def _files(top: bytes) -> Iterator[bytes]:
    """Yield files and symlinks below ``top`` in the order of their paths' bytes."""
    pending = [b""]
    while pending:
        path = pending.pop()
        if path and not path.endswith(b"/"):
            yield path
            continue
        with os.scandir(top + b"/" + path) as entries:
            found = [
                path + entry.name + (b"/" if entry.is_dir(follow_symlinks=False) else b"")
                for entry in entries
            ]
        pending += sorted((name for name in found if name != b".git/"), reverse=True)


def _content(path: bytes, mode: int, size: int) -> Iterator[bytes]:
    """Yield what git keeps of a file, ``size`` bytes; raises ``OSError`` where it is shorter."""
    if mode == SYMLINK:
        yield os.readlink(path)  # noqa: PTH115 - bytes
        return
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        while size > 0:
            chunk = os.read(fd, min(size, _CHUNK))
            if not chunk:
                raise OSError(f"{os.fsdecode(path)} was cut short")
            size -= len(chunk)
            yield chunk
    finally:
        os.close(fd)


def _quoted(path: bytes) -> bytes:
    """Quote a path for ``git fast-import``."""
    if not path.startswith(b'"') and b"\n" not in path:
        return path
    return b'"' + re.sub(rb'["\\\n]', lambda found: b"\\%03o" % ord(found[0]), path) + b'"'


def _translate(words: str, *, is_full: bool) -> WorkspaceError | DiskFullError:
    if is_full:
        return DiskFullError(
            "The disk is full while making a workspace a git repository.",
            "Make room, or set TMPDIR to a larger disk, and run pytest again.",
        )
    return WorkspaceError(
        f"A workspace could not be made a git repository: {words}",
        "Check that git works in the folder for temporary files (TMPDIR).",
    )
