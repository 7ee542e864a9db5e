"""Files that git ignores and the user's run imported: what of them sandboxes get by themselves."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.core.paths import display
from pytest_agentfix.core.secrets import START, holds_secret, is_named_like_secret
from pytest_agentfix.repository.gitignore import quote_glob

FILE_LIMIT: Final = 100 << 20  # bytes
TEXT_LIMIT: Final = 10 << 20  # bytes of a text, which is searched for secrets
TOTAL_LIMIT: Final = 500 << 20  # bytes
SHOWN: Final = 5  # paths named in notices before "and N more"
_MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedFiles:
    """The choice among ignored files: those that come along, and a notice about each other."""

    paths: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    @property
    def notices(self) -> tuple[str, ...]:
        """One-line remarks for the summary."""
        notices = [*self.left_out[:SHOWN]]
        if len(self.left_out) > SHOWN:
            more = len(self.left_out) - SHOWN
            notices.append(f"{more} more ignored files that the tests imported are left out too")
        if self.paths:
            notices.append(
                f"ignored by git and imported by the tests, so in the sandbox: "
                f"{_name_some(_put_metadata_last(self.paths))} (read-only for the agent)"
            )
        return tuple(notices)


def _put_metadata_last(paths: Iterable[str]) -> list[str]:
    """Sort what was imported before what only describes a package."""
    return sorted(paths, key=lambda path: ("-info/" in path, path))


def find_below(top: Path, files: Iterable[str]) -> tuple[str, ...]:
    """Return the absolute ``files`` that are in the tree at ``top``, relative to it, sorted.

    Links are followed first, so none of them leads out of it. What lies in a virtual environment
    or in git's own folder is no part of the tree.
    """
    place = _Place(os.path.realpath(top))
    found = {path for file in files for path in place.find(file)}
    return tuple(sorted(found))


class _Place:
    """A tree, with what was found out about its folders."""

    def __init__(self, top: str) -> None:
        self._top = top
        self._folders: dict[str, str] = {}  # as written -> without links
        self._foreign: dict[str, bool] = {"": False}  # relative to the top

    def find(self, file: str) -> Iterator[str]:
        """Yield the path of ``file``, and that of what it links to; none if either is outside."""
        try:
            folder, name = os.path.split(file)
            if folder not in self._folders:
                self._folders[folder] = os.path.realpath(folder)
            path = os.path.join(self._folders[folder], name)  # noqa: PTH118 - many of them
            target = os.path.realpath(path)
        except (OSError, ValueError):
            return
        both = [self._relative(path), self._relative(target)]
        if all(both):
            yield from filter(None, both)

    def _relative(self, path: str) -> str | None:
        if not path.startswith(f"{self._top}/"):
            return None
        relative = path[len(self._top) + 1 :]
        return None if self._is_foreign(relative.rpartition("/")[0]) else relative

    def _is_foreign(self, folder: str) -> bool:
        if folder not in self._foreign:
            parent, _, name = folder.rpartition("/")
            self._foreign[folder] = (
                self._is_foreign(parent)
                or name == ".git"
                or os.path.lexists(f"{self._top}/{folder}/pyvenv.cfg")
                or os.path.lexists(f"{self._top}/{folder}/conda-meta")
            )
        return self._foreign[folder]


def choose_imported(top: Path, ignored: Sequence[str]) -> ImportedFiles:
    """Choose among ``ignored``, files relative to ``top``, those that may come along.

    Neither do files that look as if they held secrets, nor very large ones.
    """
    paths, left_out, total = [], [], 0
    for path in ignored:
        reason, size = _look_at(top, path)
        if not reason and total + size > TOTAL_LIMIT:
            reason = f"ignored files come along up to {TOTAL_LIMIT // _MEGABYTE} MB in all"
        if reason:
            glob = quote_glob(path)
            left_out.append(
                f"{display(path)} is not in the sandbox: {reason}; to take it along all the same: "
                f"agent_fix_include = {display(glob)}"
            )
        else:
            paths.append(path)
            total += size
    return ImportedFiles(paths=tuple(paths), left_out=tuple(left_out))


def _look_at(top: Path, path: str) -> tuple[str, int]:
    """Return why a file does not come along, or "", and its size in bytes."""
    if is_named_like_secret(path):
        return "by its name it may hold secrets", 0
    file = top / path
    if file.is_symlink():  # its target counts
        return "", 0
    try:
        size = file.stat().st_size
        return _find_reason(path, file, size), size
    except OSError as error:
        return f"it cannot be read ({error.strerror})", 0


def _find_reason(path: str, file: Path, size: int) -> str:
    if size > FILE_LIMIT:
        return f"it is larger than {FILE_LIMIT // _MEGABYTE} MB"
    content = _read_text(file)
    if len(content) > TEXT_LIMIT:
        return f"it is a text larger than {TEXT_LIMIT // _MEGABYTE} MB"
    return "it looks as if it held a secret" if holds_secret(path, content) else ""


def _read_text(file: Path) -> bytes:
    """Return the content of a text, and only the beginning of anything else."""
    with file.open("rb") as stream:
        head = stream.read(START)
        return head if b"\0" in head else head + stream.read(TEXT_LIMIT)


def _name_some(paths: Sequence[str]) -> str:
    shown = ", ".join(display(path, limit=60) for path in paths[:SHOWN])
    more = len(paths) - SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
