"""The files of a work tree, asked of git and checked on disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pathspec import GitIgnoreSpec

from pytest_agentfix.repository.git import Git

_GITLINK = b"160000"


def list_files(git: Git, top: Path, include: Sequence[str]) -> tuple[str, ...]:
    """List regular files and symlinks that the tests could see, relative to ``top``, sorted."""
    included = GitIgnoreSpec.from_lines(include) if include else None
    names = set(_names(git, top, prefix="", included=included))
    return tuple(sorted(_on_disk(top, names)))


def list_submodules(git: Git) -> tuple[str, ...]:
    """Return the paths of the index's gitlinks."""
    return tuple(os.fsdecode(name) for mode, name in _index(git) if mode == _GITLINK)


def _names(git: Git, top: Path, *, prefix: str, included: GitIgnoreSpec | None) -> Iterator[str]:
    """Yield names in ``top``/``prefix``, which ``git`` is at, and in repositories inside it."""
    tracked = list(_index(git))
    untracked = _split(git.run("ls-files", "-z", "--others", "--exclude-standard"))
    nested = [name for mode, name in tracked if mode == _GITLINK]
    nested += [name for name in untracked if name.endswith(b"/")]  # a repository of its own
    yield from (prefix + os.fsdecode(name) for mode, name in tracked if mode != _GITLINK)
    yield from (prefix + os.fsdecode(name) for name in untracked if not name.endswith(b"/"))
    if included is not None:
        yield from included.match_files(_ignored(git, prefix))
    for name in nested:
        yield from _names_inside(top, prefix + os.fsdecode(name).rstrip("/"), included=included)


def _names_inside(top: Path, name: str, *, included: GitIgnoreSpec | None) -> Iterator[str]:
    folder = top / name
    if not os.path.lexists(folder / ".git"):  # a submodule that is not checked out
        return
    finder = Git(folder)
    found = os.fsdecode(finder.run("rev-parse", "--absolute-git-dir")).removesuffix("\n")
    git = finder.at(git_dir=Path(found), work_tree=folder)
    yield from _names(git, top, prefix=f"{name}/", included=included)


def _index(git: Git) -> Iterator[tuple[bytes, bytes]]:
    """Yield mode and name of each entry of the index."""
    for entry in _split(git.run("ls-files", "-z", "--stage")):
        head, _, name = entry.partition(b"\t")
        yield head[:6], name


def _ignored(git: Git, prefix: str) -> Iterator[str]:
    names = _split(git.run("ls-files", "-z", "--others", "--ignored", "--exclude-standard"))
    return (prefix + os.fsdecode(name) for name in names)


def _split(output: bytes) -> list[bytes]:
    return output.split(b"\0")[:-1]


def _on_disk(top: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield the names that are files or symlinks now, and not behind a symlinked folder."""
    folders: dict[str, bool] = {"": True}
    for name in names:
        parent, _, _ = name.rpartition("/")
        if _is_plain_folder(top, parent, folders) and _is_file(f"{top}/{name}"):
            yield name


def _is_plain_folder(top: Path, folder: str, known: dict[str, bool]) -> bool:
    if folder not in known:
        parent, _, name = folder.rpartition("/")
        is_plain = name != ".git" and _is_plain_folder(top, parent, known)
        known[folder] = is_plain and _has_kind(f"{top}/{folder}", stat.S_IFDIR)
    return known[folder]


def _is_file(path: str) -> bool:
    return _has_kind(path, stat.S_IFREG, stat.S_IFLNK)


def _has_kind(path: str, *kinds: int) -> bool:
    try:
        return stat.S_IFMT(os.lstat(path).st_mode) in kinds
    except OSError:
        return False
