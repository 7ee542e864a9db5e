"""Find the statements of a test that are certain to run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Sequence
from typing import Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.variants.bindings import list_identifiers, walk_scope
from pytest_agentfix.judge.variants.locate import DEFINITIONS

_LEAVES: Final = (ast.Return, ast.Yield, ast.YieldFrom)
_JUMPS: Final = (ast.Break, ast.Continue)
_SKIPS: Final = re.compile(r"skip.*|SkipTest|Skipped|xfail|importorskip|_?exit|assume|reject")
_CUTTING: Final = re.compile(
    r"(?i).*(raise|warn|suppress|ignor|skip|expect|throws|error|exception|fail|deprecated).*|test"
)


def is_leaving(statement: ast.stmt) -> bool:
    """Return whether a statement may end the function early: nothing after it is certain."""
    if isinstance(statement, DEFINITIONS):
        return False
    if any(isinstance(node, _LEAVES) for node in walk_scope(statement)):
        return True
    return any(_SKIPS.fullmatch(name) for name in list_identifiers(statement))


def is_jumping(statement: ast.AST) -> bool:
    """Return whether a statement may end the loop around it, or one iteration."""
    if isinstance(statement, (*DEFINITIONS, ast.For, ast.AsyncFor, ast.While)):
        return False
    if isinstance(statement, _JUMPS):
        return True
    return any(is_jumping(one) for one in ast.iter_child_nodes(statement))


def is_generator(body: Iterable[ast.stmt]) -> bool:
    """Return whether a function with this body is a generator."""
    return any(
        isinstance(node, ast.Yield | ast.YieldFrom)
        for statement in body
        if not isinstance(statement, DEFINITIONS)
        for node in walk_scope(statement)
    )


def get_sure_block(statement: ast.stmt) -> list[ast.stmt] | None:
    """Return the statements inside ``statement`` that always run with it, to be edited in place."""
    match statement:
        case ast.With(items=items, body=body) | ast.AsyncWith(items=items, body=body):
            return None if any(_is_cutting(item) for item in items) else body
        case ast.For(iter=iterated, body=body):
            return body if _is_filled(iterated) else None
        case ast.Try(body=body, handlers=[], orelse=[]):
            return body
    return None


def _is_cutting(item: ast.withitem) -> bool:
    """Return whether a context manager may cut its block short, going by its name."""
    return bool(_CUTTING.fullmatch(last_name(item.context_expr)))


def _is_filled(iterated: ast.expr) -> bool:
    """Return whether a loop over this runs at least once."""
    match iterated:
        case ast.List(elts=[_, *_]) | ast.Tuple(elts=[_, *_]) | ast.Set(elts=[_, *_]):
            return any(not isinstance(one, ast.Starred) for one in iterated.elts)
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(count))]):
            return count > 0
        case ast.Call(func=ast.Name(id="enumerate"), args=[inner, *_]):
            return _is_filled(inner)
    return False


def is_steady(node: ast.expr) -> bool:
    """Return whether an expression may be evaluated twice: names, items, and tuples of them."""
    allowed = (
        ast.Name,
        ast.Attribute,
        ast.Subscript,
        ast.Constant,
        ast.Tuple,
        ast.expr_context,
    )
    return all(isinstance(one, allowed) for one in ast.walk(node))


def is_read(name: str, within: Sequence[ast.stmt]) -> bool:
    """Return whether a name is read anywhere in these statements."""
    return any(
        isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Load)
        for statement in within
        for node in ast.walk(statement)
    )
