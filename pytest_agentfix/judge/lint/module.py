"""One parsed file, with its names, folded values and parents resolved."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from pytest_agentfix.core.python_source import decode_source, parse_source
from pytest_agentfix.judge.lint.constant_folding import fold
from pytest_agentfix.judge.lint.folded import UNKNOWN
from pytest_agentfix.judge.lint.scopes import Scope, build_scopes
from pytest_agentfix.judge.source_tree import map_imported

_BUILTINS: Final = frozenset(dir(builtins))
_NODES: Final = 400_000  # of one file that are looked at
_DEPTH: Final = 60  # parts of a dotted name that are followed
IMPORTERS: Final = frozenset(
    {"builtins.__import__", "importlib.import_module", "importlib.__import__"}
)
_DICTS: Final = frozenset({"builtins.globals", "builtins.locals"})


@dataclass(frozen=True, slots=True)
class Use:
    """A place where something of a known dotted name is imported, read, or written."""

    name: str
    node: ast.AST
    is_import: bool = False
    is_written: bool = False


class Module:
    """A file's tree with parents, scopes and folded values."""

    def __init__(self, path: str, text: str, tree: ast.Module) -> None:
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self.body = tree.body
        self.nodes = list(ast.walk(tree))
        self.memo: dict[tuple[str, int], bool] = {}  # answers of rules about a node, by its id
        self._parents = {
            id(child): node for node in self.nodes for child in ast.iter_child_nodes(node)
        }
        self._following = {id(one): after for one, after in self._neighbours()}
        self.imports = map_imported(self.nodes)
        self._scopes = build_scopes(tree)
        self._folded: dict[int, Any] = {}
        self._known: dict[int, str | None] = {}
        for _ in range(2):  # the second time, names that stand for literals are known
            self._fold_all()
            self._known.clear()
        self.uses = tuple(self._find_uses())
        self.imported = frozenset(u.name for u in self.uses if isinstance(u.node, ast.Import))

    def fold(self, node: ast.AST) -> Any:
        """Return the value of ``node``, ``UNKNOWN`` if it is not made of literals."""
        return self._folded.get(id(node), UNKNOWN)

    def fold_str(self, node: ast.AST) -> str | None:
        """Return the text that ``node`` evaluates to; bytes count as text."""
        value = self.fold(node)
        if isinstance(value, bytes):
            return value.decode("latin-1")
        return value if isinstance(value, str) else None

    def parent(self, node: ast.AST) -> ast.AST | None:
        """Return the node that ``node`` is a direct part of."""
        return self._parents.get(id(node))

    def following(self, node: ast.AST) -> ast.stmt | None:
        """Return the statement right after ``node`` in the same block."""
        return self._following.get(id(node))

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """Yield the nodes around ``node``, from the inside out."""
        parent = self.parent(node)
        while parent is not None:
            yield parent
            parent = self.parent(parent)

    def is_called(self, node: ast.AST) -> bool:
        """Return whether ``node`` is the function of a call."""
        call = self.parent(node)
        return isinstance(call, ast.Call) and call.func is node

    def is_in_raise(self, node: ast.AST) -> bool:
        """Return whether ``node`` is part of an exception that is raised."""
        return any(isinstance(outer, ast.Raise) for outer in self.ancestors(node))

    def scope(self, node: ast.AST) -> Scope:
        """Return the scope of ``node``."""
        return self._scopes[id(node)]

    def value_of(self, node: ast.Name) -> ast.expr | None:
        """Return the expression that a name always stands for, if there is one."""
        scope = self._scopes.get(id(node))
        return None if scope is None else scope.constant(node.id)

    def is_local(self, node: ast.Name) -> bool:
        """Return whether a name belongs to a function around it, and stands for no literal."""
        scope = self._scopes.get(id(node))
        for one in scope.chain() if scope is not None else ():
            if one.bound[node.id]:
                return one.kind == "function" and self.fold(node) is UNKNOWN
        return False

    def strings(self) -> Iterator[tuple[ast.expr, str]]:
        """Yield the largest expressions that evaluate to a text, without docstrings."""
        for node in self.nodes:
            if not isinstance(node, ast.expr) or isinstance(node, ast.Name):
                continue
            text = self.fold_str(node)
            parent = self.parent(node)
            if text is None or parent is None or isinstance(parent, ast.Expr):
                continue
            if self.fold_str(parent) is None:
                yield node, text

    def dotted(self, node: ast.AST, depth: int = _DEPTH) -> str | None:
        """Return the full dotted name of ``node``, with ``builtins.``; ``None`` if unknown."""
        if depth == 0:
            return None
        if id(node) not in self._known:
            self._known[id(node)] = None  # a circular reference has no name
            self._known[id(node)] = self._name(node, depth)
        return self._known[id(node)]

    def _name(self, node: ast.AST, depth: int) -> str | None:
        match node:
            case ast.Name():
                return self._resolve(node.id, self.scope(node), depth)
            case ast.Attribute():
                return _join(self.dotted(node.value, depth - 1), node.attr)
            case ast.NamedExpr():
                return self.dotted(node.value, depth - 1)
            case ast.Subscript():
                return self._dotted_item(node, depth)
            case ast.Call():
                return self._dotted_call(node, depth)
        return None

    def _resolve(self, name: str, scope: Scope, depth: int) -> str | None:
        for one in scope.chain():
            if name in one.imports:
                return one.imports[name]
            value = one.values.get(name)
            if value is not None:
                known = self.dotted(value, depth - 1)
                if known is not None:
                    return known
            # At a module's top a name can be bound and still mean the built-in one (``if 0:``).
            if name in one.defined or (one.kind == "function" and one.bound[name]):
                return None
        return self._resolve_outside(name, scope)

    def _resolve_outside(self, name: str, scope: Scope) -> str | None:
        if name == "__builtins__":
            return "builtins"
        if name in _BUILTINS:
            return f"builtins.{name}"
        stars = [star for one in scope.chain() for star in one.stars]
        return f"{stars[0]}.{name}" if len(stars) == 1 else None

    def _dotted_item(self, node: ast.Subscript, depth: int) -> str | None:
        key = self.fold(node.slice)
        if not isinstance(key, str):
            return None
        if isinstance(node.value, ast.Call) and self.dotted(node.value.func, depth - 1) in _DICTS:
            return self._resolve(key, self.scope(node), depth - 1)
        base = self.dotted(node.value, depth - 1)
        if base == "sys.modules":
            return key
        if base == "builtins":
            return f"builtins.{key}"
        if base is not None and base.endswith(".__dict__"):
            return _join(base.removesuffix(".__dict__"), key)
        return None

    def _dotted_call(self, node: ast.Call, depth: int) -> str | None:
        function = self.dotted(node.func, depth - 1)
        if function is None or not node.args:
            return None
        if function in ("sys.modules.get", *IMPORTERS):
            name = self.fold(node.args[0])
            if not isinstance(name, str):
                return None
            return name.partition(".")[0] if function.endswith("__import__") else name
        if function == "builtins.vars":
            return _join(self.dotted(node.args[0], depth - 1), "__dict__")
        if function == "builtins.getattr" and len(node.args) > 1:
            name = self.fold(node.args[1])
            return (
                _join(self.dotted(node.args[0], depth - 1), name) if isinstance(name, str) else None
            )
        return None

    def _neighbours(self) -> Iterator[tuple[ast.stmt, ast.stmt]]:
        for node in self.nodes:
            for name in ("body", "orelse", "finalbody"):
                block = getattr(node, name, None)
                if isinstance(block, list):
                    yield from pairwise(block)

    def _fold_all(self) -> None:
        for node in reversed(self.nodes):  # parts come after the whole in ``ast.walk``
            if isinstance(node, ast.Name):
                constant = self.scope(node).constant(node.id)
                value = UNKNOWN if constant is None else self.fold(constant)
            elif isinstance(node, ast.expr):
                value = fold(node, self.fold, self.dotted)
            else:
                continue
            if value is not UNKNOWN:
                self._folded[id(node)] = value

    def _find_uses(self) -> Iterator[Use]:
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from (Use(alias.name, node, is_import=True) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = "." * node.level + (node.module or "")
                yield from (Use(f"{module}.{a.name}", node, is_import=True) for a in node.names)
            elif isinstance(node, (ast.Name, ast.Attribute, ast.Subscript, ast.Call)):
                name = self.dotted(node)
                if name is not None:
                    context = getattr(node, "ctx", None)
                    is_import = isinstance(node, ast.Call) and not self._is_getattr(node)
                    is_written = isinstance(context, (ast.Store, ast.Del))
                    yield Use(name, node, is_import=is_import, is_written=is_written)

    def _is_getattr(self, node: ast.Call) -> bool:
        return self.dotted(node.func) in ("builtins.getattr", "builtins.vars")


def read_module(path: str, content: bytes) -> Module | None:
    """Parse and analyse a file; ``None`` if it cannot be parsed."""
    text = decode_source(content)
    tree = None if text is None else parse_source(text)
    if text is None or tree is None:
        return None
    try:
        return None if sum(1 for _ in ast.walk(tree)) > _NODES else Module(path, text, tree)
    except (RecursionError, MemoryError):
        return None


def _join(base: str | None, name: str) -> str | None:
    return None if base is None else f"{base}.{name}"
