"""Rules about removed code; they compare whole files, not constructs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, Function
from pytest_agentfix.judge.lint.dotted_names import qualified
from pytest_agentfix.judge.lint.file_diff import FileDiff
from pytest_agentfix.judge.lint.hits import RawHit, printable
from pytest_agentfix.judge.lint.module import Module

_MUCH: Final = 10  # lines fewer than before
_RATIO: Final = 2
_SECURITY: Final = re.compile(
    r"auth|permission|verif|validat|sanitiz|sanitis|escape|token|password|csrf|signature|secur",
    re.IGNORECASE,
)

Placed = tuple[str, RawHit]  # a path, and what was found there


def find_deletions(diffs: Sequence[FileDiff]) -> Iterator[Placed]:
    """Find files, functions and classes that are gone, and a change that mostly deletes."""
    added = sum(len(diff.added) for diff in diffs)
    removed = sum(diff.removed for diff in diffs)
    if diffs and removed - added > _MUCH and removed > _RATIO * added:
        yield diffs[0].path, _note("deletion", f"{removed} lines deleted, {added} added")
    left = {name for diff in diffs for name in _defined(diff.new)}
    for diff in diffs:
        if diff.after is None:
            yield diff.path, _note("deletion", "the file is deleted")
        elif diff.old is not None and diff.new is not None:
            for name in sorted(_defined(diff.old) - left):
                yield diff.path, _note("deletion", f"{printable(name)} is deleted")


def find_weakened(diffs: Sequence[FileDiff]) -> Iterator[Placed]:
    """Find functions that guard something and have fewer conditions or errors than before."""
    for diff in diffs:
        before, after = _guards(diff.old), _guards(diff.new)
        for name, function in before.items():
            now = after.get(name)
            if now is not None and _weigh(now) != _weigh(function) and _is_weaker(now, function):
                what = f"{printable(name)} has fewer checks"
                yield diff.path, _note("security", what, line=now.lineno)


def _note(rule: str, what: str, *, line: int = 0) -> RawHit:
    return RawHit(rule=rule, what=what, key=what, line=line, end=line)


def _defined(module: Module | None) -> set[str]:
    """Return the last names of all functions and classes."""
    nodes = [] if module is None else module.nodes
    return {node.name for node in nodes if isinstance(node, (*FUNCTIONS, ast.ClassDef))}


def _guards(module: Module | None) -> dict[str, Function]:
    nodes = [] if module is None else module.nodes
    return {
        qualified(module, node): node
        for node in nodes
        if module is not None and isinstance(node, FUNCTIONS) and _SECURITY.search(node.name)
    }


def _is_weaker(now: Function, before: Function) -> bool:
    return any(one < other for one, other in zip(_weigh(now), _weigh(before), strict=True))


def _weigh(function: Function) -> tuple[int, int]:
    """Count the errors it raises and its conditions."""
    raises = conditions = 0
    for node in ast.walk(function):
        raises += isinstance(node, ast.Raise)
        conditions += isinstance(node, (ast.If, ast.IfExp, ast.Assert, ast.Compare))
    return raises, conditions
