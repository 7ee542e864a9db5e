"""A workspace with nothing in it, for sandboxes whose own cost is measured."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from pytest_agentfix.sandbox.workspace.mounts import BindMount


class EmptyWorkspace:
    """A fresh folder of the sandbox's user."""

    def __init__(self, user: tuple[int, int]) -> None:
        self.path = Path(tempfile.mkdtemp())
        self.mount = BindMount(self.path)
        if not os.getuid():
            os.chown(self.path, *user)

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.path, ignore_errors=True)
