"""The checked-out branch moved on by one commit, together with what is checked out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.repository.edits import Edits
from pytest_agentfix.repository.git import GitFailure
from pytest_agentfix.repository.landing_journal import LandingJournal
from pytest_agentfix.repository.objects import Blob
from pytest_agentfix.repository.open import Repository
from pytest_agentfix.repository.refs import Refs
from pytest_agentfix.repository.worktree import LockedIndex, StagedFiles, lock_index, read_blob

_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD")  # files, or refs in a table


class NotPlainError(Exception):
    """The commit cannot go on the checked-out branch without touching the user's own work."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """The work tree, index and branch of a repository."""

    repository: Repository
    oid_length: int
    journal: LandingJournal
    timeout: float
    sleep: Callable[[float], None]

    def advance(
        self, edits: Edits, *, branch: str, old: str, new: str, note: str
    ) -> tuple[str, ...]:
        """Move ``branch`` from ``old`` to ``new`` and bring index and files along.

        The paths that could not be brought along are returned. Raises ``NotPlainError`` or
        ``GitFailure``, and then nothing has changed.
        """
        staged = StagedFiles(self.repository.top, self.journal)
        try:
            with lock_index(
                self.repository.git,
                self.repository.git_dir / "index",
                oid_length=self.oid_length,
                journal=self.journal,
                timeout=self.timeout,
                sleep=self.sleep,
            ) as index:
                self._check(edits, index, branch=branch)
                staged.stage(edits.disk_after)
                index.prepare(edits.after)
                self._check_disk(edits)  # once more: an editor may have saved meanwhile
                self.journal.move(self.repository.top, branch=branch, new=new)
                self._move(branch, old=old, new=new, note=note)
                if not _is_put(index):
                    return tuple(edits.after)
                missed = staged.put()
        finally:
            staged.discard()
            self.journal.close()
        return tuple(path.relative_to(self.repository.top).as_posix() for path in missed)

    def _check(self, edits: Edits, index: LockedIndex, *, branch: str) -> None:
        """Raise ``NotPlainError`` if the fix's paths hold anything the user has not committed.

        HEAD is looked at again, as it cannot leave ``branch`` while the index is locked.
        """
        refs = Refs(self.repository.git, self.oid_length)
        if refs.current_branch() != branch:
            raise NotPlainError
        if any((self.repository.git_dir / name).exists() or refs.read(name) for name in _UNDER_WAY):
            raise NotPlainError
        if not edits.is_committed_in(index.entries(), oid_length=self.oid_length):
            raise NotPlainError
        self._check_disk(edits)

    def _check_disk(self, edits: Edits) -> None:
        for path, blob in edits.disk_before.items():
            if self._on_disk(self.repository.top / path) != blob:
                raise NotPlainError

    def _on_disk(self, path: Path) -> Blob | None:
        try:
            return read_blob(path)
        except (NotADirectoryError, IsADirectoryError, FileExistsError) as error:
            raise NotPlainError from error

    def _move(self, branch: str, *, old: str, new: str, note: str) -> None:
        refs = Refs(self.repository.git, self.oid_length)
        try:
            refs.move(branch, new=new, old=old, note=note)
        except GitFailure:
            now = refs.read(f"refs/heads/{branch}")
            if now == old:
                raise
            if now != new:  # otherwise git was killed after the move
                raise NotPlainError from None  # another git moved it


def _is_put(index: LockedIndex) -> bool:
    """Put the new index in its place; ``False`` where that failed, as the commit is made by now."""
    try:
        index.commit()
    except OSError:
        return False
    return True
