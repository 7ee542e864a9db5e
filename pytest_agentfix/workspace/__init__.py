"""The base, its copies for sandboxes, and what came out of them."""

from __future__ import annotations

from pytest_agentfix.workspace.base import Base, BaseFile
from pytest_agentfix.workspace.copy import Workspace
from pytest_agentfix.workspace.limits import Limits
from pytest_agentfix.workspace.removing import remove_tree

__all__ = ["Base", "BaseFile", "Limits", "Workspace", "remove_tree"]
