"""Locate tests in a module's tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pytest_agentfix.core.python_source import FUNCTIONS, Function
from pytest_agentfix.judge.variants.results import TestName

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef

DEFINITIONS: Final = (*FUNCTIONS, ast.ClassDef)
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
    classes = _find_classes(tree, names)
    return () if isinstance(classes, str) else classes


def _find_classes(tree: ast.Module, names: Sequence[str]) -> tuple[ast.ClassDef, ...] | str:
    holder: ast.Module | ast.ClassDef = tree
    classes: list[ast.ClassDef] = []
    for name in names:
        one = _find_one(holder.body, name)
        if not isinstance(one, ast.ClassDef):
            return one if isinstance(one, str) else _ELSEWHERE
        classes.append(one)
        holder = one
    return tuple(classes)


def _find(tree: ast.Module, name: TestName) -> SourcePlace | str:
    classes = _find_classes(tree, name[:-1])
    if isinstance(classes, str):
        return classes
    body = classes[-1].body if classes else tree.body
    last = _find_one(body, name[-1]) if name else _ELSEWHERE
    if not isinstance(last, FUNCTIONS):
        return last if isinstance(last, str) else _ELSEWHERE
    return SourcePlace(name=name, function=last, classes=classes)


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
