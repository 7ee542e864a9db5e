"""The files and folders that this interpreter imports from, without what lies beside them.

A folder of packages (``site-packages``) is taken as a whole. Of any other folder on the path, such
as a checkout, only what can be imported is, and of a home or the like nothing but what was. What
may be a secret by its name stays outside.
"""

from __future__ import annotations

import importlib.machinery
import os
import sys
import tempfile
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.secrets import holds_secret, is_named_like_secret

_PACKAGES: Final = frozenset({"site-packages", "dist-packages", "__pypackages__"})
_METADATA: Final = (".dist-info", ".egg-info")
_SUFFIXES: Final = tuple(importlib.machinery.all_suffixes())
_BUILT_IN: Final = ("_frozen_importlib", "importlib", "_pytest", "zipimport")  # finders without any
# What checkouts have beside their packages; it comes along if it was imported.
_BESIDE: Final = frozenset(
    {"tests", "test", "docs", "doc", "examples", "benchmarks", "build", "dist", "setup.py"}
)
MOST_SINGLE: Final = 20  # folders with one package each that are mounted one by one
_DEEPEST: Final = 20  # dicts in dicts of a finder
_SIZE_LIMIT: Final = 1_000_000  # bytes of a module that are searched for secrets


def real_path(path: Path | str) -> Path:
    """Return ``path`` without links; unlike ``Path.resolve``, never raises because of a loop."""
    return Path(os.path.realpath(path))


class Boundary:
    """Knows the user's tree at ``top``, and the folders that are never mounted as a whole."""

    def __init__(self, top: Path) -> None:
        self._tops = (top, real_path(top))
        self._temp = Path(tempfile.gettempdir())
        known = (Path.home(), top, self._temp, Path("/tmp/x"), Path("/etc/x"))  # noqa: S108
        self._narrow = (*known, *(real_path(path) for path in known))

    def is_wide(self, path: Path) -> bool:
        """Tell whether ``path`` is a home, a folder around one, or something of the kind."""
        names = (path, real_path(path))
        return any(narrow.is_relative_to(name) for narrow in self._narrow for name in names)

    def holds_home(self, path: Path) -> bool:
        """Tell whether ``path`` is a user's own folder or one around it, or is full of theirs."""
        home = Path.home()
        names = (path, real_path(path))
        homes = (home, real_path(home))
        is_around = any(one.is_relative_to(name) for one in homes for name in names)
        return is_around or home / ".local" in names

    def is_inside(self, path: Path) -> bool:
        """Tell whether ``path`` is in the user's tree, by whatever links it leads there."""
        names = (path, real_path(path))
        return any(name.is_relative_to(top) for top in self._tops for name in names)

    @property
    def passing(self) -> tuple[str, ...]:
        """The beginnings of paths that nothing is mounted of: the tree's, and tests' own files."""
        return tuple(f"{folder}/" for folder in (*self._tops, self._temp))


def is_foreign_file(file: str, boundary: Boundary) -> bool:
    """Tell whether ``file`` is a file, and not in the user's tree by any link."""
    return os.path.isfile(file) and not boundary.is_inside(Path(file))


def find_on_path(entry: object, boundary: Boundary) -> Iterator[Path]:
    """Yield what an ``entry`` of a path for imports holds, whatever it is."""
    if type(entry) is str and entry.startswith("/") and "\0" not in entry:
        for path in dict.fromkeys((Path(entry), real_path(entry))):
            yield from _find_in(path, boundary)


def _find_in(path: Path, boundary: Boundary) -> Iterator[Path]:
    if boundary.is_inside(path):
        is_environment = not _PACKAGES.isdisjoint(path.parts)
        if is_environment and os.path.isdir(path):
            yield path
    elif os.path.isfile(path):  # a zipped egg, say
        yield path
    elif os.path.isdir(path) and not boundary.is_wide(path):
        if _holds_packages(path):
            yield path
            yield from find_linked(path, boundary)
        else:
            for child in _list_importable(path):
                yield from split(child, boundary)


def _holds_packages(folder: Path) -> bool:
    return not _PACKAGES.isdisjoint(folder.parts) or any(folder.glob("*.dist-info"))


def find_linked(folder: Path, boundary: Boundary) -> Iterator[Path]:
    """Yield the folders that packages are linked to from ``folder``, file by file.

    Where many of them lie side by side, as in a cache, that is the folder around them.
    """
    around: dict[Path, set[Path]] = {}
    for metadata in folder.glob("*.dist-info/METADATA"):
        if os.path.islink(metadata):
            target = real_path(metadata).parent.parent
            is_near = boundary.is_wide(target) or boundary.is_inside(target)
            if not is_near and os.path.isdir(target) and _holds_packages(target):
                around.setdefault(target.parent, set()).add(target)
    for parent, targets in around.items():
        is_cache = len(targets) > MOST_SINGLE and not boundary.is_wide(parent)
        yield from [parent] if is_cache else targets


