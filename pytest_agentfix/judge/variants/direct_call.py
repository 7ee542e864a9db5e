"""Plain calls: the same tests, called without pytest."""

from __future__ import annotations

import ast
import random
from collections.abc import Mapping, Sequence
from typing import Final

from pytest_agentfix.core.python_source import UNREADABLE
from pytest_agentfix.judge.variants.bindings import list_bound, list_identifiers, map_imports
from pytest_agentfix.judge.variants.call_plan import CallDescription, describe
from pytest_agentfix.judge.variants.decorators import UnclearError, read_decorators
from pytest_agentfix.judge.variants.inheritance import Inherited, copy_inherited
from pytest_agentfix.judge.variants.lineage import Ancestor, Project
from pytest_agentfix.judge.variants.locate import SourcePlace, find_places
from pytest_agentfix.judge.variants.pytest_features import find_conftest_effects
from pytest_agentfix.judge.variants.random_names import make_word
from pytest_agentfix.judge.variants.reduction import (
    MODULE_USES_PYTEST,
    OTHER_TEST,
    Reduction,
    strip_classes,
)
from pytest_agentfix.judge.variants.renaming import rename, split_renamable
from pytest_agentfix.judge.variants.results import DirectCall, Parameters, PlainCall, TestName
from pytest_agentfix.judge.variants.source_text import parse, refuse_all, render

_PROCESSES: Final = frozenset({"multiprocessing", "ProcessPoolExecutor"})
_NEEDS_FILE: Final = "its module is to be imported by other processes"


def make_plain(  # noqa: PLR0913 - all by name
    source: str,
    names: Sequence[TestName],
    *,
    rng: random.Random,
    conftests: Sequence[str],
    module: str = "",
    project: Project | None = None,
) -> DirectCall:
    """Reduce a module to the parts the wanted tests need, without pytest, under random names.

    ``conftests`` are the texts of the conftest files in force, and ``module`` is the stem of the
    module's file. A mutant's text works as well as the original's. A class gets a copy of its own
    of a test it inherits, if that is in the ``project``.
    """
    try:
        trees = [parse(text) for text in conftests]
        return _make(parse(source), names, rng=rng, conftests=trees, module=module, project=project)
    except UNREADABLE:
        return DirectCall(source="", calls={}, impossible=refuse_all(names))


def _make(  # noqa: PLR0913 - all by name
    tree: ast.Module,
    names: Sequence[TestName],
    *,
    rng: random.Random,
    conftests: Sequence[ast.Module],
    module: str,
    project: Project | None,
) -> DirectCall:
    reason = find_conftest_effects(conftests) or _find_module_obstacle(tree)
    if reason:
        return DirectCall(source="", calls={}, impossible=refuse_all(names, reason))
    inherited = copy_inherited(tree, names, project, rng=rng)
    imports = map_imports(tree)
    places, missing = find_places(tree, names)
    missing |= inherited.impossible
    around = [*conftests, *inherited.list_trees()]
    good, bad = split_renamable(tree, places, module=module, conftests=around, imports=imports)
    described, unclear = _describe_all(tree, good, imports, inherited)
    _strip_decorators(described, imports)
    needing = _drop_needing(tree, described)
    impossible = {**missing, **bad, **unclear, **needing}
    if not described:
        return DirectCall(source="", calls={}, impossible=impossible)
    return _finish(tree, described, rng=rng, impossible=impossible)


def _find_module_obstacle(tree: ast.Module) -> str:
    if any("pytest_plugins" in list_bound(statement) for statement in tree.body):
        return MODULE_USES_PYTEST
    return _NEEDS_FILE if _PROCESSES & {*list_identifiers(tree), *map_imports(tree)} else ""


def _describe_all(
    tree: ast.Module,
    places: Mapping[TestName, SourcePlace],
    imports: Mapping[str, str],
    inherited: Inherited,
) -> tuple[dict[TestName, CallDescription], dict[TestName, str]]:
    described: dict[TestName, CallDescription] = {}
    unclear: dict[TestName, str] = {}
    for name, place in places.items():
        found = _describe(tree, place, imports, inherited.ancestors.get(name, ()))
        if isinstance(found, str):
            unclear[name] = found
        else:
            described[name] = found
    return described, unclear


def _describe(
    tree: ast.Module,
    place: SourcePlace,
    imports: Mapping[str, str],
    ancestors: Sequence[Ancestor],
) -> CallDescription | str:
    try:
        return describe(tree, place, imports, ancestors)
    except UnclearError as error:
        return str(error)


def _strip_decorators(
    described: Mapping[TestName, CallDescription], imports: Mapping[str, str]
) -> None:
    for description in described.values():
        for part in description.place.parts:
            part.decorator_list = read_decorators(part.decorator_list, imports).kept


def _drop_needing(
    tree: ast.Module, described: dict[TestName, CallDescription]
) -> dict[TestName, str]:
    """Remove tests that turn out to need pytest or other tests; return the reasons."""
    gone = strip_classes(one.place for one in described.values())
    reduction = Reduction(tree.body, [one.place for one in described.values()])
    everything = reduction.find_module_obstacle()
    dropped: dict[TestName, str] = {}
    for name, one in list(described.items()):
        values = [parametrized.values for parametrized in one.parametrized]
        reason = everything or reduction.find_obstacle(one.place, values)
        outermost = one.place.outermost
        if not reason and gone.get(outermost.name, set()) & set(list_identifiers(outermost)):
            reason = OTHER_TEST
        if reason:
            dropped[name] = reason
            del described[name]
    return dropped


def _finish(
    tree: ast.Module,
    described: Mapping[TestName, CallDescription],
    *,
    rng: random.Random,
    impossible: Mapping[TestName, str],
) -> DirectCall:
    places = [one.place for one in described.values()]
    strip_classes(places)
    reduction = Reduction(tree.body, places)
    body = reduction.keep(
        (one.place, [each.values for each in one.parametrized]) for one in described.values()
    )
    parameters = {name: _put_lists(body, one, rng=rng) for name, one in described.items()}
    reduced = ast.Module(body=body, type_ignores=[])
    renamed = rename(reduced, places, rng=rng)
    calls = {
        name: PlainCall(
            kind=one.kind,
            name=renamed[name],
            is_async=one.is_async,
            parameters=parameters[name],
        )
        for name, one in described.items()
    }
    return DirectCall(source=render(reduced), calls=calls, impossible=impossible)


def _put_lists(
    body: list[ast.stmt], description: CallDescription, *, rng: random.Random
) -> tuple[Parameters, ...]:
    """Put the lists of a test's parameters in front of it in ``body``."""
    made: list[Parameters] = []
    for one in description.parametrized:
        word = f"_{make_word(rng)}"
        values = ast.List(elts=[ast.Starred(one.values, ctx=ast.Load())], ctx=ast.Load())
        target = ast.Name(id=word, ctx=ast.Store())
        statement = ast.Assign(targets=[target], value=values)
        body.insert(_find_index(body, description.place), statement)
        made.append(Parameters(names=one.names, list=word))
    return tuple(made)


def _find_index(body: Sequence[ast.stmt], place: SourcePlace) -> int:
    return next(number for number, one in enumerate(body) if one is place.outermost)
