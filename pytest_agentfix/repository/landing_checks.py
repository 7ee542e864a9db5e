"""Causes for which no fix could be committed, found before anything is spent on one."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import DiskFullError, LandingError, RepositoryUnwritableError
from pytest_agentfix.repository.git import GitFailure, clean, is_disk_full
from pytest_agentfix.repository.locks import lock_of, wait_for_lock
from pytest_agentfix.repository.open import Repository
from pytest_agentfix.repository.refs import is_commit_under_way
from pytest_agentfix.repository.signing import SIGNING_TIMEOUT, Signer

_LOCK_TIMEOUT: Final = 10.0  # seconds; most commits are made by then
_HAS_EFFECTIVE_IDS: Final = os.access in os.supports_effective_ids


def check_writable(repository: Repository, branch: str | None) -> None:
    """Raise ``RepositoryUnwritableError`` if this user may not write where a commit has to.

    ``branch`` is the one that the user named for fixes, if any.
    """
    for folder in _list_written(repository, branch):
        if not os.access(folder, os.W_OK | os.X_OK, effective_ids=_HAS_EFFECTIVE_IDS):
            raise _make_unwritable(folder)


def check_landing(
    repository: Repository,
    *,
    branch: str | None,
    is_committing: bool = True,
    sleep: Callable[[float], None] = time.sleep,
    signing_timeout: float = SIGNING_TIMEOUT,
) -> None:
    """Raise ``LandingError`` or ``DiskFullError`` if no fix could land now, whatever it changed.

    A lock is waited for. A passphrase may be asked for, at the terminal; whoever signs remembers
    it until the fixes land. ``branch`` is the one that the user named for them, if any. Without
    ``is_committing`` they become patches, for which HEAD has to be read only.
    """
    try:
        _check_trees(repository)
        if is_committing:
            for lock in _list_locks(repository, branch):
                _wait_for(lock, repository, sleep)
            signer = Signer(repository.git, signing_timeout)
            if signer.is_wanted:
                signer.check()
    except GitFailure as failure:
        next_step = failure.next_step or "Run git fsck there and repair what it names."
        raise _make_error(failure.words, next_step, is_full=failure.is_disk_full) from failure
    except OSError as error:
        next_step = "Remove the cause and run again."
        raise _make_error(str(error), next_step, is_full=is_disk_full(error)) from error


def _make_error(words: str, next_step: str, *, is_full: bool) -> LandingError | DiskFullError:
    problem = f"No fix could land: {clean(words)}. No model was asked."
    if is_full:
        return DiskFullError(problem, "Make room on the disk and run again.")
    return LandingError(problem, next_step)


def _make_unwritable(folder: Path) -> RepositoryUnwritableError:
    if _is_read_only(folder):
        return RepositoryUnwritableError(
            f"Fixes cannot be committed: {folder} is mounted read-only.",
            "Mount it writable, or ask for patches in another folder: --agent-fix-no-commit "
            "--agent-fix-report=FOLDER/report.json",
        )
    return RepositoryUnwritableError(
        f"Fixes cannot be committed: this user may not write in {folder}.",
        f"Make it yours: sudo chown -R $(id -u) {shlex.quote(str(folder))}; or ask for patches: "
        "--agent-fix-no-commit",
    )


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _list_written(repository: Repository, branch: str | None) -> Iterator[Path]:
    """Yield the folders in which a commit makes files."""
    objects = repository.common_dir / "objects"
    yield objects
    yield from sorted(folder for folder in objects.glob("[0-9a-f][0-9a-f]") if folder.is_dir())
    heads = repository.common_dir / "refs" / "heads"  # a file where refs are in tables
    ref = heads / (branch or repository.branch or "agent-fix/any")
    yield from (folder for folder in (heads, ref.parent) if folder.is_dir())
    if branch is None and repository.branch is not None:
        yield repository.git_dir
        yield repository.top


def _check_trees(repository: Repository) -> None:
    """Raise ``GitFailure`` if not all trees of HEAD are here; its blobs need not be."""
    try:
        repository.git.run("ls-tree", "-r", "-z", "--full-tree", repository.head)
    except GitFailure as failure:
        if "promisor" not in failure.words:
            raise
        raise GitFailure(
            "this partial clone lacks folders of HEAD, and a fix never fetches anything",
            "Fetch them: git ls-tree -r HEAD > /dev/null",
        ) from failure


def _list_locks(repository: Repository, branch: str | None) -> Iterator[Path]:
    """Yield the locks that git takes where the fixes land."""
    heads = repository.common_dir / "refs" / "heads"
    if branch is not None:
        yield lock_of(heads / branch)
    elif repository.branch is not None and not is_commit_under_way(repository):
        yield lock_of(repository.git_dir / "index")
        yield lock_of(repository.git_dir / "HEAD")
        yield lock_of(heads / repository.branch)


def _wait_for(lock: Path, repository: Repository, sleep: Callable[[float], None]) -> None:
    wait_for_lock(
        lambda: not os.path.lexists(lock),
        lock,
        (repository.top, repository.git_dir, repository.common_dir),
        timeout=_LOCK_TIMEOUT,
        sleep=sleep,
    )
