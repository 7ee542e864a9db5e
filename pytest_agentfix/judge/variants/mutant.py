"""Mutants: the same tests with expectations that honest code cannot meet."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Sequence
from typing import Final

from pytest_agentfix.core.python_source import UNREADABLE, last_name
from pytest_agentfix.judge.variants.bindings import (
    list_bound,
    list_identifiers,
    list_references,
    map_imports,
)
from pytest_agentfix.judge.variants.certain_statements import is_generator
from pytest_agentfix.judge.variants.changed_values import Changer
from pytest_agentfix.judge.variants.inheritance import copy_inherited
from pytest_agentfix.judge.variants.lineage import Project
from pytest_agentfix.judge.variants.locate import SourcePlace, find_places
from pytest_agentfix.judge.variants.mutant_helpers import make_helpers
from pytest_agentfix.judge.variants.mutation import mutate
from pytest_agentfix.judge.variants.results import Mutant, TestName
from pytest_agentfix.judge.variants.source_text import parse, refuse_all, render

# Marks and decorators with which a test that fails may still be reported as something else.
_FORGIVING: Final = re.compile(
    r"(?i)xfail|flaky|.*expected_?failure.*|.*rerun.*|.*retry.*|raises|.*suppress.*|.*ignore_err.*"
)
_MARKED: Final = "its failures are expected or repeated"
_NOTHING_SURE: Final = "it has no assertion that is certain to run"
_NOTHING_AT_ALL: Final = "it asserts nothing, it only must not raise"
_ASSERTING: Final = re.compile(r"(?i)_?(assert|fail|check|verify|expect|raises|warns).*")
_YIELDS: Final = "it is a generator"


def make_mutant(
    source: str,
    names: Sequence[TestName],
    *,
    rng: random.Random,
    project: Project | None = None,
) -> Mutant:
    """Change the expectations of the wanted tests, which keep their names.

    With honest code such a test fails; it passes if a changed expectation of equality is met, or if
    no change of any expectation turns it red. A class gets a copy of its own of a test it inherits,
    if that is in the ``project``.
    """
    try:
        return _make(source, names, rng, project)
    except UNREADABLE:
        return Mutant(source=source, names={}, impossible=refuse_all(names))


def _make(
    source: str, names: Sequence[TestName], rng: random.Random, project: Project | None
) -> Mutant:
    tree = parse(source)
    inherited = copy_inherited(tree, names, project, rng=rng)
    places, impossible = find_places(tree, names)
    impossible |= inherited.impossible
    helpers = make_helpers(rng)
    changer = Changer(
        rng=rng,
        changed=helpers.changed,
        replaced=helpers.replaced,
        imports=map_imports(tree),
    )
    changed: dict[TestName, int] = {}
    for name, place in places.items():
        reason = _find_obstacle(tree, place)
        count = 0 if reason else mutate(place, helpers=helpers, changer=changer)
        if count:
            changed[name] = count
        else:
            impossible[name] = reason or (
                _NOTHING_SURE if _has_assertion(place.function) else _NOTHING_AT_ALL
            )
    if changed:
        tree.body += helpers.list_statements(tree)
        source = render(tree)
    return Mutant(
        source=source,
        names={name: name for name in changed},
        impossible=impossible,
        changed=changed,
    )


def _has_assertion(function: ast.AST) -> bool:
    """Return whether a test asserts anything, going by the names of what it calls."""
    return any(
        isinstance(one, ast.Assert)
        or (isinstance(one, ast.Call) and bool(_ASSERTING.fullmatch(last_name(one))))
        for one in ast.walk(function)
    )


def _find_obstacle(tree: ast.Module, place: SourcePlace) -> str:
    if is_generator(place.function.body):
        return _YIELDS
    words = {word for mark in _list_marks(tree, place) for word in list_identifiers(mark)}
    return _MARKED if any(map(_FORGIVING.fullmatch, words)) else ""


def _list_marks(tree: ast.Module, place: SourcePlace) -> list[ast.AST]:
    """List decorators, ``pytestmark`` statements, and the assignments these refer to."""
    found: list[ast.AST] = [one for part in place.parts for one in part.decorator_list]
    for body in (tree.body, *(holder.body for holder in place.classes)):
        found += [one for one in body if "pytestmark" in list_bound(one)]
    assigned = [one for one in tree.body if isinstance(one, ast.Assign | ast.AnnAssign)]
    seen = {id(one) for one in found}
    for node in found:  # grows meanwhile
        wanted = list_references(node)
        more = [one for one in assigned if id(one) not in seen and wanted & list_bound(one)]
        seen |= {id(one) for one in more}
        found += more
    return found
