"""The tree as the tests saw it, laid out once per run."""

from __future__ import annotations

import errno
import logging
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from pytest_agentfix.errors import WorkspaceError
from pytest_agentfix.model import ChangeSet, FileChange
from pytest_agentfix.policy import display
from pytest_agentfix.workspace.files import (
    READ_FLAGS,
    copy_with_digest,
    digest_of,
    is_executable,
    is_inside,
    translated,
)

logger = logging.getLogger(__name__)

_GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR})


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFile:
    """One file of the base. ``size`` and ``digest`` (sha256, hex) of a symlink are its target's."""

    kind: Literal["file", "symlink"]
    size: int  # bytes
    digest: str
    executable: bool = False
    target: str = ""  # of a symlink

    @classmethod
    def from_content(cls, content: bytes, *, executable: bool) -> BaseFile:
        """A regular file with ``content``."""
        return cls(kind="file", size=len(content), digest=digest_of(content), executable=executable)

    @classmethod
    def from_target(cls, target: str) -> BaseFile:
        """A symlink to ``target``."""
        raw = os.fsencode(target)
        return cls(kind="symlink", size=len(raw), digest=digest_of(raw), target=target)


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The tree a fix starts from. Paths are relative to ``top`` and ``/`` separated.

    ``folder`` holds the copy and never changes; ``overlay`` holds fixes accepted since.
    ``notices`` are one-line remarks about what could not be taken along.
    """

    top: Path
    folder: Path
    files: Mapping[str, BaseFile]
    overlay: Mapping[str, FileChange] = field(default_factory=dict)
    notices: tuple[str, ...] = ()

    @classmethod
    def lay_out(cls, *, top: Path, files: Sequence[str], folder: Path) -> Base:
        """Copy ``files`` of the tree at ``top`` into ``folder``, which is made or is empty.

        A file that vanished since it was listed is skipped; what is neither a regular file nor a
        symlink is left out with a notice. Raises ``WorkspaceError`` for a file that cannot be
        read, ``DiskFullError`` when there is no room.
        """
        laying = _Laying(top, folder)
        for path in dict.fromkeys(files):
            with translated(path, "copying"):
                laying.take(path)
        return cls(top=top, folder=folder, files=laying.files, notices=tuple(laying.notices))

    def read(self, path: str) -> tuple[bytes, bool] | None:
        """Content and executable bit of the regular file at ``path``, ``None`` if there is none."""
        entry = self.files.get(path)
        if entry is None or entry.kind != "file":
            return None
        if path in self.overlay:
            return self.overlay[path].content or b"", entry.executable
        with translated(path, "reading"):
            return (self.folder / path).read_bytes(), entry.executable

    def with_changes(self, changes: ChangeSet) -> Base:
        """A base in which ``changes`` are part of the tree; ``folder`` is shared, not altered.

        Raises ``WorkspaceError`` for a path outside the tree, or one that needs a folder where
        the tree has a file or a symlink.
        """
        if not changes:
            return self
        files, overlay = dict(self.files), dict(self.overlay)
        for path, change in changes.files.items():
            if not is_inside(path):
                raise _refusal(path, "it is outside the tree")
            files.pop(path, None)
            overlay.pop(path, None)
            if change.content is not None:
                files[path] = BaseFile.from_content(change.content, executable=change.executable)
                overlay[path] = change
        _require_tree(files, overlay)
        return replace(self, files=files, overlay=overlay)


class _Laying:
    """A base in the making."""

    def __init__(self, top: Path, folder: Path) -> None:
        self.files: dict[str, BaseFile] = {}
        self.notices: list[str] = []
        self._top = top
        self._folder = folder
        self._made: set[Path] = set()
        self._plain: dict[str, bool] = {"": True}  # folders of the source -> is no symlink
        with translated(str(folder), "making"):
            folder.mkdir(parents=True, exist_ok=True)

    def take(self, path: str) -> None:
        """Copy one file, or say why not; raises ``OSError``."""
        if not is_inside(path) or not self._is_plain_folder(path.rpartition("/")[0]):
            self._leave_out(path, "its path leads out of the tree")
            return
        try:
            entry = self._copy(path)
        except OSError as error:
            if error.errno not in _GONE:
                raise
            logger.debug("%s went away before it was copied", display(path))
            return
        if entry is not None:
            self.files[path] = entry

    def _copy(self, path: str) -> BaseFile | None:
        source, target = self._top / path, self._folder / path
        mode = os.lstat(source).st_mode
        if stat.S_ISLNK(mode):
            link = os.readlink(source)  # noqa: PTH115 - the raw text, never a cleaned path
            self._make_parent(target)
            target.symlink_to(link)
            return BaseFile.from_target(link)
        if not stat.S_ISREG(mode):
            self._leave_out(path, "it is no regular file")
            return None
        return self._copy_regular(source, target)

    def _copy_regular(self, source: Path, target: Path) -> BaseFile | None:
        fd = os.open(source, READ_FLAGS)
        try:
            info = os.fstat(fd)
            if not stat.S_ISREG(info.st_mode):
                return None  # swapped since it was looked at
            self._make_parent(target)
            size, digest = copy_with_digest(fd, target)
        finally:
            os.close(fd)
        return BaseFile(kind="file", size=size, digest=digest, executable=is_executable(info))

    def _make_parent(self, target: Path) -> None:
        if target.parent not in self._made:
            target.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(target.parent)

    def _is_plain_folder(self, folder: str) -> bool:
        """Whether no part of ``folder`` is a symlink in the source."""
        if folder not in self._plain:
            parent = folder.rpartition("/")[0]
            is_plain = self._is_plain_folder(parent) and not (self._top / folder).is_symlink()
            self._plain[folder] = is_plain
        return self._plain[folder]

    def _leave_out(self, path: str, reason: str) -> None:
        notice = f"{display(path)} is not in the sandbox: {reason}"
        logger.info("%s", notice)
        self.notices.append(notice)


def parents_of(paths: Mapping[str, object]) -> set[str]:
    """All folders above ``paths``, without the top."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _require_tree(files: Mapping[str, BaseFile], overlay: Mapping[str, FileChange]) -> None:
    clash = (parents_of(files) & files.keys()) if overlay else set()
    for path in sorted(clash):
        raise _refusal(path, "it would be a file and a folder at once")


def _refusal(path: str, reason: str) -> WorkspaceError:
    return WorkspaceError(
        f"A change of {display(path)} cannot be laid out: {reason}.",
        "Nothing was written; please report this with the change set.",
    )
