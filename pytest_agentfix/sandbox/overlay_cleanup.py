"""Removes the folders of the engine's overlays that an ordinary user may not remove.

The kernel keeps what it needs to hide removed files in a folder of its own, which belongs to root
and which nobody else may look into. It stays when the overlay goes, and is emptied when the next
one is mounted there.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Final

from pytest_agentfix.sandbox.archive import make_archive
from pytest_agentfix.sandbox.engine import OWNER_LABEL, SESSION_LABEL, Engine
from pytest_agentfix.sandbox.scratch import owner_name
from pytest_agentfix.sandbox.workspace.mounts import KERNEL_FOLDER, OverlayMount, has_kernel_files

IMAGE: Final = "pytest-agentfix:empty"
_MANY: Final = 20  # mounts of one container


def clean_up_overlays(engine: Engine, folder: Path) -> None:
    """Have the kernel empty its folders in the workspaces below a session's ``folder``.

    No sandbox may run in them any more. What cannot be emptied stays. Raises ``SandboxError``
    when the engine is in trouble.
    """
    works = _find(folder)
    labels = {SESSION_LABEL: folder.name, OWNER_LABEL: owner_name(folder.parent)}
    for start in range(0, len(works), _MANY):
        scrap = folder / f"scrap-{secrets.token_hex(4)}"
        mounts = [
            _make(work, scrap / str(count)) for count, work in enumerate(works[start:][:_MANY])
        ]
        if not engine.has_image(IMAGE):
            engine.import_image(IMAGE, make_archive({"tmp": (0o1777, None)}))
        engine.mount_once(IMAGE, mounts, labels)


def _find(folder: Path) -> list[Path]:
    """Find folders with the kernel's in them, also where an earlier removal moved them."""
    found = [
        *folder.glob(f"*/{KERNEL_FOLDER}/{KERNEL_FOLDER}"),
        *folder.glob(f".*/{KERNEL_FOLDER}"),
    ]
    return [path.parent for path in dict.fromkeys(found) if has_kernel_files(path.parent)]


def _make(work: Path, scrap: Path) -> OverlayMount:
    lower, upper = scrap / "lower", scrap / "upper"
    for path in (lower, upper):
        path.mkdir(parents=True)
    return OverlayMount(lower=(lower,), upper=upper, work=work)