def _list_importable(folder: Path) -> list[Path]:
    names = (name for name in _list_names(folder) if name not in _BESIDE)
    return [folder / name for name in names if _is_importable(folder / name)]


def _is_importable(path: Path, *, depth: int = 1) -> bool:
    """Tell whether ``path`` is a module, a package, a part of a namespace, or metadata."""
    if path.name.endswith(_METADATA):
        return True
    if not path.name.partition(".")[0].isidentifier():
        return False
    if not os.path.isdir(path):
        return path.name.endswith(_SUFFIXES)
    if "." in path.name:
        return False
    names = _list_names(path)
    if any(name.endswith(_SUFFIXES) for name in names):
        return True
    inner = (path / name for name in names if depth)
    return any(os.path.isdir(one) and _is_importable(one, depth=0) for one in inner)


def find_mapped(finders: Iterable[object], boundary: Boundary) -> Iterator[Path]:
    """Yield what import hooks map names to, as those of editable installs do.

    Their dicts of names and paths are read, wherever they keep them, and nothing of theirs is run.
    """
    for finder in finders:
        kind = finder if isinstance(finder, type) else type(finder)
        module = str(kind.__dict__.get("__module__", ""))
        if module.startswith(_BUILT_IN):
            continue
        for owner in (finder, kind, sys.modules.get(module)):
            for value in _attributes(owner):
                if issubclass(type(value), dict):
                    for text in _list_texts(value, _DEEPEST):
                        yield from find_root(text, boundary)


def _attributes(owner: object) -> list[object]:
    try:
        return list(object.__getattribute__(owner, "__dict__").values())
    except Exception:  # noqa: BLE001 - whatever it is
        return []


def _list_texts(value: Any, depth: int) -> Iterator[str]:
    kind = type(value)
    if kind is str:
        yield value
    elif depth:
        is_plain = kind in (list, tuple, set)
        inside = list(dict.values(value)) if issubclass(kind, dict) else value if is_plain else ()
        for inner in inside:
            yield from _list_texts(inner, depth - 1)


def find_root(text: str, boundary: Boundary) -> Iterator[Path]:
    """Yield the outermost package of the module at ``text``, or the module alone.

    ``text`` is the path of a file or package, with or without a module's ending; any other is no
    module's.
    """
    if not text.startswith("/") or "\0" in text:
        return
    path = Path(os.path.normpath(text))
    found = [path] if os.path.exists(path) else [Path(f"{path}{suffix}") for suffix in _SUFFIXES]
    for file in found:
        if not os.path.exists(file) or boundary.is_inside(file):
            continue
        if _is_importable(file) if os.path.isdir(file) else file.name.endswith(_SUFFIXES):
            root = file if os.path.isdir(file) else _find_package(file)
            if not boundary.is_wide(root) and not boundary.is_inside(root):
                yield from split(root, boundary)
            elif os.path.isfile(file):
                yield from split(file, boundary)


def _find_package(file: Path) -> Path:
    root = file
    while os.path.exists(root.parent / "__init__.py") and root.parent != root:
        root = root.parent
    return root


def split(path: Path, boundary: Boundary) -> Iterator[Path]:
    """Yield ``path``, or the parts of it around what may be a secret in it."""
    if boundary.is_wide(path) or boundary.is_inside(path):
        return
    secrets = frozenset(_find_secrets(str(path)))
    if secrets:
        around = {parent for secret in secrets for parent in _list_above(secret, str(path))}
        yield from map(Path, _list_parts(str(path), secrets, around))
    else:
        yield path


def _list_above(path: str, top: str) -> Iterator[str]:
    while path != top:
        path = os.path.dirname(path)
        yield path


def _list_parts(path: str, secrets: Container[str], around: Container[str]) -> Iterator[str]:
    if path in around:
        for name in _list_names(path):
            yield from _list_parts(f"{path}/{name}", secrets, around)
    elif path not in secrets:
        yield path


def _find_secrets(top: str) -> Iterator[str]:
    """Yield the files and hidden folders in ``top`` that may hold a secret, or ``top`` itself."""
    if not os.path.isdir(top):
        if _is_secret(top):
            yield top
        return
    for place, folders, files in os.walk(top):
        hidden = [name for name in folders if name.startswith(".") and _is_telling(name)]
        folders[:] = [name for name in folders if name not in hidden]
        yield from (f"{place}/{name}" for name in hidden)
        yield from (path for path in (f"{place}/{name}" for name in files) if _is_secret(path))


def _is_telling(name: str) -> bool:
    return name == ".git" or is_named_like_secret(name)


def _is_secret(file: str) -> bool:
    """Tell whether ``file`` may hold a secret; a module only if a look at it agrees."""
    name = os.path.basename(file)
    if not _is_telling(name) or name.endswith((".so", ".pyi")):
        return False
    if not name.endswith(".py"):
        return True
    try:
        with open(file, "rb") as stream:
            return holds_secret(name, stream.read(_SIZE_LIMIT))
    except OSError:
        return True


def _list_names(folder: str | Path) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
