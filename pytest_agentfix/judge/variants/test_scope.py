"""Collect the code a test runs through in its own module and the conftest files above it."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from pytest_agentfix.core.python_source import FUNCTIONS
from pytest_agentfix.judge.variants.bindings import (
    is_autouse,
    is_fixture,
    list_arguments,
    list_bound,
    list_references,
)
from pytest_agentfix.judge.variants.locate import SourcePlace

SETUP: Final = frozenset(
    f"{when}_{what}"
    for when in ("setup", "teardown")
    for what in ("module", "function", "class", "method")
) | {"setup", "teardown", "setUp", "tearDown", "setUpModule", "tearDownModule"}
_ALWAYS: Final = SETUP | {"pytest_generate_tests"}


class FunctionScope:
    """The statements of some modules by the names they define."""

    def __init__(self, trees: Sequence[ast.Module]) -> None:
        self._by_name: dict[str, list[ast.stmt]] = {}
        self._always: list[ast.stmt] = []
        for number, tree in enumerate(trees):
            for statement in tree.body:
                self._add(statement, is_own=number == 0)

    def _add(self, statement: ast.stmt, *, is_own: bool) -> None:
        bound = list_bound(statement)
        if is_fixture(statement):
            bound |= set(_list_words(statement))
        for name in bound:
            self._by_name.setdefault(name, []).append(statement)
        if is_autouse(statement) or (is_own and bound & _ALWAYS):
            self._always.append(statement)

    def gather(self, place: SourcePlace) -> list[ast.AST]:
        """List the trees that matter for a test: itself, its classes, helpers and fixtures."""
        found: list[ast.AST] = [*_list_own(place), *self._always]
        seen = {id(node) for node in (*found, *place.classes)}
        for node in found:  # grows meanwhile
            for name in sorted(_list_wanted(node)):
                for statement in self._by_name.get(name, ()):
                    if id(statement) not in seen:
                        seen.add(id(statement))
                        found.append(statement)
        return found


def _list_own(place: SourcePlace) -> Iterator[ast.AST]:
    """Yield the test's function, and everything in its classes but the other tests."""
    yield place.function
    for holder in place.classes:
        yield from (*holder.bases, *holder.keywords, *holder.decorator_list)
        for node in holder.body:
            if node not in place.parts and not is_test(node):
                yield node


def is_test(node: ast.AST) -> bool:
    """Return whether a definition looks like a test."""
    return isinstance(node, FUNCTIONS) and node.name.startswith("test")


def _list_wanted(node: ast.AST) -> set[str]:
    """Return the names that a tree looks up, including arguments and words in decorators."""
    wanted = list_references(node)
    for one in ast.walk(node):
        if isinstance(one, FUNCTIONS):
            wanted |= {argument.arg for argument in list_arguments(one)}
            wanted |= set(_list_words(one))
    return wanted


def _list_words(node: ast.AST) -> Iterator[str]:
    """Yield the words in the strings of a definition's decorators: fixtures are named there."""
    decorators: Iterable[ast.AST] = getattr(node, "decorator_list", ())
    for decorator in decorators:
        for one in ast.walk(decorator):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield from one.value.replace(",", " ").split()
