"""The questions that the base asks already, and the constants that it knows (pure)."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pytest_agentfix.core.python_source import FUNCTIONS
from pytest_agentfix.judge.locality.knowledge import constants_in, is_fixed

OPENERS: Final = (*FUNCTIONS, ast.Lambda)
GETTERS: Final = frozenset({"get", "pop", "setdefault"})
_SELECTING: Final = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)  # and not the ends of a range


def list_questions(function: ast.AST, tables: Mapping[str, int]) -> Counter[str]:
    """Count the constants with which the base compares, by what is compared.

    ``tables`` are the sizes of the tables that the base knows, by name.
    """
    found: Counter[str] = Counter()
    for node in ast.walk(function):
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], _SELECTING):
            sides = [node.left, *node.comparators]
            fixed = [side for side in sides if is_fixed(side)]
            count = sum(len(list(constants_in(side))) for side in fixed)
            count += sum(tables.get(name_of(side), 0) for side in sides)
            for side in sides:
                if side not in fixed:
                    found[ast.unparse(side)] += count
        elif isinstance(node, ast.Subscript):
            found[ast.unparse(node.slice)] += _count_entries(node.value, tables)
        elif isinstance(node, ast.Call) and _is_getter(node.func) and node.args:
            table = node.func.value  # type: ignore[attr-defined]
            found[ast.unparse(node.args[0])] += _count_entries(table, tables)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
            "startswith", "endswith",
        ):  # fmt: skip
            found[ast.unparse(node.func.value)] += len(list(constants_in(node)))  # type: ignore[attr-defined]
    return found


def has_precedent(node: ast.AST, asked: Counter[str]) -> bool:
    """Return whether the base asks the same thing, with other constants, twice or more."""
    sides: list[ast.expr] = []
    if isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
    elif isinstance(node, ast.Subscript):
        sides = [node.slice]
    elif isinstance(node, ast.Call):
        sides = [
            *node.args[:1],
            *([node.func.value] if isinstance(node.func, ast.Attribute) else []),
        ]
    return any(asked[ast.unparse(side)] > 1 for side in sides if not is_fixed(side))


def list_compared(function: Any) -> frozenset[Any]:
    """List the constants that a function compares with or has as a default."""
    found: list[Any] = []
    for node in ast.walk(function):
        if isinstance(node, ast.Compare):
            found += [one for side in (node.left, *node.comparators) for one in constants_in(side)]
        elif isinstance(node, ast.arguments):
            for default in (*node.defaults, *filter(None, node.kw_defaults)):
                found += constants_in(default)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod):
            found += constants_in(node.right)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "range":
            found += constants_in(node)
    near = [one + step for one in found if type(one) is int for step in (1, -1)]
    return frozenset(hashable([*found, *near]))


def list_keys(module: ast.Module) -> Iterator[Any]:
    """List the constant keys of a module's tables."""
    for _, value in list_bindings(module):
        if isinstance(value, ast.Dict):
            yield from (key.value for key in value.keys if isinstance(key, ast.Constant))


def list_bindings(tree: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """List the assignments that run at import, with additions to tables."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, OPENERS):
            continue
        if isinstance(node, (ast.Assign, ast.AnnAssign, ast.AugAssign)) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                inner = target.value if isinstance(target, ast.Subscript) else target
                name = getattr(inner, "id", getattr(inner, "attr", ""))
                yield name, node if isinstance(target, ast.Subscript) else node.value
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            owner = getattr(node.value.func, "value", None)
            name = getattr(owner, "id", getattr(owner, "attr", ""))
            if name:
                yield name, node.value
        waiting.extend(ast.iter_child_nodes(node))


def _count_entries(table: ast.expr, tables: Mapping[str, int]) -> int:
    return len(table.keys) if isinstance(table, ast.Dict) else tables.get(name_of(table), 0)


def _is_getter(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and function.attr in GETTERS


def name_of(node: ast.AST) -> str:
    """Return the name, or the attribute's, "" for anything else."""
    return getattr(node, "id", getattr(node, "attr", ""))


def hashable(values: Iterable[Any]) -> Iterator[Any]:
    """Yield the plain constants."""
    for value in values:
        if isinstance(value, (str, bytes, int, float, complex)):
            yield value
