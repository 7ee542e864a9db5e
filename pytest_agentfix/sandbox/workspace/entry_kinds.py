"""Names and kinds of directory entries that are no part of a fix."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from typing import Final

from pytest_agentfix.core.paths import is_git_alike
from pytest_agentfix.sandbox.workspace.limits import Limits

_EXAMPLES: Final = ".hypothesis"  # has the example that failed: without it a test may pass
_CACHES: Final = frozenset(
    {"__pycache__", ".pytest_cache", ".mypy_cache", ".ruff_cache", _EXAMPLES}
)
_CACHE_FILES: Final = ("*.pyc", "*.pyo", ".coverage", ".coverage.*")
# Entries that make git take a folder for a repository, without any ``.git``.
_BARE: Final = (frozenset({"head", "objects", "refs"}), frozenset({"head", "commondir"}))
_KINDS: Final = {
    stat.S_IFLNK: "symbolic link",
    stat.S_IFIFO: "named pipe",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def is_cache(path: str) -> bool:
    """Return whether tools keep their own things at ``path``."""
    parts = path.split("/")
    return not _CACHES.isdisjoint(parts) or any(
        fnmatchcase(parts[-1], glob) for glob in _CACHE_FILES
    )


def is_disposable(path: str) -> bool:
    """Return whether no test's outcome can depend on ``path``."""
    return is_cache(path) and _EXAMPLES not in path.split("/")


def describe_kind(mode: int) -> str:
    """Name the kind of an entry that is neither a regular file nor a folder."""
    return _KINDS.get(stat.S_IFMT(mode), "no regular file")


def find_name_problem(path: str, limits: Limits) -> str:
    """Return why an entry of this name is not even looked at, or ""."""
    name = path.rpartition("/")[2]
    raw = path.encode("utf-8", "surrogateescape")
    if is_git_alike(name):
        return "nested git repository"
    if len(raw) > limits.path_bytes or len(name.encode("utf-8", "surrogateescape")) > (
        limits.part_bytes
    ):
        return "its path is too long"
    if path.count("/") >= limits.depth:
        return "nested too deeply"
    return ""


def could_be_planted(names: Iterable[str]) -> bool:
    """Return whether one of ``names`` takes part in what ``find_planted`` finds."""
    return any(name.lower() in group for group in _BARE for name in names)


def find_planted(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Return the entries that make their folder a bare git repository, if any of them is new.

    ``known`` are those of ``names`` that the base has.
    """
    lower = {name: name.lower() for name in names}
    found: set[str] = set()
    for group in _BARE:
        members = {name for name, low in lower.items() if low in group}
        if group <= {lower[name] for name in members} and not members <= set(known):
            found |= members
    return sorted(found)
