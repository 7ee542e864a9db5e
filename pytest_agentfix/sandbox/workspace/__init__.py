"""The base, the workspaces made of it for sandboxes, and what came out of them."""

from __future__ import annotations

from pytest_agentfix.sandbox.workspace.base import Base
from pytest_agentfix.sandbox.workspace.copy_workspace import Workspace
from pytest_agentfix.sandbox.workspace.files import as_error
from pytest_agentfix.sandbox.workspace.limits import Limits
from pytest_agentfix.sandbox.workspace.mounts import BindMount, OverlayMount, make_mount_points
from pytest_agentfix.sandbox.workspace.overlay_workspace import OverlayWorkspace
from pytest_agentfix.sandbox.workspace.removal import remove_tree
from pytest_agentfix.sandbox.workspace.tree import BaseFile

__all__ = [
    "Base",
    "BaseFile",
    "BindMount",
    "Limits",
    "OverlayMount",
    "OverlayWorkspace",
    "Workspace",
    "as_error",
    "make_mount_points",
    "remove_tree",
]
