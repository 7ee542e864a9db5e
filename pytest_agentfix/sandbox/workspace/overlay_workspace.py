"""One view of the base for one sandbox: nothing is copied but what changes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet
from pytest_agentfix.sandbox.workspace.base import Base, never
from pytest_agentfix.sandbox.workspace.base_copy import Owner
from pytest_agentfix.sandbox.workspace.compared import Compared
from pytest_agentfix.sandbox.workspace.files import translated
from pytest_agentfix.sandbox.workspace.mounts import OverlayMount, has_kernel_files, require_usable
from pytest_agentfix.sandbox.workspace.overlay_diff import collect_upper
from pytest_agentfix.sandbox.workspace.removal import remove_tree


class OverlayWorkspace(Compared):
    """An overlay over a base, to be mounted in one sandbox by the engine.

    ``path`` is the folder on the host that takes in what is changed. ``base`` is what the sandbox
    holds once its ``delta`` has been written there, before anything untrusted runs in it: what is
    collected is compared with it.
    """

    def __init__(
        self, *, folder: Path, mount: OverlayMount, base: Base, is_hidden: Callable[[str], bool]
    ) -> None:
        super().__init__(path=mount.upper, base=base, is_hidden=is_hidden, walk=collect_upper)
        self.mount = mount
        self._folder = folder

    @classmethod
    def create(
        cls,
        base: Base,
        folder: Path,
        *,
        changes: ChangeSet = ChangeSet(),  # noqa: B008 - immutable
        owner: Owner | None = None,
        is_hidden: Callable[[str], bool] | None = None,
    ) -> OverlayWorkspace:
        """Make the empty folders of an overlay in ``folder``, which is made or is empty.

        With ``is_hidden`` it lacks what the base hides, and such paths are left out of what is
        collected. ``owner`` (uid, gid) gets what is made. Raises ``OverlayUnavailableError``
        where no overlay can work, ``WorkspaceError`` or ``DiskFullError``.
        """
        place = base.place
        mount = OverlayMount(
            lower=(place.plain,) if is_hidden else (place.hidden, place.plain),
            upper=folder / "upper",
            work=folder / "work",
        )
        with translated(str(folder), "making"):
            folder.mkdir(parents=True, exist_ok=True)
            for path in (folder, mount.upper, mount.work):
                path.mkdir(exist_ok=True)
                path.chmod(0o755)
                if owner is not None:
                    os.chown(path, *owner)
        require_usable(mount)
        whole = base.with_changes(changes)
        return cls(folder=folder, mount=mount, base=whole, is_hidden=is_hidden or never)

    def remove(self) -> None:
        """Remove what was changed; fine when it is gone. Never raises.

        What only the kernel may remove stays until the session's end: ``overlay_cleanup.py``.
        """
        if has_kernel_files(self.mount.work):
            remove_tree(self.path)
        else:
            remove_tree(self._folder)
