"""Remove from a module what its tests do not need, above all pytest."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS, last_name
from pytest_agentfix.judge.variants.bindings import (
    is_fixture,
    is_pytest,
    list_bound,
    list_identifiers,
    list_references,
)
from pytest_agentfix.judge.variants.locate import DEFINITIONS, SourcePlace
from pytest_agentfix.judge.variants.test_scope import is_test

USES_PYTEST: Final = "it uses pytest itself"
MODULE_USES_PYTEST: Final = "its module's own code uses pytest"
OTHER_TEST: Final = "it calls another test"


@dataclass(frozen=True, slots=True, eq=False)
class Reducible:
    """One statement of the module, with the names it binds and looks up there."""

    statement: ast.stmt
    bound: frozenset[str]
    references: frozenset[str]
    is_pytest: bool  # it is pytest, or cannot exist without it
    is_acting: bool  # it does more than define a name

    @property
    def is_spare(self) -> bool:
        """Tell whether it is there for pytest: it goes unless something refers to it."""
        statement = self.statement
        if isinstance(statement, ast.ClassDef):
            return statement.name.startswith("Test")
        return self.is_pytest or is_test(statement) or "pytestmark" in self.bound


def strip_classes(places: Iterable[SourcePlace]) -> dict[str, set[str]]:
    """Remove marks, fixtures and other tests from the classes of tests, in place.

    Return the removed names, by the name of the outermost class.
    """
    places = list(places)
    wanted = {id(part) for place in places for part in place.parts}
    gone: dict[str, set[str]] = {}
    for place in places:
        for one in place.classes:
            kept = [node for node in one.body if id(node) in wanted or not _is_spare_member(node)]
            lost = {name for node in one.body if node not in kept for name in list_bound(node)}
            gone.setdefault(place.outermost.name, set()).update(lost - {"pytestmark"})
            one.body = kept or [ast.Pass()]
    return gone


def _is_spare_member(node: ast.stmt) -> bool:
    if isinstance(node, ast.ClassDef):
        return node.name.startswith("Test")
    return is_test(node) or is_fixture(node) or "pytestmark" in list_bound(node)


class Reduction:
    """The statements of a module, and the ones that given tests need."""

    def __init__(self, body: Sequence[ast.stmt], places: Iterable[SourcePlace]) -> None:
        own = {id(place.function) for place in places}
        self._items = [_make_item(one, own) for one in _list_statements(body)]
        self._by_name: dict[str, list[Reducible]] = {}
        for item in self._items:
            for name in item.bound:
                self._by_name.setdefault(name, []).append(item)

    def find_module_obstacle(self) -> str:
        """Say why nothing of the module can run without pytest, "" if it can."""
        return MODULE_USES_PYTEST if self._close(self._list_acting()) is None else ""

    def find_obstacle(self, place: SourcePlace, values: Iterable[ast.expr]) -> str:
        """Say why a test cannot run without pytest, "" if it can."""
        needed = self._list_needed(place, values)
        return USES_PYTEST if needed is None else ""

    def keep(self, wanted: Iterable[tuple[SourcePlace, Sequence[ast.expr]]]) -> list[ast.stmt]:
        """Return the statements that are left, in their order."""
        needed = {id(item) for item in self._close(self._list_acting()) or ()}
        for place, values in wanted:
            needed |= {id(item) for item in self._list_needed(place, values) or ()}
        kept = [item for item in self._items if id(item) in needed or not item.is_spare]
        while True:
            there = {name for item in kept for name in item.bound}
            lost = self._by_name.keys() - there
            fewer = [item for item in kept if id(item) in needed or not item.references & lost]
            if len(fewer) == len(kept):
                return [item.statement for item in kept]
            kept = fewer

    def _list_acting(self) -> list[Reducible]:
        return [item for item in self._items if item.is_acting]

    def _list_needed(
        self, place: SourcePlace, values: Iterable[ast.expr]
    ) -> list[Reducible] | None:
        if _imports_pytest(place.function):
            return None
        names = list_references(place.function).union(*map(list_references, values))
        first = [item for item in self._items if item.statement is place.outermost]
        return self._close([*first, *self._find(names)])

    def _close(self, items: list[Reducible]) -> list[Reducible] | None:
        """Return items and everything they refer to, ``None`` if pytest is among it."""
        found = list(dict.fromkeys(items))
        seen = set(map(id, found))
        for item in found:  # grows meanwhile
            if item.is_pytest:
                return None
            more = [one for one in self._find(item.references) if id(one) not in seen]
            seen |= set(map(id, more))
            found += more
        return found

    def _find(self, names: Iterable[str]) -> list[Reducible]:
        found = [item for name in sorted(names) for item in self._by_name.get(name, ())]
        return list(dict.fromkeys(found))


def _list_statements(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """Split a module into statements, one import each, without those only pytest has a use for."""
    for statement in body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            for alias in statement.names:
                yield _import_one(statement, alias)
        elif not _is_for_pytest(statement):
            yield statement


def _import_one(statement: ast.Import | ast.ImportFrom, alias: ast.alias) -> ast.stmt:
    if isinstance(statement, ast.Import):
        return ast.Import(names=[alias])
    return ast.ImportFrom(module=statement.module, names=[alias], level=statement.level)


def _is_for_pytest(statement: ast.stmt) -> bool:
    match statement:
        case ast.Expr(value=ast.Call() as call):
            return last_name(call) == "register_assert_rewrite"
        case ast.If(test=ast.Compare(left=ast.Name(id="__name__")), orelse=[]):
            return True
    return False


def _make_item(statement: ast.stmt, own: set[int]) -> Reducible:
    if _is_for_types(statement):
        return Reducible(statement, frozenset(), frozenset(), is_pytest=False, is_acting=False)
    nodes = _list_parts(statement, own)
    bound = list_bound(statement)
    is_hook = isinstance(statement, FUNCTIONS) and statement.name.startswith("pytest_")
    return Reducible(
        statement,
        frozenset(bound),
        frozenset(name for node in nodes for name in list_references(node)),
        is_pytest=is_fixture(statement) or is_hook or any(map(_imports_pytest, nodes)),
        is_acting=_is_acting(statement),
    )


def _list_parts(statement: ast.stmt, own: set[int]) -> list[ast.AST]:
    """List the parts of a statement that all of its tests need."""
    if id(statement) in own:
        return []
    if not isinstance(statement, ast.ClassDef):
        return [statement]
    parts: list[ast.AST] = [*statement.decorator_list, *statement.bases, *statement.keywords]
    for node in statement.body:
        parts += _list_parts(node, own)
    return parts


def _is_for_types(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.If) and "TYPE_CHECKING" in set(
        list_identifiers(statement.test)
    )


def _imports_pytest(node: ast.AST) -> bool:
    for one in ast.walk(node):
        if isinstance(one, ast.Import) and any(is_pytest(alias.name) for alias in one.names):
            return True
        if isinstance(one, ast.ImportFrom) and not one.level and is_pytest(one.module or ""):
            return True
    return False


def _is_acting(statement: ast.stmt) -> bool:
    if isinstance(statement, (*DEFINITIONS, ast.Import)):
        return False
    if isinstance(statement, ast.ImportFrom):
        return statement.names[0].name == "*" or statement.module == "__future__"
    if isinstance(statement, ast.Assign):
        return not all(_is_naming(target) for target in statement.targets)
    return not (isinstance(statement, ast.AnnAssign) and _is_naming(statement.target))


def _is_naming(target: ast.expr) -> bool:
    names = (ast.Name, ast.Tuple, ast.List, ast.Starred, ast.expr_context)
    return all(isinstance(node, names) for node in ast.walk(target))
