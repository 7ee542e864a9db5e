"""The scratch folder of a session, its lock, and the sweep of what dead sessions left.

Every session holds a lock on a file in its folder for as long as its process lives. Whoever can
take that lock knows that the session is dead, however it died, and clears up after it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import platform
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from pytest_agentfix.errors import DiskFullError, WorkspaceError

logger = logging.getLogger(__name__)

LOCK: Final = "lock"


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
        # Made under another name and locked first: a sweep never meets an unlocked live folder.
        draft = self.root / f".{self.session}"
        draft.mkdir(mode=0o700)
        lock = (draft / LOCK).open("wb")
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        draft.rename(self.path)
        return lock

    def folder(self, name: str) -> Path:
        """A new folder of the session's."""
        path = self.path / f"{name}-{secrets.token_hex(4)}"
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            raise _translate(error, self.root) from None
        return path

    def close(self, *, is_kept: bool = False) -> None:
        """Remove the folder and let go of the lock; twice is fine."""
        if not is_kept:
            remove_tree(self.path)
        self._lock.close()


def scratch_root() -> Path:
    """Where this user's sessions live: one folder below the system's temporary folder."""
    return Path(tempfile.gettempdir()).resolve() / f"pytest-agentfix-{os.getuid()}"


def owner_name(root: Path) -> str:
    """Who may sweep: this machine and this scratch root, nobody else on a shared engine."""
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
    """Clear up after every dead session below ``root``; returns their ids.

    ``end_session`` removes a session's containers; it is called before its folder goes.
    """
    swept = []
    for folder in _candidates(root):
        with _dead(folder) as is_dead:
            if is_dead:
                end_session(folder.name)
                remove_tree(folder)
                swept.append(folder.name)
    return swept


def _candidates(root: Path) -> list[Path]:
    if not root.is_dir():
        return []
    hour_ago = time.time() - 3600
    # A draft belongs to a session that is just starting, or that died doing so long ago.
    return [
        folder
        for folder in sorted(root.iterdir())
        if not folder.name.startswith(".") or folder.lstat().st_mtime < hour_ago
    ]


@contextlib.contextmanager
def _dead(folder: Path) -> Iterator[bool]:
    try:
        lock = (folder / LOCK).open("rb")
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
    """Whether ``session``'s process still holds its lock."""
    if not (root / session / LOCK).exists():
        return False
    with _dead(root / session) as is_dead:
        return not is_dead


def remove_tree(path: Path) -> None:
    """Remove a tree, even where something in it made itself unwritable; never follows links."""

    def open_up(function: Callable[..., object], name: str, error: BaseException) -> None:
        if isinstance(error, FileNotFoundError):
            return
        with contextlib.suppress(OSError):
            os.chmod(os.path.dirname(name), 0o700)  # noqa: PTH101, PTH120
            if not os.path.islink(name):  # noqa: PTH114
                os.chmod(name, 0o700)  # noqa: PTH101
            function(name)

    def open_up_old(function: Callable[..., object], name: str, info: object) -> None:
        open_up(function, name, info[1])  # type: ignore[index]

    # The newer argument's name is not there before Python 3.12.
    shutil.rmtree(path, onerror=open_up_old)
    if path.exists():
        shutil.rmtree(path, ignore_errors=True)
    if path.exists():
        logger.warning("could not remove the scratch folder %s", path)


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
