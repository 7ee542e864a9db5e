"""Rules for the paths of a change set that may reach git and the work tree.

Our own rules, applied before git sees a path: git's plumbing takes ``-rf``, ``a<newline>b`` and
``x:y``, and what it does refuse differs between its versions.
"""

from __future__ import annotations

import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pytest_agentfix.core.errors import LandingError
from pytest_agentfix.core.model import FileChange
from pytest_agentfix.repository.git import clean
from pytest_agentfix.repository.objects import GITLINK, SYMLINK, TreeEntry

_PART_LIMIT = 255  # bytes; what file systems take
_PATH_LIMIT = 4000  # bytes; below PATH_MAX with room for the top's own path
_SHORT_GIT = re.compile(r"git(mod)?~[0-9]+")  # what .git and .gitmodules are called in 8.3 names
_RESERVED = frozenset({".git", ".gitmodules"})
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|com[0-9]|lpt[0-9])(\..*)?")


def check_names(top: Path, paths: Iterable[str]) -> None:
    """Raise ``LandingError`` unless all are plain relative paths and behind no symlink in ``top``.

    Asks nothing of git.
    """
    for path in paths:
        reason = problem_of_path(path)
        if reason:
            raise refusal(path, reason)
        if any(_is_symlink(top / folder) for folder in _folders(path)):
            raise refusal(path, "it is behind a symbolic link")


def check_changes(changes: Mapping[str, FileChange], entries: Mapping[str, TreeEntry]) -> None:
    """Raise ``LandingError`` unless all changes are of regular files in the tree ``entries``."""
    problem = next(_problems(changes, entries), None)
    if problem is not None:
        path, reason = problem
        raise refusal(path, reason)


def problem_of_path(path: str) -> str:
    """Return why ``path`` is no plain relative path of a file, or ""."""
    if not path or path.startswith(("/", "-")):
        return "it is not relative"
    if any(char in "\\:" or unicodedata.category(char)[0] == "C" for char in path):
        return "it has a character that is not allowed"
    if any(unicodedata.category(char) in ("Zl", "Zp") for char in path):
        return "it has a character that is not allowed"
    if len(path.encode()) > _PATH_LIMIT:
        return "it is too long"
    return next(filter(None, map(_problem_of_part, path.split("/"))), "")


def refusal(path: str, reason: str) -> LandingError:
    """Return the error for a change that git never gets to see."""
    return LandingError(
        f"The change of {clean(repr(path), limit=120)} cannot be committed: {reason}.",
        "Nothing was written; run again with --agent-fix-keep and make the fix by hand, from the "
        "workspace that the summary names.",
    )


def _problem_of_part(part: str) -> str:
    if part in ("", ".", ".."):
        return "it is not in its shortest form"
    if part.endswith((".", " ")):
        return "a part of it ends in a dot or a space"
    if len(part.encode()) > _PART_LIMIT:
        return "a part of it is too long"
    folded = fold(part)
    if folded in _RESERVED or _SHORT_GIT.fullmatch(folded):
        return "it is git's own"
    return ""


def fold(text: str) -> str:
    """Fold ``text`` as a file system without case or Unicode forms would compare it."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def _problems(
    changes: Mapping[str, FileChange], entries: Mapping[str, TreeEntry]
) -> Iterator[tuple[str, str]]:
    for path in changes:
        reason = _problem_in_tree(path, entries)
        if reason:
            yield path, reason
    new = [path for path, change in changes.items() if not change.is_deletion]
    kept = {path for path in entries if path not in changes}
    yield from _collisions([path for path in new if path not in entries], kept | set(new))


def _problem_in_tree(path: str, entries: Mapping[str, TreeEntry]) -> str:
    for folder in _folders(path):
        entry = entries.get(folder)
        if entry is not None and entry.mode in (SYMLINK, GITLINK):
            return "it is behind a symbolic link or in a submodule"
    entry = entries.get(path)
    if entry is not None and not entry.is_file:
        return "it is no regular file in the repository"
    return ""


def _collisions(new: list[str], paths: set[str]) -> Iterator[tuple[str, str]]:
    """Yield new paths that clash with another one where case or Unicode forms are folded."""
    if not new:
        return
    spellings: dict[str, set[str]] = {}
    for path in paths:
        for name in (path, *_folders(path)):
            spellings.setdefault(fold(name), set()).add(name)
    for path in new:
        if any(_DEVICE.fullmatch(part.casefold()) for part in path.split("/")):
            yield path, "it is a device's name on some systems"
        if any(len(spellings[fold(name)]) > 1 for name in (path, *_folders(path))):
            yield path, "another path differs from it in case only"
        if any(folder in paths for folder in _folders(path)):
            yield path, "a file is where its folder should be"


def _folders(path: str) -> Iterator[str]:
    parts = path.split("/")
    return ("/".join(parts[:count]) for count in range(1, len(parts)))


def _is_symlink(path: Path) -> bool:
    try:
        return stat.S_ISLNK(os.lstat(path).st_mode)
    except OSError:
        return False
