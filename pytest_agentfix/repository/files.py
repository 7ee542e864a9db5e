"""The files of a work tree, asked of git and checked on disk."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pathspec import GitIgnoreSpec

from pytest_agentfix.repository.git import Git

_GITLINK = b"160000"
_NONE_IGNORED = 1  # the exit status of check-ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeFiles:
    """Regular files and symlinks of a work tree, relative to its top, sorted.

    ``included`` are those of ``files`` that git ignores. ``imported`` are files that git ignores
    and that are in ``files`` only if they are in ``included``.
    """

    files: tuple[str, ...]
    included: frozenset[str] = frozenset()
    imported: tuple[str, ...] = ()


def list_files(
    git: Git, top: Path, include: Sequence[str], imported: Sequence[str] = ()
) -> TreeFiles:
    """List what the tests could see, and which files of ``imported`` git ignores."""
    lister = _Lister(top, GitIgnoreSpec.from_lines(include) if include else None)
    lister.add(git, prefix="", imported=list(_on_disk(top, imported)))
    files = tuple(sorted(_on_disk(top, lister.names | lister.included)))
    return TreeFiles(
        files=files,
        included=frozenset(lister.included.intersection(files)),
        imported=tuple(sorted(lister.imported - lister.included)),
    )


def list_submodules(git: Git) -> tuple[str, ...]:
    """Return the paths of the index's gitlinks."""
    return tuple(os.fsdecode(name) for mode, name in _index(git) if mode == _GITLINK)


@dataclass(slots=True)
class _Lister:
    """Names in a work tree and in the repositories inside it, all relative to its top."""

    top: Path
    include: GitIgnoreSpec | None
    names: set[str] = field(default_factory=set)
    included: set[str] = field(default_factory=set)
    imported: set[str] = field(default_factory=set)

    def add(self, git: Git, *, prefix: str, imported: Sequence[str]) -> None:
        """Add what is in ``prefix``, where ``git`` is at, ``imported`` among it."""
        tracked = list(_index(git))
        untracked = _split(git.run("ls-files", "-z", "--others", "--exclude-standard"))
        nested = [name for mode, name in tracked if mode == _GITLINK]
        nested += [name for name in untracked if name.endswith(b"/")]  # a repository of its own
        names = [name for mode, name in tracked if mode != _GITLINK]
        names += [name for name in untracked if not name.endswith(b"/")]
        self.names.update(prefix + os.fsdecode(name) for name in names)
        if self.include is not None:
            self.included.update(self.include.match_files(_ignored(git, prefix)))
        for name in nested:
            folder = prefix + os.fsdecode(name).rstrip("/")
            inside = [path for path in imported if path.startswith(f"{folder}/")]
            imported = [path for path in imported if not path.startswith(f"{folder}/")]
            self._add_inside(folder, inside)
        self.imported.update(prefix + name for name in _ask_ignored(git, prefix, imported))

    def _add_inside(self, name: str, imported: Sequence[str]) -> None:
        folder = self.top / name
        if not os.path.lexists(folder / ".git"):  # a submodule that is not checked out
            return
        finder = Git(folder)
        found = os.fsdecode(finder.run("rev-parse", "--absolute-git-dir")).removesuffix("\n")
        git = finder.at(git_dir=Path(found), work_tree=folder)
        self.add(git, prefix=f"{name}/", imported=imported)


def _ask_ignored(git: Git, prefix: str, paths: Sequence[str]) -> Iterator[str]:
    """Yield those of ``paths`` that git ignores and does not track, without ``prefix``."""
    if not paths:
        return
    # The command takes no literal pathspecs, and takes a leading colon for magic.
    git = replace(git, where=(*git.where, "--no-literal-pathspecs"))
    asked = b"".join(b"./" + os.fsencode(path[len(prefix) :]) + b"\0" for path in paths)
    out = git.run("check-ignore", "-z", "--stdin", stdin=asked, fine=(_NONE_IGNORED,))
    yield from (os.fsdecode(name[2:]) for name in _split(out))


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
