"""Rules about ways to end the process, or a test that has neither passed nor failed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, last_name
from pytest_agentfix.judge.lint.dotted_names import (
    OUTCOMES,
    is_in_main_guard,
    mark,
    name_hit,
    raw_hit,
)
from pytest_agentfix.judge.lint.hits import RawHit
from pytest_agentfix.judge.lint.module import Module

_EXITS: Final = frozenset(
    {"sys.exit", "builtins.exit", "builtins.quit", "builtins.SystemExit"}
    | {"builtins.KeyboardInterrupt"}
)
_MAIN: Final = re.compile(r"_*(main|cli|run_cli|entry_?point|\w+_main|main_\w+|cli_\w+)")
_OUTCOME_NAMES: Final = frozenset({"Skipped", "SkipTest", "XFailed", "OutcomeException"})
_GUARDED: Final = frozenset({"unittest", "doctest"})  # run by a module that is its own test


def find_exits(module: Module) -> Iterator[RawHit]:
    """Find ways out of the process other than those of a program's own main function."""
    for use in module.uses:
        if use.name not in _EXITS or is_in_main_guard(module, use.node):
            continue
        if not use.name.endswith((".exit", ".quit")) and _is_only_handled(module, use.node):
            continue
        # An exit that a failing test expects by name does not get around the test.
        yield name_hit("process-exit", use, "exit" if _is_in_main(module, use.node) else "")
        yield mark(use.node, "exit")


def find_outcomes(module: Module) -> Iterator[RawHit]:
    """Find the test runner's own vocabulary in code that is not a test."""
    for use in module.uses:
        root = use.name.partition(".")[0]
        if root not in OUTCOMES:
            continue
        if root in _GUARDED and is_in_main_guard(module, use.node):
            continue
        yield name_hit("test-outcome", use, "runner")
    for node in module.nodes:
        match node:
            case ast.Raise(exc=ast.expr() as exc) if last_name(exc) in _OUTCOME_NAMES:
                yield raw_hit("test-outcome", node, f"raises {last_name(exc)}")


def _is_only_handled(module: Module, node: ast.AST) -> bool:
    """Return whether an exception is only caught or compared here, not raised."""
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return False
    parent = module.parent(node)
    if isinstance(parent, ast.Tuple):
        parent = module.parent(parent)
    if isinstance(parent, (ast.ExceptHandler, ast.ClassDef, ast.BinOp)):
        return True
    return isinstance(parent, ast.Call) and node in parent.args


def _is_in_main(module: Module, node: ast.AST) -> bool:
    return any(
        isinstance(outer, FUNCTIONS) and _MAIN.fullmatch(outer.name)
        for outer in module.ancestors(node)
    )


def is_expected(one: RawHit, raised: frozenset[str]) -> bool:
    """Return whether the failing tests themselves ask for this exit by the exception's name."""
    if one.rule != "process-exit" or one.key not in _EXITS:
        return False
    wanted = "KeyboardInterrupt" if one.key.endswith("KeyboardInterrupt") else "SystemExit"
    return wanted in raised
