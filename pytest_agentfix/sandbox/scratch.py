"""The scratch folder of a session, its lock, and the sweep of what dead sessions left.

Every session holds a lock on a file in its folder for as long as its process lives. Whoever can
take that lock knows that the session is dead, however it died, and clears up after it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import platform
import secrets
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from pytest_agentfix.core.errors import DiskFullError, WorkspaceError
from pytest_agentfix.sandbox.workspace.removal import remove_tree

LOCK: Final = "lock"
KEPT: Final = (
    "kept"  # this file marks a session that the user wants to look at: no sweep removes it
)
MAKING: Final = 3600  # seconds that making or removing a session's folder takes at most


class Scratch:
    """A private folder on the host that lives as long as one session."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.session = secrets.token_hex(8)
        self.path = root / self.session
        try:
            self._lock = self._make()
        except OSError as error:
            raise _translate(error, root) from None

    def _make(self) -> IO[bytes]:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_root(self.root)
        # Made under another name and locked first: a sweep never meets an unlocked live folder.
        draft = self.root / f".{self.session}"
        draft.mkdir(mode=0o700)
        lock = (draft / LOCK).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(self.path)
        return lock

    def folder(self, name: str) -> Path:
        """Make a new folder in the session's."""
        return _make_folder(self.path, name, self.root)

    def close(self, *, is_kept: bool = False) -> None:
        """Remove the folder and let go of the lock; twice is fine."""
        if is_kept:
            (self.path / KEPT).touch()
        else:
            remove_tree(self.path)
        self._lock.close()


def _make_folder(parent: Path, name: str, root: Path) -> Path:
    path = parent / f"{name}-{secrets.token_hex(4)}"
    try:
        path.mkdir(mode=0o700)
    except OSError as error:
        raise _translate(error, root) from None
    return path


def scratch_root() -> Path:
    """Return the folder of this user's sessions, below the system's temporary folder."""
    return Path(tempfile.gettempdir()).resolve() / f"pytest-agentfix-{os.getuid()}"


def owner_name(root: Path) -> str:
    """Name who may sweep on a shared engine: this machine and this scratch root, nobody else."""
    return f"{platform.node()}:{root}"


def check_root(root: Path) -> None:
    """Refuse a scratch root that another user prepared; raises ``WorkspaceError``."""
    with contextlib.suppress(FileNotFoundError):
        status = root.lstat()
        if root.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
            raise WorkspaceError(
                f"The scratch folder {root} is not a private folder of this user.",
                "Remove it, or set TMPDIR to a folder of your own.",
            )


def sweep(root: Path, end_session: Callable[[str], None]) -> list[str]:
    """Clean up after every dead session below ``root``; return their ids.

    ``end_session`` removes a session's containers; it is called before its folder goes.
    """
    return [folder.name for folder in _candidates(root) if _sweep_one(folder, end_session)]


def _sweep_one(folder: Path, end_session: Callable[[str], None]) -> bool:
    with _dead(folder) as is_dead:
        if is_dead:
            end_session(folder.name)
            remove_tree(folder)
    return is_dead


def _candidates(root: Path) -> list[Path]:
    """List sessions that are not kept, and drafts of some that died while they started."""
    with contextlib.suppress(FileNotFoundError):
        entries = sorted(root.iterdir())
        known = [entry for entry in entries if not (entry / KEPT).exists()]
        return [entry for entry in known if not entry.name.startswith(".") or _is_old(entry)]
    return []


def _is_old(folder: Path) -> bool:
    """Return whether it is too old for anybody to be making or removing it just now."""
    try:
        return folder.lstat().st_mtime < time.time() - MAKING
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def _dead(folder: Path) -> Iterator[bool]:
    """Yield whether the session is dead, holding its lock so that no other sweep meets it."""
    try:
        lock = (folder / LOCK).open("rb")
    except FileNotFoundError:
        yield _is_old(folder)  # its removal was cut short: the lock is there from the start
        return
    except OSError:
        yield False
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def is_alive(root: Path, session: str) -> bool:
    """Return whether the session's process still holds its lock, or its folder is to be kept."""
    if (root / session / KEPT).exists():
        return True
    if not (root / session / LOCK).exists():
        return False
    with _dead(root / session) as is_dead:
        return not is_dead


def _translate(error: OSError, root: Path) -> DiskFullError | WorkspaceError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(
            f"No room is left for scratch folders in {root}.",
            "Make room, or set TMPDIR to a larger disk, and run pytest again.",
        )
    return WorkspaceError(
        f"No scratch folder can be made in {root}: {error.strerror}.",
        "Set TMPDIR to a folder this user can write to.",
    )
