"""The base, the workspaces made of it for sandboxes, and what came out of them."""

from __future__ import annotations

from pytest_agentfix.workspace.base import Base, BaseRecord
from pytest_agentfix.workspace.copy import Workspace
from pytest_agentfix.workspace.limits import Limits
from pytest_agentfix.workspace.mounts import BindMount, OverlayMount, make_mount_points
from pytest_agentfix.workspace.overlay import OverlayWorkspace
from pytest_agentfix.workspace.removing import remove_tree
from pytest_agentfix.workspace.tree import BaseFile

__all__ = [
    "Base",
    "BaseFile",
    "BaseRecord",
    "BindMount",
    "Limits",
    "OverlayMount",
    "OverlayWorkspace",
    "Workspace",
    "make_mount_points",
    "remove_tree",
]
