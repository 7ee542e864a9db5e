"""Branches: read, made and moved, only ever by compare-and-swap."""

from __future__ import annotations

import os
from dataclasses import dataclass

from pytest_agentfix.repository.git import Git
from pytest_agentfix.repository.open import (
    Repository,
    branches,
    checked_out_branches,
    current_branch,
)

_FOLDER = "agent-fix"


@dataclass(frozen=True, slots=True)
class Refs:
    """The branches of the repository ``git`` is at."""

    git: Git
    oid_length: int

    def current_branch(self) -> str | None:
        """Return the checked-out branch, or ``None`` when HEAD is detached."""
        return current_branch(self.git)

    def checked_out(self) -> frozenset[str]:
        """Return the branches some worktree has checked out."""
        return checked_out_branches(self.git)

    def read(self, name: str) -> str | None:
        """Return the commit ``name`` (HEAD or a full ref) is at, ``None`` where it is not there."""
        return self.git.ask("rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")

    def move(self, branch: str, *, new: str, old: str | None, note: str = "agent-fix") -> None:
        """Move ``branch`` from ``old`` (``None``: it must not exist) or raise ``GitFailure``."""
        expected = old or "0" * self.oid_length
        self.git.run("update-ref", "-m", note, f"refs/heads/{branch}", new, expected)

    def create_side_branch(self, slug: str, commit: str) -> str:
        """Make a branch named after ``slug`` at ``commit``, and return its name."""
        taken = set(branches(self.git))
        stem = f"{_FOLDER}-{slug}" if _FOLDER in taken else f"{_FOLDER}/{slug}"
        branch = stem
        count = 1
        while branch in taken or any(name.startswith(f"{branch}/") for name in taken):
            count += 1
            branch = f"{stem}-{count}"
        self.move(branch, new=commit, old=None)
        return branch


def is_commit_under_way(repository: Repository) -> bool:
    """Return whether this process runs in a hook of a commit or merge, which goes on afterwards.

    git names the index then, and fails if the branch has moved meanwhile.
    """
    index = os.environ.get("GIT_INDEX_FILE")
    return bool(index) and (repository.top / str(index)).resolve().parent == repository.git_dir
