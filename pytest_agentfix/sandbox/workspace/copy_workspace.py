"""One copy of the base for one sandbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pytest_agentfix.core.errors import WorkspaceError
from pytest_agentfix.core.model import ChangeSet
from pytest_agentfix.sandbox.workspace.base import Base, never
from pytest_agentfix.sandbox.workspace.collecting import collect_changes
from pytest_agentfix.sandbox.workspace.compared import Compared
from pytest_agentfix.sandbox.workspace.files import copy_file, give_to, translated, write_new
from pytest_agentfix.sandbox.workspace.mounts import BindMount
from pytest_agentfix.sandbox.workspace.removal import remove_tree
from pytest_agentfix.sandbox.workspace.tree import BaseFile, parents_of


class Workspace(Compared):
    """A writable copy of a base, at ``path`` on the host, to be mounted in one sandbox.

    ``base`` is what the copy held when it was made: what is collected is compared with it.
    """

    def __init__(self, *, path: Path, base: Base, is_hidden: Callable[[str], bool] = never) -> None:
        super().__init__(path=path, base=base, is_hidden=is_hidden, walk=collect_changes)

    @property
    def mount(self) -> BindMount:
        """The mount that brings it into a sandbox."""
        return BindMount(self.path)

    @classmethod
    def create(  # noqa: PLR0913 - one call makes the whole copy
        cls,
        base: Base,
        folder: Path,
        *,
        changes: ChangeSet = ChangeSet(),  # noqa: B008 - immutable
        owner: tuple[int, int] | None = None,
        is_hidden: Callable[[str], bool] = never,
        snapshot: Callable[[Path], None] | None = None,
    ) -> Workspace:
        """Copy ``base`` plus ``changes`` into ``folder``, which is made or is empty.

        Hidden paths are left out, now and from what is collected. ``snapshot`` gets the folder
        when all is in it; then everything goes to ``owner`` (uid, gid). Raises
        ``WorkspaceError`` or ``DiskFullError``, and leaves nothing behind then.
        """
        whole = base.with_changes(changes)
        _make_empty(folder)
        try:
            _fill(folder, whole, is_hidden)
            if snapshot is not None:
                snapshot(folder)
            if owner is not None:
                give_to(folder, owner)
        except BaseException:
            remove_tree(folder)
            raise
        return cls(path=folder, base=whole, is_hidden=is_hidden)

    def remove(self) -> None:
        """Remove the copy, whatever was made of it; fine when it is gone. Never raises."""
        remove_tree(self.path)


def _make_empty(folder: Path) -> None:
    with translated(str(folder), "making"):
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o755)
        is_used = any(folder.iterdir())
    if is_used:
        raise WorkspaceError(
            f"The folder for a workspace is not empty: {folder}.", "Remove it and run pytest again."
        )


def _fill(folder: Path, base: Base, is_hidden: Callable[[str], bool]) -> None:
    files = {path: entry for path, entry in base.files.items() if not is_hidden(path)}
    with translated(str(folder), "making folders in"):
        for parent in sorted(parents_of(files)):
            (folder / parent).mkdir()
            (folder / parent).chmod(0o755)  # independent of the umask
    # Symlinks last: while files are written there is none to write through.
    for path, entry in sorted(files.items(), key=lambda item: item[1].kind == "symlink"):
        with translated(path, "copying"):
            _write(base, path, entry, folder / path)


def _write(base: Base, path: str, entry: BaseFile, target: Path) -> None:
    if entry.kind == "symlink":
        target.symlink_to(entry.target)
    elif path in base.overlay:
        write_new(target, base.overlay[path].content or b"", executable=entry.executable)
    else:
        copy_file(base.place.copy_of(path), target, executable=entry.executable)
