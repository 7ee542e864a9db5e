"""Resolve which names are bound where, and to what: imports, parameters, simple assignments."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from pytest_agentfix.core.python_source import FUNCTIONS, parameters


@dataclass(slots=True)
class Scope:
    """The names of one module, class body, function or lambda."""

    kind: str  # "module", "class" or "function"
    outer: Scope | None
    imports: dict[str, str] = field(default_factory=dict)  # name -> dotted name
    stars: list[str] = field(default_factory=list)
    values: dict[str, ast.expr] = field(default_factory=dict)  # the last value assigned
    bound: Counter[str] = field(default_factory=Counter)
    defined: set[str] = field(default_factory=set)  # by def, class or as a parameter

    def chain(self) -> Iterator[Scope]:
        """Yield the scopes in which Python looks a name up, from the inside out."""
        yield self
        scope = self.outer
        while scope is not None:
            if scope.kind != "class":
                yield scope
            scope = scope.outer

    def constant(self, name: str) -> ast.expr | None:
        """Return the value that ``name`` always has: it is bound once, by a plain assignment."""
        for scope in self.chain():
            if scope.bound[name]:
                return scope.values.get(name) if scope.bound[name] == 1 else None
        return None


def build_scopes(tree: ast.Module) -> dict[int, Scope]:
    """Return the scope of every node, by the node's ``id``."""
    scopes: dict[int, Scope] = {}
    waiting: list[tuple[ast.AST, Scope]] = [(tree, Scope("module", None))]
    while waiting:
        node, scope = waiting.pop()
        scopes[id(node)] = scope
        _bind(node, scope)
        inner = _open(node, scope)
        waiting.extend((child, inner) for child in ast.iter_child_nodes(node))
    return scopes


def _open(node: ast.AST, scope: Scope) -> Scope:
    """Return the scope of the node's children."""
    if isinstance(node, ast.ClassDef):
        return Scope("class", scope)
    if not isinstance(node, (*FUNCTIONS, ast.Lambda)):
        return scope
    inner = Scope("function", scope)
    for name in parameters(node.args):
        inner.bound[name] += 1
        inner.defined.add(name)
    return inner


def _bind(node: ast.AST, scope: Scope) -> None:
    """Record the names that ``node`` itself binds."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            scope.bound[node.name] += 1
            scope.defined.add(node.name)
        case ast.Import() | ast.ImportFrom():
            _bind_import(node, scope)
        case ast.Assign():
            for target in node.targets:
                _bind_value(target, node.value, scope)
        case ast.AnnAssign(value=ast.expr() as value) | ast.NamedExpr(value=value):
            _bind_value(node.target, value, scope)
        case ast.Name(ctx=ast.Store() | ast.Del()):
            scope.bound[node.id] += 1
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)):
            scope.bound[name] += 1


def _bind_import(node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    for alias in node.names:
        name = alias.asname or alias.name.partition(".")[0]
        if isinstance(node, ast.Import):
            dotted = alias.name if alias.asname else name
        elif alias.name == "*":
            scope.stars.append("." * node.level + (node.module or ""))
            continue
        else:
            dotted = f"{'.' * node.level}{node.module or ''}.{alias.name}"
        scope.imports[name] = dotted
        scope.bound[name] += 1


def _bind_value(target: ast.expr, value: ast.expr, scope: Scope) -> None:
    """Record a value for a name, or one by one for a tuple of names."""
    if isinstance(target, ast.Name):
        scope.values[target.id] = value
    elif (
        isinstance(target, (ast.Tuple, ast.List))
        and isinstance(value, (ast.Tuple, ast.List))
        and len(target.elts) == len(value.elts)
    ):
        for one, its_value in zip(target.elts, value.elts, strict=True):
            if isinstance(one, ast.Name):
                scope.values[one.id] = its_value
