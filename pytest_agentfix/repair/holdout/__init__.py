"""Withholds some failing cases of a parametrised test from the agent. Pure."""

from __future__ import annotations

from pytest_agentfix.repair.holdout.choosing import choose_hold_out, redact

__all__ = ["choose_hold_out", "redact"]
