"""The files of a base: many that are copied out, and the few that fixes changed since."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFile:
    """One file of the base, as known without looking into it."""

    kind: Literal["file", "symlink"]
    executable: bool = False
    target: str = ""  # of a symlink


# All regular files share these two: a repository may have a hundred thousand.
PLAIN_FILE = BaseFile(kind="file")
EXECUTABLE_FILE = BaseFile(kind="file", executable=True)


def regular(*, executable: bool) -> BaseFile:
    """Return the shared entry for a regular file."""
    return EXECUTABLE_FILE if executable else PLAIN_FILE


class PathList:
    """Paths in order, so that what lies below a folder is found without looking at the rest."""

    __slots__ = ("_paths",)

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = sorted(paths)

    def below(self, folder: str) -> Iterator[str]:
        """Yield the paths below ``folder`` ("" is the top)."""
        prefix = f"{folder}/" if folder else ""
        for index in range(bisect_left(self._paths, prefix), len(self._paths)):
            if not self._paths[index].startswith(prefix):
                return
            yield self._paths[index]

    def names_in(self, folder: str) -> Iterator[str]:
        """Yield the names in ``folder``, each once, of files and of folders."""
        prefix = f"{folder}/" if folder else ""
        index = bisect_left(self._paths, prefix)
        while index < len(self._paths) and self._paths[index].startswith(prefix):
            name, slash, _ = self._paths[index][len(prefix) :].partition("/")
            yield name
            after = f"{prefix}{name}0" if slash else ""  # "0" comes right after "/"
            index = bisect_left(self._paths, after, index + 1) if slash else index + 1


class FileTree(Mapping[str, BaseFile]):
    """Files by path: ``copied``, and on top ``delta``, where ``None`` is a file that is gone.

    Making one from another costs as much as the delta is long.
    """

    __slots__ = ("_added", "_count", "_folders", "_listed", "copied", "delta")

    def __init__(
        self,
        copied: Mapping[str, BaseFile],
        delta: Mapping[str, BaseFile | None] | None = None,
        *,
        listed: PathList | None = None,
    ) -> None:
        self.copied = copied
        self.delta = delta or {}
        self._listed = PathList(copied) if listed is None else listed
        self._added = PathList(path for path, entry in self.delta.items() if entry is not None)
        self._folders = parents_of(self._added.below(""))
        known = sum(path in copied for path in self.delta)
        self._count = len(copied) - known + sum(1 for _ in self._added.below(""))

    def with_delta(self, delta: Mapping[str, BaseFile | None]) -> FileTree:
        """Return the tree with ``delta`` on top."""
        return FileTree(self.copied, {**self.delta, **delta}, listed=self._listed)

    def __getitem__(self, path: str) -> BaseFile:
        """Return the file at ``path``; raises ``KeyError``."""
        entry = self.delta[path] if path in self.delta else self.copied[path]
        if entry is None:
            raise KeyError(path)
        return entry

    def __contains__(self, path: object) -> bool:
        """Return whether there is a file at ``path``."""
        if path in self.delta:
            return self.delta[path] is not None  # type: ignore[index]
        return path in self.copied

    def __iter__(self) -> Iterator[str]:
        """Iterate over the paths, in no particular order."""
        delta = self.delta
        if not delta:
            return iter(self.copied)
        return iter([path for path in self.copied if path not in delta] + [*self._added.below("")])

    def __len__(self) -> int:
        """Count the files."""
        return self._count

    def has_folder(self, path: str) -> bool:
        """Return whether a file lies below ``path``."""
        if path in self._folders:
            return True
        return any(self.delta.get(found, PLAIN_FILE) for found in self._listed.below(path))

    def below(self, folder: str) -> Iterator[str]:
        """Yield the files below ``folder``."""
        for path in self._listed.below(folder):
            if path not in self.delta:
                yield path
        yield from self._added.below(folder)

    def names_in(self, folder: str) -> set[str]:
        """Return the names of the files and folders in ``folder``."""
        names = {*self._listed.names_in(folder), *self._added.names_in(folder)}
        if not self.delta:
            return names
        prefix = f"{folder}/" if folder else ""
        return {name for name in names if prefix + name in self or self.has_folder(prefix + name)}


def parents_of(paths: Iterable[str]) -> set[str]:
    """Return all folders above ``paths``, without the top."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders
