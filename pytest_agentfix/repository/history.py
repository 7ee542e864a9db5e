"""A copy of the repository's own history, for sandboxes whose tests ask git about it.

It holds HEAD, its branch, the tags that lead to its past, and the index: no other branch, remote,
stash, hook or reflog, and none of anybody's configuration.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import DiskFullError, WorkspaceError
from pytest_agentfix.repository.git import Git, GitFailure, is_disk_full
from pytest_agentfix.repository.marks import read_marks, set_marks
from pytest_agentfix.repository.open import Repository

_CHANGED: Final = 1  # the exit status of update-index where files differ from the index
_PROMISOR: Final = r"^(remote\..*\.promisor|extensions\.partialclone)$"
_GITLINK: Final = "160000"
_NOTHING: Final = frozenset({"e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"})  # git knows it by heart


def copy_history(repository: Repository, folder: Path, *, work_tree: Path) -> Path:
    """Copy what leads to HEAD into ``folder``, an empty one; return the new ``.git`` in it.

    ``work_tree`` is a copy of the user's tree: its index is made so that git need not read it.
    In a shallow clone the copy is as shallow. Raises ``WorkspaceError`` or ``DiskFullError``.
    """
    try:
        _copy(repository, folder, work_tree)
    except GitFailure as failure:
        raise _translate(failure.words, is_full=failure.is_disk_full) from failure
    except OSError as error:
        raise _translate(str(error), is_full=is_disk_full(error)) from error
    return folder / ".git"


def _copy(repository: Repository, folder: Path, work_tree: Path) -> None:
    source = repository.git.without_user_config()
    head = _line(source, "rev-parse", "--verify", "HEAD^{commit}")
    branch = source.ask("symbolic-ref", "--quiet", "HEAD")
    tags = _find_tags(source, head)
    git = _make_empty(folder, form=_line(source, "rev-parse", "--show-object-format"))
    git_dir = folder / ".git"
    _copy_file(repository.common_dir / "shallow", git_dir / "shallow")
    (git_dir / "info").mkdir(exist_ok=True)
    _copy_file(repository.common_dir / "info" / "exclude", git_dir / "info" / "exclude")
    _pack(source, git_dir, [head, *tags.values(), *_find_staged(source, head)])
    _point(git, head, branch, tags)
    index, marks = source.run("ls-files", "-z", "--stage"), read_marks(source)
    git = git.at(git_dir=git_dir, work_tree=work_tree)
    git.run("update-index", "-z", "--index-info", stdin=index)
    set_marks(git, marks)  # otherwise all outside a sparse checkout would look deleted
    git.run("update-index", "-q", "--refresh", fine=(_CHANGED,))
    for parent, _, _ in os.walk(git_dir):
        Path(parent).chmod(0o755)  # independent of the umask


def _make_empty(folder: Path, *, form: str) -> Git:
    git = Git(folder).at(git_dir=folder / ".git", work_tree=folder).without_user_config()
    git.run("init", "--quiet", "--template=", "--initial-branch=main", f"--object-format={form}")
    # A workspace may be a copy, with other inodes and times of change.
    git.run("config", "core.checkStat", "minimal")
    git.run("config", "core.trustctime", "false")
    git.run("config", "core.logAllRefUpdates", "false")
    return git


def _find_tags(source: Git, head: str) -> dict[str, str]:
    """Return the tags of commits that lead to ``head``: full name -> object."""
    out = source.run(
        "for-each-ref", f"--merged={head}", "--format=%(objectname) %(refname)", "refs/tags"
    )
    pairs = (line.partition(" ") for line in os.fsdecode(out).splitlines())
    return {name: target for target, _, name in pairs}


def _find_staged(source: Git, head: str) -> list[str]:
    """Return the contents that are staged and in no commit yet."""
    out = source.run("diff-index", "--cached", "--raw", "--no-renames", "--full-index", "-z", head)
    heads = [part.split() for part in os.fsdecode(out).split("\0") if part.startswith(":")]
    staged = {words[3] for words in heads if len(words) > 3 and words[1] != _GITLINK}  # noqa: PLR2004
    return sorted(one for one in staged - _NOTHING if one.strip("0"))


def _pack(source: Git, git_dir: Path, wanted: list[str]) -> None:
    """Pack everything that ``wanted`` lead to; deltas are taken over and none is sought."""
    place = git_dir / "objects" / "pack"
    place.mkdir(parents=True, exist_ok=True)
    names, walk = "".join(f"{one}\n" for one in wanted).encode("ascii"), ["--revs"]
    if source.ask("config", "--get-regexp", _PROMISOR) is not None:
        # pack-objects would end at the first missing tree.
        listing = ("--objects", "--no-object-names", "--missing=allow-promisor", "--stdin")
        names, walk = source.run("rev-list", *listing, stdin=names), []
    source.run(
        *("pack-objects", *walk, "-q", "--delta-base-offset", "--window=0", str(place / "pack")),
        stdin=names,
    )


def _point(git: Git, head: str, branch: str | None, tags: dict[str, str]) -> None:
    """Make HEAD, its branch and the tags."""
    refs = dict(tags)
    if branch is None:
        git.run("update-ref", "--no-deref", "HEAD", head)
    else:
        git.run("symbolic-ref", "HEAD", branch)
        refs[branch] = head
    orders = (f"create {name}\0{target}\0" for name, target in refs.items())
    git.run("update-ref", "--stdin", "-z", stdin=b"".join(map(os.fsencode, orders)))
    git.run("pack-refs", "--all")


def _copy_file(source: Path, target: Path) -> None:
    if source.is_file():
        shutil.copyfile(source, target)


def _line(git: Git, *arguments: str) -> str:
    return os.fsdecode(git.run(*arguments)).removesuffix("\n")


def _translate(words: str, *, is_full: bool) -> WorkspaceError | DiskFullError:
    if is_full:
        return DiskFullError(
            "The disk is full while copying the repository's history.",
            "Make room, or set TMPDIR to a larger disk, and run pytest again.",
        )
    return WorkspaceError(
        f"The repository's history could not be copied: {words}",
        "Run git fsck there, or leave out agent_fix_repository_history.",
    )
