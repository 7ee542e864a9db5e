"""Locate tests in a module's tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pytest_agentfix.judge.variants.results import TestName

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

FUNCTIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS: Final = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_BLOCKS: Final = ("body", "orelse", "finalbody", "handlers")
_ELSEWHERE: Final = "it is not defined in its module's own text"
_TWICE: Final = "its module defines it more than once"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePlace:
    """A test's function, and the classes around it from the outside in."""

    name: TestName
    function: Function
    classes: tuple[ast.ClassDef, ...]

    @property
    def outermost(self) -> Definition:
        """The definition of the test that stands in the module itself."""
        return self.classes[0] if self.classes else self.function

    @property
    def parts(self) -> tuple[Definition, ...]:
        """The classes and the function."""
        return (*self.classes, self.function)


def find_places(
    tree: ast.Module, names: Sequence[TestName]
) -> tuple[dict[TestName, SourcePlace], dict[TestName, str]]:
    """Find each test, or the reason why it cannot be found."""
    places: dict[TestName, SourcePlace] = {}
    missing: dict[TestName, str] = {}
    for name in names:
        found = _find(tree, name)
        if isinstance(found, str):
            missing[name] = found
        else:
            places[name] = found
    return places, missing


def find_class(tree: ast.Module, names: Sequence[str]) -> tuple[ast.ClassDef, ...]:
    """Find a class by its name and those around it; () if one of them is not there."""
    body: Sequence[ast.AST] = tree.body
    classes: list[ast.ClassDef] = []
    for name in names:
        one = _find_one(body, name)
        if not isinstance(one, ast.ClassDef):
            return ()
        classes.append(one)
        body = one.body
    return tuple(classes)


def _find(tree: ast.Module, name: TestName) -> SourcePlace | str:
    body: Sequence[ast.AST] = tree.body
    classes: list[ast.ClassDef] = []
    for part in name[:-1]:
        one = _find_one(body, part)
        if not isinstance(one, ast.ClassDef):
            return one if isinstance(one, str) else _ELSEWHERE
        classes.append(one)
        body = one.body
    last = _find_one(body, name[-1]) if name else _ELSEWHERE
    if not isinstance(last, FUNCTIONS):
        return last if isinstance(last, str) else _ELSEWHERE
    return SourcePlace(name=name, function=last, classes=tuple(classes))


def _find_one(body: Iterable[ast.AST], name: str) -> Definition | str:
    found = [one for one in list_definitions(body) if one.name == name]
    if len(found) == 1:
        return found[0]
    return _TWICE if found else _ELSEWHERE


def list_definitions(body: Iterable[ast.AST]) -> Iterator[Definition]:
    """List the functions and classes of one scope, including those within ``if`` and ``try``."""
    for node in body:
        if isinstance(node, DEFINITIONS):
            yield node
            continue
        for block in _BLOCKS:
            yield from list_definitions(getattr(node, block, ()))
