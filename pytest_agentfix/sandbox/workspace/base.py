"""The tree as the tests saw it, copied once per run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import WorkspaceError
from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.core.paths import display
from pytest_agentfix.sandbox.workspace.base_copy import (
    BaseCopy,
    FilePlace,
    Owner,
    copy_files,
    find_changed,
    update_copy,
)
from pytest_agentfix.sandbox.workspace.entry_kinds import is_disposable
from pytest_agentfix.sandbox.workspace.files import give_to, is_inside, translated
from pytest_agentfix.sandbox.workspace.removal import remove_tree
from pytest_agentfix.sandbox.workspace.tree import BaseFile, FileTree, regular

GIT: Final = ".git"
Snapshot = Callable[[Path], None]


def never(_path: str) -> bool:
    """Return ``False`` for every path."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The tree a fix starts from. Paths are relative to ``top`` and ``/`` separated.

    ``place`` says where the copy is, which holds what ``copy`` says and changes only by
    ``refresh``. ``overlay`` holds what fixes have made of it since, ``files`` what is there in
    all.
    """

    place: FilePlace
    copy: BaseCopy = field(repr=False)
    files: FileTree = field(repr=False)
    overlay: Mapping[str, FileChange] = field(default_factory=dict, repr=False)
    snapshot: Snapshot | None = None

    @classmethod
    def create(  # noqa: PLR0913 - one call lays out the whole of it
        cls,
        *,
        top: Path,
        files: Sequence[str],
        folder: Path,
        owner: Owner | None = None,
        is_hidden: Callable[[str], bool] = never,
        snapshot: Snapshot | None = None,
    ) -> Base:
        """Copy ``files`` of the tree at ``top`` below ``folder``, which is made or is empty.

        Paths that ``is_hidden`` accepts go to a folder of their own, which only judges see.
        ``snapshot`` gets the folder of all others, when they are in it. Everything goes to
        ``owner`` (uid, gid).

        A file that vanished since it was listed is skipped; what is neither a regular file nor a
        symlink is left out with a notice. Raises ``WorkspaceError`` for a file that cannot be
        read, ``DiskFullError`` when there is no room.
        """
        place = FilePlace(top=top, folder=folder, owner=owner, is_hidden=is_hidden)
        place.make()
        copy = copy_files(place, files)
        _take_snapshot(place, snapshot)
        return cls(place=place, copy=copy, files=FileTree(copy.files), snapshot=snapshot)

    @property
    def top(self) -> Path:
        """The folder of the user's tree."""
        return self.place.top

    @property
    def notices(self) -> tuple[str, ...]:
        """One-line remarks about what could not be taken along."""
        return tuple(self.copy.left_out.values())

    def read(self, path: str) -> tuple[bytes, bool] | None:
        """Return content and executable bit of the regular file at ``path``, or ``None``."""
        entry = self.files.get(path)
        if entry is None or entry.kind != "file":
            return None
        if path in self.overlay:
            return self.overlay[path].content or b"", entry.executable
        with translated(path, "reading"):
            return self.place.copy_of(path).read_bytes(), entry.executable

    def with_changes(self, changes: ChangeSet) -> Base:
        """Return a base in which ``changes`` are part of the tree; the copy is shared, not altered.

        Raises ``WorkspaceError`` for a path outside the tree, or one that needs a folder where
        the tree has a file or a symlink.
        """
        if not changes:
            return self
        for path in changes.files:
            if not is_inside(path):
                raise _refusal(path, "it is outside the tree")
        files = self.files.with_delta(
            {
                path: None if change.content is None else regular(executable=change.executable)
                for path, change in changes.files.items()
            }
        )
        _require_tree(files, changes)
        return replace(self, files=files, overlay={**self.overlay, **changes.files})

    def delta(self) -> ChangeSet:
        """Return the changes that turn the copy into this base."""
        return ChangeSet(
            {
                path: change
                for path, change in self.overlay.items()
                if change.content is not None or path in self.files.copied
            }
        )

    def as_made(self) -> Base:
        """Return the copy as an agent's new workspace shows it: with ``.git``, without the hidden.

        No other base can be made of it.
        """
        is_hidden = self.place.is_hidden
        files = {path: entry for path, entry in self.copy.files.items() if not is_hidden(path)}
        files.update(_list_snapshot(self.place.plain))
        return replace(self, files=FileTree(files), overlay={})

    def refresh(self, files: Sequence[str]) -> tuple[Base, bool]:
        """Bring the copy up to date: return the base with ``files``, and whether anything changed.

        For the end of the suite: nothing may have been changed by ``with_changes`` yet. What tools
        keep for themselves is nothing new: every suite writes it, and none needs it. Where
        something else is new the copy is altered in its place: a sandbox that sees it by an
        overlay has to be closed. Raises as ``create`` does.
        """
        changed, gone = find_changed(self.place, self.copy, files)
        if all(is_disposable(path) for path in (*changed, *gone)):
            return self, False
        copy = update_copy(self.place, self.copy, changed, gone)
        _take_snapshot(self.place, self.snapshot)
        return replace(self, copy=copy, files=FileTree(copy.files)), True


def _take_snapshot(place: FilePlace, snapshot: Snapshot | None) -> None:
    if snapshot is None:
        return
    remove_tree(place.plain / GIT)
    snapshot(place.plain)
    if place.owner is not None:
        give_to(place.plain / GIT, place.owner)


def _list_snapshot(folder: Path) -> Iterator[tuple[str, BaseFile]]:
    """Yield the files of the repository in ``folder``, if it is one."""
    for file in (folder / GIT).rglob("*"):
        if file.is_file():
            yield file.relative_to(folder).as_posix(), regular(executable=False)


def _require_tree(files: FileTree, changes: ChangeSet) -> None:
    """Refuse changes that make a path a file and a folder at once."""
    for path in sorted(path for path in changes.files if path in files):
        parts = path.split("/")
        parents = ["/".join(parts[:count]) for count in range(1, len(parts))]
        clash = next((parent for parent in parents if parent in files), None)
        if clash is not None or files.has_folder(path):
            raise _refusal(clash or path, "it would be a file and a folder at once")


def _refusal(path: str, reason: str) -> WorkspaceError:
    return WorkspaceError(
        f"A change of {display(path)} cannot be written: {reason}.",
        "Nothing was written; run again, and report it if it stays so: --agent-fix-keep keeps the "
        "workspace with the change.",
    )
