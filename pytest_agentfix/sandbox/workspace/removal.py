"""Removing a tree that somebody hostile may have built."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

from pytest_agentfix.core.paths import display
from pytest_agentfix.sandbox.workspace.descriptors import open_folder

logger = logging.getLogger(__name__)

_MANY: Final = 8  # folders; fewer are gone before threads are up
_WORKERS: Final = 16  # they wait for the disk


def remove_tree(path: Path) -> None:
    """Remove the folder ``path`` and all in it; fine when it is gone. Never raises ``OSError``.

    Follows no symlink, opens up folders without rights, and takes any depth: folders further
    down are moved to the top first, so that no path grows and a few descriptors are enough. What
    cannot be removed is logged as a warning.
    """
    try:
        root = open_folder(path)
        try:
            _empty(root)
        finally:
            os.close(root)
        path.rmdir()
    except FileNotFoundError:
        return
    except OSError as error:
        _warn(path, error)


def _empty(root: int) -> None:
    pending = _remove_files(root, root)
    if len(pending) < _MANY:
        while pending:
            pending += _remove_folder(pending.pop(), root)
        return
    # Where the disk is told of every freed block, one after another takes many times as long.
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="agentfix-removing") as pool:
        while pending:
            lower = list(pool.map(partial(_remove_folder, root=root), pending))
            pending = [name for names in lower for name in names]


def _remove_folder(name: str, root: int) -> list[str]:
    """Remove one folder of the top; the folders that were in it are in the top now."""
    found: list[str] = []
    try:
        folder = open_folder(name, parent=root)
        try:
            found = _remove_files(folder, root)
        finally:
            os.close(folder)
        os.rmdir(name, dir_fd=root)
    except OSError as error:
        _warn(name, error)
    return found


def _remove_files(folder: int, root: int) -> list[str]:
    """Remove the files in ``folder``; its folders are left, by their new names in ``root``."""
    with os.scandir(folder) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    found = [_remove_entry(name, folder, root, is_folder=is_folder) for name, is_folder in listed]
    return [name for name in found if name is not None]


def _remove_entry(name: str, folder: int, root: int, *, is_folder: bool) -> str | None:
    try:
        if not is_folder:
            os.unlink(name, dir_fd=folder)
            return None
        with contextlib.suppress(OSError):  # an empty one may be somebody else's: an overlay's work
            os.rmdir(name, dir_fd=folder)
            return None
        return name if folder == root else _move_up(name, folder, root)
    except OSError as error:
        _warn(name, error)
        return None


def _move_up(name: str, folder: int, root: int) -> str:
    os.close(open_folder(name, parent=folder))  # moving a folder takes the right to write in it
    moved = f".agentfix-{secrets.token_hex(16)}"
    os.rename(name, moved, src_dir_fd=folder, dst_dir_fd=root)
    return moved


def _warn(path: str | Path, error: OSError) -> None:
    logger.warning("could not remove %s: %s", display(str(path)), error.strerror)
