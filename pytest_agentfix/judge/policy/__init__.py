"""The paths a change set may touch: pure functions over paths and bytes."""

from __future__ import annotations

from pytest_agentfix.judge.policy.applying import apply_policy
from pytest_agentfix.judge.policy.file_names import is_agents_own
from pytest_agentfix.judge.policy.globs import compile_glob
from pytest_agentfix.judge.policy.policy import Accepted, Policy

__all__ = [
    "Accepted",
    "Policy",
    "apply_policy",
    "compile_glob",
    "is_agents_own",
]
