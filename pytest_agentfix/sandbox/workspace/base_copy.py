"""Copies the user's tree once per run, and finds out later what has changed in it since."""

from __future__ import annotations

import logging
import os
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pytest_agentfix.core.paths import display
from pytest_agentfix.sandbox.workspace.file_copier import OUTSIDE, Copier, sign
from pytest_agentfix.sandbox.workspace.files import as_error, is_inside, is_same_file, translated
from pytest_agentfix.sandbox.workspace.tree import BaseFile

logger = logging.getLogger(__name__)

PLAIN: Final = "plain"  # the folder with what everybody sees
HIDDEN: Final = "hidden"  # the folder with what only judges see
Owner = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePlace:
    """From where to where: the tree at ``top`` into the folders ``plain`` and ``hidden``."""

    top: Path
    folder: Path
    owner: Owner | None
    is_hidden: Callable[[str], bool]

    @property
    def plain(self) -> Path:
        """The folder with what everybody sees."""
        return self.folder / PLAIN

    @property
    def hidden(self) -> Path:
        """The folder with what only judges see."""
        return self.folder / HIDDEN

    def copy_of(self, path: str) -> Path:
        """Return the place of the copy of ``path``."""
        return (self.hidden if self.is_hidden(path) else self.plain) / path

    def make(self) -> None:
        """Make the folders."""
        with translated(str(self.folder), "making"):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.folder.chmod(0o755)
            for place in (self.plain, self.hidden):
                place.mkdir(exist_ok=True)
                place.chmod(0o755)
                if self.owner is not None:
                    os.chown(place, *self.owner)


@dataclass(slots=True, kw_only=True)
class BaseCopy:
    """The files that were copied; ``signatures`` are in the files' order."""

    files: dict[str, BaseFile] = field(default_factory=dict)
    signatures: array[int] = field(default_factory=lambda: array("q"))
    left_out: dict[str, str] = field(default_factory=dict)  # path -> the notice about it

    def add(self, path: str, entry: BaseFile, signature: int) -> None:
        """Take in a file that was copied."""
        self.files[path] = entry
        self.signatures.append(signature)

    def leave_out(self, path: str, reason: str) -> None:
        """Record why a file was not copied."""
        notice = f"{display(path)} is not in the sandbox: {reason}"
        logger.info("%s", notice)
        self.left_out[path] = notice


def copy_files(place: FilePlace, files: Iterable[str]) -> BaseCopy:
    """Copy ``files`` to where they belong; the folders are there.

    A file that vanished since it was listed is skipped; what is neither a regular file nor a
    symlink is left out with a notice. Raises ``WorkspaceError`` for a file that cannot be read,
    ``DiskFullError`` when there is no room.
    """
    copied = BaseCopy()
    plain, hidden = str(place.plain), str(place.hidden)
    path = ""
    try:
        with Copier(place.top, place.owner) as copier:
            for path in dict.fromkeys(files):
                if is_inside(path):
                    _copy_one(copied, copier, hidden if place.is_hidden(path) else plain, path)
                else:
                    copied.leave_out(path, OUTSIDE)
    except OSError as error:
        raise as_error(error, path, "copying") from error
    return copied


def _copy_one(copied: BaseCopy, copier: Copier, folder: str, path: str) -> None:
    try:
        found = copier.take(folder, path)
    except (FileNotFoundError, NotADirectoryError):
        logger.debug("%s went away before it was copied", display(path))
        return
    if isinstance(found, str):
        copied.leave_out(path, found)
    else:
        copied.add(path, *found)


def find_changed(
    place: FilePlace, copied: BaseCopy, files: Iterable[str]
) -> tuple[list[str], list[str]]:
    """Find what changed in the tree since: new or other files, and those that are gone."""
    known = dict(zip(copied.files, copied.signatures, strict=True))
    other = []
    top = str(place.top)
    for path in dict.fromkeys(files):
        if path in copied.left_out:
            continue
        signature = known.pop(path, None)
        if signature is None or not _is_as_it_was(f"{top}/{path}", signature):
            other.append(path)
    changed = [path for path in other if not _is_copied(place, copied.files.get(path), path)]
    return changed, [*known]


def _is_as_it_was(path: str, signature: int) -> bool:
    try:
        return bool(signature) and sign(os.lstat(path)) == signature
    except OSError:
        return False


def _is_copied(place: FilePlace, entry: BaseFile | None, path: str) -> bool:
    """Return whether the copy equals the source, whatever the signature says."""
    source = place.top / path
    try:
        if entry is None:
            return not os.path.lexists(source)  # gone since it was listed
        if entry.kind == "symlink":
            return os.readlink(source) == entry.target  # noqa: PTH115 - the raw text
        return is_same_file(source, place.copy_of(path), executable=entry.executable)
    except OSError:
        return False


def remove_copies(place: FilePlace, paths: Iterable[str]) -> None:
    """Remove copies, and the folders that are empty then."""
    for path in paths:
        copy = place.copy_of(path)
        with translated(path, "removing the copy of"):
            copy.unlink(missing_ok=True)
        for folder in copy.parents:
            if folder in (place.plain, place.hidden):
                break
            try:
                folder.rmdir()
            except OSError:
                break


def update_copy(
    place: FilePlace, before: BaseCopy, changed: Sequence[str], gone: Sequence[str]
) -> BaseCopy:
    """Bring the copy up to date and return its new content."""
    copied = BaseCopy(left_out=dict(before.left_out))
    stale = {*changed, *gone}
    for (path, entry), signature in zip(before.files.items(), before.signatures, strict=True):
        if path not in stale:
            copied.add(path, entry, signature)
    remove_copies(place, [path for path in before.files if path in stale])
    fresh = copy_files(place, changed)
    for (path, entry), signature in zip(fresh.files.items(), fresh.signatures, strict=True):
        copied.add(path, entry, signature)
    copied.left_out.update(fresh.left_out)
    return copied
