"""git's lock files: who seems to hold one, and what helps."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.repository.git import GitFailure, clean

PAUSE: Final = 0.1  # seconds between two looks at a lock
_SHOWN: Final = 60  # characters of a command
_MINUTE: Final = 60  # seconds
_PROCESSES: Final = Path("/proc")  # of Linux
_WRITERS: Final = frozenset(
    {
        *("add", "am", "apply", "branch", "checkout", "cherry-pick", "commit", "fetch", "gc"),
        *("merge", "mv", "pull", "read-tree", "rebase", "reset", "restore", "revert", "rm"),
        *("sparse-checkout", "stash", "switch", "update-index", "update-ref", "worktree"),
    }
)


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A process that seems to hold a lock: its id, and its command in short."""

    pid: int
    command: str


def lock_of(file: Path) -> Path:
    """Return the path of git's lock of a file."""
    return file.with_name(f"{file.name}.lock")


def wait_for_lock(
    is_free: Callable[[], bool],
    lock: Path,
    folders: Collection[Path],
    *,
    timeout: float,
    sleep: Callable[[float], None],
) -> None:
    """Wait until ``is_free``; raises ``GitFailure`` after ``timeout`` seconds.

    ``folders`` are those in which a git that holds the lock would be at work.
    """
    waited = 0.0
    while not is_free():
        if waited >= timeout:
            raise describe_lock(lock, find_holder(lock, folders))
        sleep(PAUSE)
        waited += PAUSE


def describe_lock(lock: Path, holder: LockHolder | None) -> GitFailure:
    """Return the error that tells who holds ``lock``, as far as that can be known."""
    if holder is not None:
        return GitFailure(
            f"{holder.command} (process {holder.pid}) is at work here and holds {lock}",
            "Let it end and run again.",
        )
    return GitFailure(
        f"{lock} exists{_describe_age(lock)}, and no git is seen at work here: one that was"
        " killed may have left it",
        f"Unless a git is at work elsewhere, remove it: rm {shlex.quote(str(lock))}",
    )


def find_holder(lock: Path, folders: Collection[Path]) -> LockHolder | None:
    """Return a process that has ``lock`` open, or a git that writes in one of ``folders``.

    git closes its lock while a hook or an editor runs. Nothing is found where there is no /proc,
    and of what other users run.
    """
    for pid, folder in _list_processes():
        with suppress(OSError):
            if _is_writer_in(folder, folders) or _has_open(folder, lock):
                return LockHolder(pid, _describe(folder))
    return None


def _describe_age(lock: Path) -> str:
    try:
        minutes = int(time.time() - lock.lstat().st_mtime) // _MINUTE
    except OSError:
        return ""
    return f" for {minutes} min" if minutes > 0 else ""


def _list_processes() -> Iterator[tuple[int, Path]]:
    with suppress(OSError):
        for folder in _PROCESSES.iterdir():
            if folder.name.isdecimal() and int(folder.name) != os.getpid():
                yield int(folder.name), folder


def _has_open(process: Path, lock: Path) -> bool:
    return any(_read_link(file) == lock for file in (process / "fd").iterdir())


def _read_link(file: Path) -> Path | None:
    try:
        return file.readlink()
    except OSError:  # closed by now
        return None


def _is_writer_in(process: Path, folders: Collection[Path]) -> bool:
    cwd = (process / "cwd").readlink()
    return bool(_find_writer(process)) and any(cwd.is_relative_to(folder) for folder in folders)


def _find_writer(process: Path) -> str:
    """Return the command of a git that may hold a lock for long, "" for any other process."""
    program, *words = _read_words(process)
    is_git = os.path.basename(program) == "git"  # noqa: PTH119 - may be anything
    return next((word for word in words if word in _WRITERS), "") if is_git else ""


def _describe(process: Path) -> str:
    """Name a program; its arguments may hold what is nobody's business."""
    writer = _find_writer(process)
    name = os.path.basename(_read_words(process)[0])  # noqa: PTH119 - may be anything
    return f"git {writer}" if writer else clean(name, limit=_SHOWN)


def _read_words(process: Path) -> list[str]:
    return os.fsdecode((process / "cmdline").read_bytes()).split("\0")
