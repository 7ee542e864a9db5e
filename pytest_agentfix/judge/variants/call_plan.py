"""Plan how to call a test without pytest, from its definition alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.python_source import last_name
from pytest_agentfix.judge.variants.bindings import (
    is_pytest,
    list_arguments,
    list_bound,
    list_references,
    map_imports,
    qualify,
)
from pytest_agentfix.judge.variants.certain_statements import is_generator
from pytest_agentfix.judge.variants.decorators import (
    Decorated,
    Parametrized,
    UnclearError,
    read_decorators,
)
from pytest_agentfix.judge.variants.lineage import Ancestor
from pytest_agentfix.judge.variants.locate import SourcePlace
from pytest_agentfix.judge.variants.pytest_features import find_set_up
from pytest_agentfix.judge.variants.results import Kind

_CASES: Final = ("unittest.TestCase", "unittest.IsolatedAsyncioTestCase")
_FIXTURES: Final = "it needs fixtures"
_BASE: Final = "its class has a base that is not in the tree"
_BASE_USES_PYTEST: Final = "the module of its class's base uses pytest"
_CLASS_UNCLEAR: Final = "its class cannot be made without pytest"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallDescription:
    """The function to call and its arguments."""

    place: SourcePlace
    kind: Kind
    is_async: bool
    parametrized: tuple[Parametrized, ...]


def describe(
    tree: ast.Module,
    place: SourcePlace,
    imports: Mapping[str, str],
    ancestors: Sequence[Ancestor] = (),
) -> CallDescription:
    """Describe the call of a test; raises ``UnclearError`` if it cannot be called.

    ``ancestors`` are the bases of its class as far as they are in the project.
    """
    if is_generator(place.function.body):
        raise UnclearError("it is a generator")
    lineage = _list_lineage(tree, place, imports, ancestors)
    kind = _find_kind(lineage)
    bases = [one for one, _ in lineage[1:]]
    reason = find_set_up(tree, [*place.classes, *bases], is_unittest=kind == "unittest")
    if reason:
        raise UnclearError(reason)
    own = read_decorators(place.function.decorator_list, imports)
    around = [read_decorators(one.decorator_list, imports) for one in place.classes]
    marks = read_decorators(list(_list_marks(tree, place, bases)), imports)
    parametrized = [one for found in (own, *around) for one in found.parametrized]
    if marks.parametrized or marks.kept or (parametrized and kind == "unittest"):
        raise UnclearError("its parametrize cannot be read")
    _check_arguments(place, own, around, parametrized, kind=kind)
    _check_values(place, parametrized)
    return CallDescription(
        place=place,
        kind=kind,
        is_async=isinstance(place.function, ast.AsyncFunctionDef),
        parametrized=tuple(parametrized),
    )


def _list_lineage(
    tree: ast.Module,
    place: SourcePlace,
    imports: Mapping[str, str],
    ancestors: Sequence[Ancestor],
) -> list[tuple[ast.ClassDef, Mapping[str, str]]]:
    """List a test's class and its bases, each with the imports of its module."""
    if not place.classes:
        return []
    found = [(one, imports) for one in (place.classes[-1], *_list_bases(tree, place))]
    known = {id(one) for one, _ in found}
    for one in ancestors:
        if id(one.node) in known:
            continue
        if one.module.tree is not tree and _uses_pytest(one.module.tree):
            raise UnclearError(_BASE_USES_PYTEST)
        found.append((one.node, map_imports(one.module.tree)))
    return found


def _uses_pytest(tree: ast.Module) -> bool:
    return any(is_pytest(dotted) for dotted in map_imports(tree).values())


def _find_kind(lineage: Sequence[tuple[ast.ClassDef, Mapping[str, str]]]) -> Kind:
    if not lineage:
        return "function"
    names = {one.name for one, _ in lineage}
    is_unittest = False
    for one, imports in lineage:
        if one.keywords or any(name in ("__init__", "__new__") for name in _list_members(one)):
            raise UnclearError(_CLASS_UNCLEAR)
        for base in one.bases:
            dotted = qualify(base, imports)
            is_unittest = is_unittest or dotted in _CASES
            if dotted not in (*_CASES, "object") and last_name(base) not in names:
                raise UnclearError(_BASE)
    return "unittest" if is_unittest else "method"


def _list_members(one: ast.ClassDef) -> Iterator[str]:
    for statement in one.body:
        yield from list_bound(statement)


def _list_bases(tree: ast.Module, place: SourcePlace) -> list[ast.ClassDef]:
    """List the classes of the module that a test's class derives from, directly or not."""
    defined = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    found = list(place.classes[-1:])
    for one in found:  # grows meanwhile
        for base in one.bases:
            other = defined.get(base.id) if isinstance(base, ast.Name) else None
            if other is not None and other not in found:
                found.append(other)
    return found[1:]


def _list_marks(
    tree: ast.Module, place: SourcePlace, bases: Sequence[ast.ClassDef]
) -> Iterator[ast.expr]:
    """Yield the marks in ``pytestmark`` of the module, the test's classes and their bases."""
    classes = [*place.classes, *bases]
    for one in bases:
        yield from one.decorator_list
    for body in (tree.body, *(one.body for one in classes)):
        for statement in body:
            if "pytestmark" not in list_bound(statement):
                continue
            if not isinstance(statement, ast.Assign):
                raise UnclearError("its pytestmark cannot be read")
            value = statement.value
            yield from value.elts if isinstance(value, ast.List | ast.Tuple) else [value]


def _check_arguments(
    place: SourcePlace,
    own: Decorated,
    around: list[Decorated],
    parametrized: list[Parametrized],
    *,
    kind: Kind,
) -> None:
    """Check that decorators supply every argument; raises ``UnclearError``."""
    function = place.function
    names = [argument.arg for argument in list_arguments(function)]
    if kind != "function" and not any(
        isinstance(one, ast.Name) and one.id == "staticmethod" for one in own.kept
    ):
        names = names[1:]
    patched = own.patched + sum(one.patched for one in around)
    names = names[patched:]
    names = names[: len(names) - own.given_last]
    handed = own.given | {name for one in parametrized for name in one.names}
    if set(names) - handed - _list_defaulted(function):
        raise UnclearError(_FIXTURES)
    if {name for one in parametrized for name in one.names} - set(names):
        raise UnclearError(_FIXTURES)  # a parameter of one of its fixtures


def _list_defaulted(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """List the arguments that have a default: pytest leaves these alone."""
    arguments = function.args
    placed = [*arguments.posonlyargs, *arguments.args]
    defaulted = placed[len(placed) - len(arguments.defaults) :]
    only = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    return {one.arg for one in defaulted} | {one.arg for one, value in only if value is not None}


def _check_values(place: SourcePlace, parametrized: list[Parametrized]) -> None:
    """Check that parameters can be made outside the test's classes; raises ``UnclearError``."""
    members = {name for one in place.classes for name in _list_members(one)}
    if any(members & list_references(one.values) for one in parametrized):
        raise UnclearError("its parameters are made in its class")
