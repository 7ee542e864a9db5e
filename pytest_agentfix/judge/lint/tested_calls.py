"""The literals that meet in one call of the code under test.

A statement of a test brings its own literals, those of the names it mentions (locals, attributes,
fixtures, constants), and one row of each table that its parameters or loops go through. This errs
on the side of more: literals that only meet in the same object count as well.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.core.python_source import (
    FUNCTIONS,
    Function,
    is_text_statement,
    last_name,
    walk_own,
)
from pytest_agentfix.judge.lint.folded import UNKNOWN, Pairs
from pytest_agentfix.judge.lint.literal_roles import find_roles, list_keys
from pytest_agentfix.judge.lint.module import Module
from pytest_agentfix.judge.lint.used_definitions import Definition, UsedDefinitions
from pytest_agentfix.judge.source_tree import list_defined

_KEYS: Final = 300  # of one call
_CALLS: Final = 3_000
_ROWS: Final = 400  # of one table
Keys = frozenset[str]
_NONE: Final[Keys] = frozenset()


def find_calls(used: UsedDefinitions) -> frozenset[Keys]:
    """Return the keys of the literals of each call that the tests make."""
    known = _Names()
    constants = [one for one in used.others if not isinstance(one[1], FUNCTIONS)]
    functions = [one for one in used.others if isinstance(one[1], FUNCTIONS)]
    for module, node in (*constants, *functions, *functions):  # fixtures may use later ones
        known.learn(module, node)
        known.add_aliases(used.aliases)
    unasked = _NONE.union(*(known.keys.get(name, _NONE) for name in used.unasked))
    calls: set[Keys] = set()
    for module, node in used:
        if isinstance(node, FUNCTIONS) and len(calls) < _CALLS:
            found = _list_calls(module, node, known)
            calls |= found | {call | unasked for call in found if unasked}
    return frozenset(call for call in calls if len(call) <= _KEYS)


@dataclass(slots=True)
class _Names:
    """The keys behind names, and the rows of those that stand for one case of several.

    ``tables`` are the definitions of names that may be gone through.
    """

    keys: dict[str, Keys] = field(default_factory=dict)
    rows: dict[str, tuple[Keys, ...]] = field(default_factory=dict)
    tables: dict[str, Definition] = field(default_factory=dict)

    def copy(self) -> _Names:
        return _Names(dict(self.keys), dict(self.rows), dict(self.tables))

    def add_aliases(self, aliases: Iterable[tuple[str, str]]) -> None:
        """Give what is known of names to their other names as well."""
        for alias, name in aliases:
            if name in self.keys:
                self.keys[alias] = self.keys[name]
            if name in self.rows:
                self.rows[alias] = self.rows[name]
            if name in self.tables:
                self.tables[alias] = self.tables[name]

    def learn(self, module: Module, node: ast.AST) -> None:
        """Learn what a constant, a fixture or a set-up function stands for."""
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            for name in list_defined(node):
                self.tables[name] = module, node.value
                self.keys[name] = self._own(module, node)
        elif isinstance(node, FUNCTIONS):
            read = [way for one in _simple_statements(node) for way in self.read(module, one)]
            self.keys[node.name] = self._own(module, node).union(*read)
            rows = [row for mark in node.decorator_list for row in self._params(module, mark)]
            if rows:
                self.rows[node.name] = tuple(rows)
        for mark in ast.walk(node):
            if isinstance(mark, ast.Call) and not isinstance(node, FUNCTIONS):
                self.bind_parameters(module, mark)

    def read(self, module: Module, statement: ast.AST) -> list[Keys]:
        """Follow one statement; return the keys of each way in which it can run."""
        for node in ast.walk(statement):
            if isinstance(node, ast.comprehension):
                self.bind_loop(module, node.target, node.iter)
        ways = self._ways(module, statement)
        for name in _changed(statement):
            self.keys[name] = self.keys.get(name, _NONE).union(*ways[:1])
            if len(ways) > 1:
                self.rows[name] = tuple(ways)
        return ways

    def _ways(self, module: Module, statement: ast.AST) -> list[Keys]:
        names = _mentioned(statement)
        common = self._own(module, statement).union(
            *(self.keys.get(name, _NONE) for name in names if name not in self.rows)
        )
        tables = [self.rows[name] for name in dict.fromkeys(names) if name in self.rows]
        rows = [row for table in dict.fromkeys(tables) for row in table]
        # Parameters of one table meet in its rows; those of several in every combination.
        if len(set(tables)) > 1 and len(set(rows)) <= _ROWS:
            rows = [*rows, frozenset[str]().union(*rows)]
        return [common | row for row in rows[:_ROWS]] or [common]

    def bind_loop(self, module: Module, target: ast.expr, values: ast.expr) -> None:
        """Learn the names of a loop, or of a parametrisation, from what it goes through."""
        rows = tuple(self.rows_of(module, values))[:_ROWS]
        for name in _names_in(target):
            if rows:
                self.rows[name] = rows
            else:
                self.keys[name] = self.keys.get(name, _NONE) | self._own(module, values)

    def rows_of(self, module: Module, values: ast.expr) -> Iterator[Keys]:
        """Yield the keys of each element of a table, wherever it is defined."""
        match values:
            case ast.List(elts=elements) | ast.Tuple(elts=elements) | ast.Set(elts=elements):
                yield from (self._own(module, one) for one in elements)
                return
            case ast.Dict(keys=keys, values=parts):
                for key, part in zip(keys, parts, strict=True):
                    yield self._own(module, part) | (self._own(module, key) if key else _NONE)
                return
        value = module.fold(values)
        if isinstance(value, list):
            for one in value:
                yield frozenset(list_keys(list(one) if isinstance(value, Pairs) else one))
            return
        for name in _mentioned(values):
            if name in self.tables:
                place, node = self.tables[name]
                if isinstance(node, ast.expr) and node is not values:
                    yield from self.rows_of(place, node)
            elif name in self.rows:
                yield from self.rows[name]

    def bind_parameters(self, module: Module, mark: ast.expr) -> None:
        """Learn the names of ``@pytest.mark.parametrize``."""
        match mark:
            case ast.Call(args=[ast.expr() as names, ast.expr() as values, *_]) if last_name(
                mark.func
            ) in ("parametrize", "expand", "cases"):
                text = module.fold(names)
                words = text.replace(",", " ").split() if isinstance(text, str) else text
                if isinstance(words, list):
                    listed = [ast.Name(id=w, ctx=ast.Load()) for w in words if isinstance(w, str)]
                    self.bind_loop(module, ast.Tuple(elts=list(listed), ctx=ast.Load()), values)

    def _params(self, module: Module, mark: ast.expr) -> Iterator[Keys]:
        keywords = mark.keywords if isinstance(mark, ast.Call) else []
        for keyword in keywords:
            if keyword.arg == "params":
                yield from self.rows_of(module, keyword.value)

    @staticmethod
    def _own(module: Module, root: ast.AST) -> Keys:
        """Return the keys of the literals in ``root`` that can be put in."""
        found: set[str] = set()
        for node in ast.walk(root):
            if isinstance(node, ast.expr) and not isinstance(node, ast.Name):
                is_alone = node is root and module.fold(node) is not UNKNOWN
                if is_alone or find_roles(module, node, root)[0]:
                    found.update(list_keys(module.fold(node)))
            if len(found) > _KEYS:
                break
        return frozenset(found)


def _list_calls(module: Module, function: Function, known: _Names) -> set[Keys]:
    names = known.copy()
    for mark in (*_class_marks(module, function), *function.decorator_list):
        names.bind_parameters(module, mark)
    calls: set[Keys] = set()
    for statement in _simple_statements(function):
        if isinstance(statement, (ast.For, ast.AsyncFor)):
            names.bind_loop(module, statement.target, statement.iter)
            continue
        ways = names.read(module, statement)
        if any(isinstance(node, ast.Call) for node in ast.walk(statement)):
            calls.update(ways)
    return calls


def _class_marks(module: Module, function: Function) -> Iterator[ast.expr]:
    for outer in module.ancestors(function):
        if isinstance(outer, ast.ClassDef):
            yield from outer.decorator_list


def _simple_statements(function: Function) -> list[ast.AST]:
    """List loops, the heads of blocks and plain statements, in the order of the text."""
    found: list[ast.AST] = []
    for node in walk_own(function):
        if isinstance(node, (ast.For, ast.AsyncFor, ast.withitem)):
            found.append(node)
        elif isinstance(node, (ast.If, ast.While)):
            found.append(node.test)
        elif isinstance(node, ast.stmt) and not hasattr(node, "body"):
            found += [] if is_text_statement(node) else [node]
    return sorted(found, key=_place)


def _place(node: ast.AST) -> int:
    lines = (getattr(one, "lineno", 0) for one in ast.walk(node))
    return next((line for line in lines if line), 0)


def _mentioned(root: ast.AST) -> list[str]:
    """List the last parts of the names that ``root`` reads."""
    loops = [node.iter for node in ast.walk(root) if isinstance(node, ast.comprehension)]
    passed_by = {id(node) for loop in loops for node in ast.walk(loop)}  # bound as rows already
    found = []
    for node in ast.walk(root):
        if id(node) in passed_by or not isinstance(getattr(node, "ctx", None), ast.Load):
            continue
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name):
                found.append(name)
    return found


def _changed(statement: ast.AST) -> Iterator[str]:
    """Yield the names that hold what ``statement`` puts in: targets, and owners of methods."""
    match statement:
        case ast.Assign(targets=targets):
            yield from (name for target in targets for name in _names_in(target))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target):
            yield from _names_in(target)
        case ast.withitem(optional_vars=ast.expr() as target):
            yield from _names_in(target)
        case ast.Expr(value=ast.Call(func=ast.Attribute(value=owner))):
            yield from (name for name in _names_in(owner) if name != "self")


def _names_in(target: ast.AST) -> list[str]:
    match target:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return [name]
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            return [name for part in parts for name in _names_in(part)]
        case ast.Starred(value=inner) | ast.Subscript(value=inner):
            return _names_in(inner)
    return []
