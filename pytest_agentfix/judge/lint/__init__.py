"""The diff lint: find signs of a cheat in the product code a change set adds (pure)."""

from __future__ import annotations

from pytest_agentfix.judge.lint.expectations import Expectations, read_expectations
from pytest_agentfix.judge.lint.hits import Level, LintHit, LintRule, Sample
from pytest_agentfix.judge.lint.linter import lint_changes
from pytest_agentfix.judge.lint.rules import RULES
from pytest_agentfix.judge.lint.source_tree import SourceTree

__all__ = [
    "RULES",
    "Expectations",
    "Level",
    "LintHit",
    "LintRule",
    "Sample",
    "SourceTree",
    "lint_changes",
    "read_expectations",
]
