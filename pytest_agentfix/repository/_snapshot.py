"""The one-commit repository an agent finds in its workspace."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_agentfix.errors import DiskFullError, WorkspaceError
from pytest_agentfix.repository._git import Git, GitFailure, is_disk_full

_IDENTITY = {
    f"GIT_{role}_{part}": value
    for role in ("AUTHOR", "COMMITTER")
    for part, value in (
        ("NAME", "pytest-agentfix"),
        ("EMAIL", "agent-fix@localhost"),
        ("DATE", "2000-01-01T00:00:00+0000"),
    )
}
# The bytes as they are: no conversion of line ends, no filter, no encoding.
_ATTRIBUTES = "* -text -filter -ident -working-tree-encoding\n"
# A low threshold makes git stream all files into one pack, uncompressed: no file per object.
_QUICK = ("-c", "core.bigFileThreshold=1", "-c", "core.compression=0", "-c", "core.autocrlf=false")


def make_snapshot(folder: Path) -> None:
    """Make ``folder``, a plain tree of the user's files, a git repository with one commit.

    It has no history, remotes or hooks, holds ignored files too, and none of the user's git
    configuration takes part. Raises ``WorkspaceError`` or ``DiskFullError``.
    """
    git = Git(folder).at(git_dir=folder / ".git", work_tree=folder)
    git = git.without_user_config().with_environ(_IDENTITY)
    try:
        _commit_all(git, folder)
    except GitFailure as failure:
        raise _translate(failure.words, is_full=failure.is_disk_full) from failure
    except OSError as error:
        raise _translate(str(error), is_full=is_disk_full(error)) from error


def _commit_all(git: Git, folder: Path) -> None:
    git.run("init", "--quiet", "--template=", "--initial-branch=main")
    info = folder / ".git" / "info"
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(_ATTRIBUTES, encoding="ascii")
    git.run(*_QUICK, "add", "--force", "--all")
    tree = git.run("write-tree").decode().strip()
    commit = git.run("commit-tree", tree, "-F", "-", stdin=b"The tree as the tests saw it\n")
    git.run("update-ref", "refs/heads/main", commit.decode().strip())
    _forget_reflog(folder / ".git")


def _forget_reflog(git_dir: Path) -> None:
    for root, folders, files in os.walk(git_dir / "logs", topdown=False):
        for name in files:
            (Path(root) / name).unlink()
        for name in folders:
            (Path(root) / name).rmdir()


def _translate(words: str, *, is_full: bool) -> WorkspaceError | DiskFullError:
    if is_full:
        return DiskFullError(
            f"No room is left for a workspace: {words}",
            "Free some space, or point TMPDIR to a larger disk.",
        )
    return WorkspaceError(
        f"A workspace could not be made a git repository: {words}",
        "Check that git works in the folder for temporary files (TMPDIR).",
    )
