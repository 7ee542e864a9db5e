"""The ways that a workspace's folder gets into a sandbox."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from pytest_agentfix.core.errors import OverlayUnavailableError
from pytest_agentfix.sandbox.workspace.files import translated

_SEPARATORS: Final = frozenset(":,\\")  # of the kernel's options; no engine passes them on safely
KERNEL_FOLDER: Final = "work"  # the name of the kernel's own folder
_PROBE: Final = "user.agentfix"
_OPTIONS_LIMIT: Final = 3500  # bytes; the kernel takes a page


@dataclass(frozen=True, slots=True)
class BindMount:
    """A folder of the host, as it is."""

    folder: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlayMount:
    """Folders of the host seen as one; what is written goes to ``upper``.

    ``lower`` are never written to, the first hides the others. ``upper`` and ``work`` are on one
    file system.
    """

    lower: tuple[Path, ...]
    upper: Path
    work: Path

    @property
    def options(self) -> str:
        """The options of the mount, as the kernel reads them.

        ``userxattr``: marks that an ordinary user can read, and nothing of the machine's
        administrator. A file is in ``upper`` as a whole or not at all, under its own name.
        """
        lower = ":".join(map(str, self.lower))
        places = f"lowerdir={lower},upperdir={self.upper},workdir={self.work}"
        return f"{places},userxattr,redirect_dir=nofollow,metacopy=off,index=off,nosuid,nodev"


def make_mount_points(
    folder: Path, inside: Iterable[str], *, owner: tuple[int, int] | None
) -> None:
    """Make the folders of a workspace that something is mounted on, for ``owner`` (uid, gid).

    Else the engine does, and what it makes is root's: in a folder of root's, an ordinary user can
    remove nothing. No link is followed. Raises ``WorkspaceError`` or ``DiskFullError``.
    """
    for path in inside:
        at = folder
        with translated(path, "making a place for"):
            for part in PurePosixPath(path).parts:
                at /= part
                if at.is_symlink():
                    break
                if not at.exists():
                    at.mkdir()
                    at.chmod(0o755)  # independent of the umask
                    if owner is not None:
                        os.chown(at, *owner)


def require_usable(mount: OverlayMount) -> None:
    """Raise ``OverlayUnavailableError`` where the host can tell that no overlay can work."""
    places = [*mount.lower, mount.upper, mount.work]
    if any(not _SEPARATORS.isdisjoint(str(place)) for place in places):
        raise unavailable("the path of the folder for temporary files has a colon or the like")
    if len(os.fsencode(mount.options)) > _OPTIONS_LIMIT:
        raise unavailable("the path of the folder for temporary files is too long")
    try:
        os.setxattr(mount.upper, _PROBE, b"y")
        os.removexattr(mount.upper, _PROBE)
    except (OSError, AttributeError):  # the calls are Linux's
        raise unavailable("the disk for temporary files keeps no extended attributes") from None


def has_kernel_files(work: Path) -> bool:
    """Return whether the kernel left files in ``work`` that only root or the kernel may remove.

    It has a folder of its own there, which stays when the overlay goes. In it is what hides
    removed files, if any were.
    """
    kernels = work / KERNEL_FOLDER
    try:
        if kernels.lstat().st_uid == os.getuid():
            return False
        kernels.rmdir()
    except OSError as error:
        return not isinstance(error, FileNotFoundError)
    return False


def unavailable(reason: str) -> OverlayUnavailableError:
    """Return the error for the log; copies are made instead, so nobody has to do anything."""
    return OverlayUnavailableError(
        f"A workspace cannot be an overlay: {reason}.",
        "Full copies are made instead, which take longer in a large repository.",
    )
