"""A real overlay of the kernel's on the host, as an engine would make it for a sandbox."""

from __future__ import annotations

import subprocess
from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.model import ChangeSet, Collected
from pytest_agentfix.sandbox.workspace import Base, OverlayWorkspace


class MountedOverlay:
    """An overlay workspace; ``path`` is what a sandbox would see of it."""

    def __init__(self, base: Base, folder: Path, **options: Any) -> None:
        self.workspace = OverlayWorkspace.create(base, folder / "overlay", **options)
        self.path = folder / "merged"
        self.path.mkdir()
        self._is_mounted = False
        command = ["mount", "-t", "overlay", "overlay", "-o", self.workspace.mount.options]
        if subprocess.run([*command, str(self.path)], check=False, capture_output=True).returncode:
            self.path.rmdir()
            pytest.skip("cannot mount an overlay here")
        self._is_mounted = True

    @property
    def base(self) -> Base:
        return self.workspace.base

    @property
    def upper(self) -> Path:
        return self.workspace.path

    def expect(self, changes: ChangeSet) -> None:
        self.workspace.expect(changes)

    def collect(self, *, skip: Collection[str] = (), **options: Any) -> Collected:
        return self.workspace.collect(skip=skip, **options)

    def find_remains(self, fresh: Base, *, skip: Collection[str] = ()) -> Collected:
        return self.workspace.find_remains(fresh, skip=skip)

    def remove(self) -> None:
        if self._is_mounted:
            subprocess.run(["umount", str(self.path)], check=True)
            self._is_mounted = False
            self.path.rmdir()
        self.workspace.remove()
