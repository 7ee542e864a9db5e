"""Rules about expressions that were replaced by what the failing tests expect of them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.python_source import (
    FUNCTIONS,
    Function,
    fingerprint,
    lines_of,
    names_in,
    walk_own,
)
from pytest_agentfix.judge.lint.answers import split
from pytest_agentfix.judge.lint.dotted_names import qualified, raw_hit
from pytest_agentfix.judge.lint.expectations import Expectations
from pytest_agentfix.judge.lint.file_diff import FileDiff
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.literals import is_trivial, literal_key
from pytest_agentfix.judge.lint.module import Module

RULE: Final = "special-case"
SHOWN: Final = "possible-special-case"
_PAIRS: Final = 40  # of old and new values of one target that are compared
Slots = dict[tuple[str, str], list[ast.expr]]  # function and target -> the values given to it


@dataclass(frozen=True, slots=True)
class _Version:
    module: Module
    slots: Slots


def find_replaced(diff: FileDiff, expected: Expectations) -> Iterator[RawHit]:
    """Find literals that tests expect, where the old code had something of its arguments.

    Values of the same target are compared: what a function returns or yields, assigns to one name,
    or passes to one call.
    """
    if diff.old is None or diff.new is None or not expected.outputs:
        return
    old, new = (_Version(one, _list_slots(one)) for one in (diff.old, diff.new))
    for place, values in new.slots.items():
        before = old.slots.get(place, [])
        kept = {fingerprint(one) for one in before} & {fingerprint(one) for one in values}
        gone = [one for one in before if fingerprint(one) not in kept]
        come = [one for one in values if fingerprint(one) not in kept and _is_added(one, diff)]
        yield from _compare(old.module, gone, new.module, come, expected)


def _compare(
    old: Module, gone: list[ast.expr], new: Module, come: list[ast.expr], expected: Expectations
) -> Iterator[RawHit]:
    known = {literal_key(old.fold(part)) for one in gone for part in split(old, one)}
    left = {path for one in come for path in _paths(new, one)}
    pairs = [(one, other) for one in gone for other in come][:_PAIRS]
    for before, after in (found for one, other in pairs for found in _differences(one, other)):
        lost = {path for path in _paths(old, before) if not _is_read(path, left)}
        if not lost:
            continue
        for literal in split(new, after):
            value = new.fold(literal)
            if literal_key(value) in known or not expected.has_output(value):
                continue
            is_shown = is_trivial(value) or _is_decided(new, literal, lost)
            if is_trivial(value) and literal is not after:
                continue
            what = f"{printable(repr(value), limit=40)} in the place of {_name(lost)}"
            yield raw_hit(
                SHOWN if is_shown else RULE, literal, what, key=f"for:{literal_key(value)}"
            )


def _name(lost: set[str]) -> str:
    return printable(min(lost), limit=40)


def _is_added(node: ast.AST, diff: FileDiff) -> bool:
    first, last = lines_of(node)
    return any(line in diff.added for line in range(first, last + 1))


def _list_slots(module: Module) -> Slots:
    slots: Slots = {}
    for function in module.nodes:
        if isinstance(function, FUNCTIONS):
            for target, value in _own_slots(function):
                slots.setdefault((qualified(module, function), target), []).append(value)
    return slots


def _own_slots(function: Function) -> Iterator[tuple[str, ast.expr]]:
    own = list(walk_own(function))
    raised = {name for node in own if isinstance(node, ast.Raise) for name in names_in(node)}
    for node in own:
        match node:
            case ast.Return(value=ast.expr() as value):
                yield "return", value
            case ast.Yield(value=ast.expr() as value):
                yield "yield", value
            case (
                ast.Assign(targets=[target], value=value)
                | ast.AugAssign(target=target, value=value)
            ):
                if not (isinstance(target, ast.Name) and target.id in raised):  # an error's text
                    yield f"{ast.unparse(target)} =", value
            case ast.Expr(value=ast.Call(func=called) as value):
                yield f"{ast.unparse(called)}()", value


def _differences(old: ast.expr, new: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the smallest expressions in which two differ, where they are built alike."""
    if fingerprint(old) == fingerprint(new):
        return
    mine, others = _children(old), _children(new)
    if type(old) is not type(new) or len(mine) != len(others) or not mine:
        yield old, new
        return
    for one, other in zip(mine, others, strict=True):
        yield from _differences(one, other)


def _children(node: ast.expr) -> list[ast.expr]:
    found: list[ast.expr] = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.expr):
            found.append(child)
        elif isinstance(child, ast.keyword):
            found.append(child.value)
    return found


def _paths(module: Module, root: ast.AST) -> Iterator[str]:
    """Yield what ``root`` reads of the function's own names: ``args[2]``, ``self.name``.

    What only decides which value is taken does not count.
    """
    waiting = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Name):
            if isinstance(node.ctx, ast.Load) and module.is_local(node):
                yield _path(module, node)
        elif isinstance(node, ast.IfExp):
            waiting += [node.body, node.orelse]
        else:
            waiting += ast.iter_child_nodes(node)


def _path(module: Module, name: ast.Name) -> str:
    inner: ast.AST = name
    for outer in module.ancestors(name):
        is_item = isinstance(outer, ast.Subscript) and module.fold(outer.slice) is not UNKNOWN
        is_part = isinstance(outer, ast.Attribute) and not module.is_called(outer)
        if not (is_item or is_part) or getattr(outer, "value", None) is not inner:
            break
        inner = outer
    return ast.unparse(inner)


def _is_read(path: str, left: set[str]) -> bool:
    return any(path == one or path.startswith((f"{one}.", f"{one}[")) for one in left)


def _is_decided(module: Module, literal: ast.expr, lost: set[str]) -> bool:
    """Return whether the literal stands where a condition on what was lost leads, or an error."""
    child: ast.AST = literal
    for outer in module.ancestors(literal):
        if isinstance(outer, ast.ExceptHandler):
            return True
        if isinstance(outer, (ast.If, ast.IfExp)) and child is not outer.test:
            if lost & set(_paths(module, outer.test)):
                return True
        elif isinstance(outer, FUNCTIONS):
            return any(
                isinstance(one, ast.If) and lost & set(_paths(module, one.test))
                for one in outer.body
            )
        child = outer
    return False
