"""Test doubles and a scripted model, for this package and for code that builds on it."""

from __future__ import annotations

from pytest_agentfix.testing.local_sandbox import LocalSandbox
from pytest_agentfix.testing.scripted_model.model_server import ScriptedModel

__all__ = ["LocalSandbox", "ScriptedModel"]
