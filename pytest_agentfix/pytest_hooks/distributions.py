"""Find the installed distributions that were made from the tree, and the files they hold.

Only names and metadata are read, never code; whatever is in them, nothing is raised. A distribution
is made from the tree if it has the name of one of its projects, or was installed from a path in it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

_METADATA: Final = (".dist-info", ".egg-info")
_PROJECT_FILES: Final = ("pyproject.toml", "setup.cfg", "setup.py")
_NAME: Final = re.compile(
    r"""\bname\s{0,9}=\s{0,9}["']([\w.-]{1,100})["']|^name\s{0,9}=\s{0,9}([\w.-]{1,100})\s*$""",
    re.MULTILINE,
)
_DEEPEST: Final = 3  # folders below the top in which a project is looked for
_MOST_FOLDERS: Final = 2000
_SIZE_LIMIT: Final = 1_000_000  # characters of one file
_PACKAGES: Final = ("/site-packages/", "/dist-packages/")


@dataclass(frozen=True)
class TreeProject:
    """A project of the tree: the absolute path of its folder, and its names, normalised.

    Any name in its files counts, since it costs little: a distribution of that name has to hold
    files of the project as well.
    """

    folder: str
    names: frozenset[str]

    def find_source(self, relative: str) -> str:
        """Return the file or folder that ``relative``, as installed, was made of; "" for none.

        What is compiled or generated counts as made of a source beside it, or of its package.
        """
        package, name = os.path.split(relative)
        for root in self._roots:
            if os.path.isfile(f"{root}/{relative}"):  # noqa: PTH113 - many of them
                return f"{root}/{relative}"
        for root in self._roots:
            names = _list_names(f"{root}/{package}".rstrip("/"))
            stem = name.partition(".")[0]
            if match := next((one for one in names if one.partition(".")[0] == stem), ""):
                return os.path.join(root, package, match)  # noqa: PTH118
            if package and names:
                return f"{root}/{package}"
        return ""

    @cached_property
    def _roots(self) -> tuple[str, ...]:
        """The folders that modules can lie in: ``src`` first, as the others lie on the way."""
        folders = (entry.path for entry in _list_folders(self.folder))
        below = [path for path in folders if "__init__.py" not in _list_names(path)]
        below.sort(key=lambda path: (not path.endswith("/src"), path))
        return (self.folder, *below)


@dataclass(frozen=True)
class Distribution:
    """An installed distribution: its normalised name, and the folder (or egg) its files are in.

    ``metadata`` is its folder of metadata, "" where there is none to read. ``origin`` is the local
    path it was installed from, "" if it is not known; of an editable one the files are there.
    """

    name: str
    folder: str
    metadata: str = ""
    origin: str = ""
    is_editable: bool = False

    @property
    def place(self) -> str:
        """The folder that its files lie in, without a slash at its end."""
        return self.origin if self.is_editable else self.folder

    def relative(self, file: str) -> str:
        """Return the path of ``file`` in its place, "" where it is not in there."""
        for place, path in (
            (self.place, file),
            (os.path.realpath(self.place), os.path.realpath(file)),
        ):
            if path.startswith(f"{place}/"):
                return path[len(place) + 1 :]
        return ""

    @cached_property
    def record(self) -> frozenset[str]:
        """The files that its installer has listed, relative to ``folder``."""
        rows = _read(f"{self.metadata}/RECORD").splitlines() if self.metadata else []
        return frozenset(row.split(",")[0].strip('"') for row in rows)


@dataclass(frozen=True)
class MadeFromTree:
    """A distribution that was made from ``project``."""

    distribution: Distribution
    project: TreeProject

    def find_source(self, file: str) -> str:
        """Return what ``file`` was made of, "" where it is none of the distribution's."""
        relative = self.distribution.relative(file)
        if not relative or any(part in f"/{relative}" for part in _PACKAGES):
            return ""  # the latter is of an environment inside it
        source = self.project.find_source(relative)
        if source and os.path.realpath(source) == os.path.realpath(file):
            return ""
        is_listed = relative in self.distribution.record
        if os.path.isfile(source) or is_listed:  # noqa: PTH113
            return source or self.project.folder
        return ""


def find_made_from(top: str, entries: Sequence[str]) -> tuple[MadeFromTree, ...]:
    """Find what was made from the tree at ``top``, among what is in the ``entries`` of a path."""
    projects = tuple(_find_projects(top))
    return tuple(
        MadeFromTree(distribution, project)
        for distribution in _find_distributions(entries)
        for project in projects
        if _is_made_from(distribution, project, top)
    )


def normalise_name(name: str) -> str:
    """Return the name of a distribution as all spellings of it have it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_made_from(distribution: Distribution, project: TreeProject, top: str) -> bool:
    origin = distribution.origin
    if origin == project.folder:
        return not distribution.is_editable
    if distribution.is_editable and _is_below(origin, top):
        return False  # another project of the tree, or one in a folder of this one
    return distribution.name in project.names


def _find_projects(top: str) -> Iterator[TreeProject]:
    waiting, count = [(os.path.realpath(top), 0)], 0
    while waiting and count < _MOST_FOLDERS:
        folder, depth = waiting.pop(0)
        count += 1
        names = _list_names(folder)
        if files := [f"{folder}/{name}" for name in _PROJECT_FILES if name in names]:
            found = {
                match[1] or match[2] for file in files for match in _NAME.finditer(_read(file))
            }
            built = [*names, *_list_names(f"{folder}/src")]
            found.update(_name_of(name) for name in built if name.endswith(".egg-info"))
            yield TreeProject(folder, frozenset(map(normalise_name, found)))
        if depth < _DEEPEST:
            waiting += [(entry.path, depth + 1) for entry in _list_folders(folder)]


def _find_distributions(entries: Iterable[str]) -> Iterator[Distribution]:
    for entry in dict.fromkeys(entries):
        folder = os.path.abspath(entry).rstrip("/")  # noqa: PTH100 - as modules have it
        if folder.endswith(".egg"):
            yield Distribution(_name_of(os.path.basename(folder)), folder)  # noqa: PTH119
            continue
        for name in _list_names(folder):
            if name.endswith(_METADATA):
                metadata = f"{folder}/{name}"
                origin, is_editable = _find_origin(metadata)
                yield Distribution(_name_of(name), folder, metadata, origin, is_editable)


def _name_of(name: str) -> str:
    return normalise_name(name.rpartition(".")[0].partition("-")[0])


def _find_origin(metadata: str) -> tuple[str, bool]:
    """Return the local path that an installer has noted, and whether it is an editable one."""
    try:
        noted = json.loads(_read(f"{metadata}/direct_url.json") or "{}")
        url = urlsplit(noted.get("url", ""))
        is_editable = noted.get("dir_info", {}).get("editable") is True
        path = os.path.realpath(unquote(url.path)) if url.scheme == "file" else ""
    except (ValueError, TypeError, AttributeError, RecursionError):
        return "", False
    return path, is_editable


def _is_below(path: str, folder: str) -> bool:
    return bool(path) and f"{path}/".startswith(f"{os.path.realpath(folder)}/")


def _read(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8", errors="replace") as file:
            return file.read(_SIZE_LIMIT)
    except (OSError, ValueError):
        return ""


def _list_names(folder: str) -> list[str]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries)
    except (OSError, ValueError):
        return []


def _list_folders(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.is_dir(follow_symlinks=False)]
    except (OSError, ValueError):
        return []
    hidden = (".", "node_modules", "__pycache__")
    return sorted(
        (entry for entry in found if not entry.name.startswith(hidden)),
        key=lambda entry: entry.name,
    )
