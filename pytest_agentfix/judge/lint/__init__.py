"""The diff lint: find signs of a cheat in the product code a change set adds (pure)."""

from __future__ import annotations

from pytest_agentfix.judge.lint.expectations import Expectations, read_expectations
from pytest_agentfix.judge.lint.hits import Level, LintHit, LintRule, Sample
from pytest_agentfix.judge.lint.linter import lint_changes
from pytest_agentfix.judge.lint.module import read_module
from pytest_agentfix.judge.lint.rules import RULES

__all__ = [
    "RULES",
    "Expectations",
    "Level",
    "LintHit",
    "LintRule",
    "Sample",
    "lint_changes",
    "read_expectations",
    "read_module",
]
