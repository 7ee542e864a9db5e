"""Marks of index entries, by which users tell git not to look at a file: read and set again."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pytest_agentfix.repository.git import Git

Marks = Mapping[str, Collection[bytes]]  # paths by the option of update-index that marks them


def read_marks(git: Git) -> Marks:
    """Return the marked entries of the index; most have no mark.

    Entries outside a sparse checkout have ``--skip-worktree``.
    """
    entries = [entry for entry in git.run("ls-files", "-v", "-z").split(b"\0") if entry]
    letters = {entry[2:]: entry[:1] for entry in entries if entry[:1] != b"H"}
    return {
        "--skip-worktree": [path for path, letter in letters.items() if letter in b"Ss"],
        "--assume-unchanged": [path for path, letter in letters.items() if letter.islower()],
    }


def set_marks(git: Git, marks: Marks) -> None:
    """Mark entries of the index; all of them have to be in it."""
    for option, paths in marks.items():
        if paths:
            git.run("update-index", option, "-z", "--stdin", stdin=b"\0".join([*paths, b""]))
