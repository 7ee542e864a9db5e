"""Names in a tree: where they are imported from, bound, and referred to."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, last_name
from pytest_agentfix.judge.variants.locate import DEFINITIONS

_PYTEST: Final = ("pytest", "_pytest")


def map_imports(tree: ast.AST) -> dict[str, str]:
    """Map each imported name to the dotted name it stands for."""
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole, root = alias.name, alias.name.partition(".")[0]
                found[alias.asname or root] = whole if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            for alias in node.names:
                found[alias.asname or alias.name] = f"{source}.{alias.name}"
    return found


def qualify(node: ast.AST, imports: Mapping[str, str]) -> str:
    """Return the dotted name that a name or attribute stands for, "" for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([imports.get(node.id, node.id), *reversed(parts)])


def is_pytest(dotted: str) -> bool:
    """Return whether a dotted name belongs to pytest or to a plugin of it."""
    root = dotted.partition(".")[0]
    return root in _PYTEST or root.startswith("pytest_")


def list_identifiers(node: ast.AST) -> Iterator[str]:
    """Yield every name and attribute in a tree."""
    for one in ast.walk(node):
        if isinstance(one, ast.Name):
            yield one.id
        elif isinstance(one, ast.Attribute):
            yield one.attr


def list_references(node: ast.AST) -> set[str]:
    """Return the names that a tree may look up, local ones included."""
    return {
        one.id
        for one in ast.walk(node)
        if isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Store)
    }


def list_bound(statement: ast.stmt) -> set[str]:
    """Return the names that a statement of a module binds there."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    found: set[str] = set()
    for node in walk_scope(statement):
        if isinstance(node, DEFINITIONS):
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return found


def walk_scope(node: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree without the contents of functions and classes defined below it."""
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (*DEFINITIONS, ast.Lambda)):
            yield child
        else:
            yield from walk_scope(child)


def is_fixture(node: ast.AST) -> bool:
    """Return whether a definition is a pytest fixture."""
    return isinstance(node, FUNCTIONS) and any(
        last_name(one) in ("fixture", "yield_fixture") for one in node.decorator_list
    )


def is_autouse(node: ast.AST) -> bool:
    """Return whether a fixture is, or may be, used without being asked for."""
    if not (isinstance(node, FUNCTIONS) and is_fixture(node)):
        return False
    keywords = [word for one in node.decorator_list for word in getattr(one, "keywords", ())]
    return any(
        word.arg in ("autouse", None)
        and not (isinstance(word.value, ast.Constant) and not word.value.value)
        for word in keywords
    )


def list_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[ast.arg]:
    """List a function's arguments that can be given by name or position."""
    arguments = function.args
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
