"""Give tests and their classes random names throughout their module."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from pytest_agentfix.judge.variants.bindings import list_identifiers
from pytest_agentfix.judge.variants.locate import DEFINITIONS, SourcePlace, list_definitions
from pytest_agentfix.judge.variants.name_dependence import find_name_dependence
from pytest_agentfix.judge.variants.random_names import make_number, make_word
from pytest_agentfix.judge.variants.results import TestName
from pytest_agentfix.judge.variants.source_text import split_docstring
from pytest_agentfix.judge.variants.test_scope import FunctionScope

_CLASH: Final = "its name stands for other things in its module too"
_CAMEL: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|_+")
_LOCALS: Final = frozenset({"locals", "vars", "dir"})


def split_renamable(
    tree: ast.Module,
    places: Mapping[TestName, SourcePlace],
    *,
    module: str,
    conftests: Sequence[ast.Module],
    imports: Mapping[str, str],
) -> tuple[dict[TestName, SourcePlace], dict[TestName, str]]:
    """Split tests into those that can be renamed and those that cannot, with the reason."""
    scope = FunctionScope([tree, *conftests])
    good: dict[TestName, SourcePlace] = {}
    bad: dict[TestName, str] = {}
    for name, place in places.items():
        reason = find_name_dependence(place, scope.gather(place), module=module, imports=imports)
        reason = reason or _find_clash(tree, place)
        if reason:
            bad[name] = reason
        else:
            good[name] = place
    return good, bad


def _find_clash(tree: ast.Module, place: SourcePlace) -> str:
    if list(_list_bindings(tree)).count(place.outermost.name) > 1:
        return _CLASH
    if place.classes and place.function.name in set(list_identifiers(tree)):
        return _CLASH  # the references may mean something else of that name
    mangled = f"_{place.outermost.name.lstrip('_')}__"
    if any(one.startswith(mangled) for one in list_identifiers(tree)):
        return _CLASH
    renamed = {place.outermost.name, place.function.name}
    return _CLASH if renamed & set(_list_declared(tree)) else ""


def _list_bindings(tree: ast.Module) -> Iterator[str]:
    """Yield every name of a definition, an argument or an import, once for each.

    Names defined in classes are left out: they are looked up through the class.
    """
    members = {
        id(one)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
        for one in list_definitions(node.body)
    }
    for node in ast.walk(tree):
        if isinstance(node, DEFINITIONS):
            if id(node) not in members:
                yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name


def _list_declared(tree: ast.Module) -> Iterator[str]:
    """Yield the names that are plain strings in the tree, where a renaming would miss them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
            yield node.name or ""
        elif isinstance(node, ast.MatchMapping):
            yield node.rest or ""


def rename(
    tree: ast.Module, places: Iterable[SourcePlace], *, rng: random.Random
) -> dict[TestName, TestName]:
    """Rename tests in ``tree`` and stamp each with a constant of its own; return the new names."""
    names: dict[TestName, TestName] = {}
    replaced: dict[str, str] = {}
    done: set[int] = set()
    for place in places:
        outermost, old = place.outermost, place.outermost.name
        if place.classes:
            place.function.name = _rename_function(place.function.name, rng)
        if id(outermost) not in done:
            new = _rename_class(old, rng) if place.classes else _rename_function(old, rng)
            done.add(id(outermost))
            replaced[old] = outermost.name = new
        names[place.name] = tuple(part.name for part in place.parts)
        _stamp(place, rng)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = replaced.get(node.id, node.id)
    return names


def _rename_function(old: str, rng: random.Random) -> str:
    """Keep what makes pytest take a function for a test, whatever the project's pattern."""
    if old.startswith("test"):
        return f"test_{make_word(rng)}"
    first, _, rest = old.partition("_")
    last = "_test" if rest.endswith("test") else ""
    return f"{first}_{make_word(rng)}{last}"


def _rename_class(old: str, rng: random.Random) -> str:
    """Keep a class's first and last word: one of them makes pytest take it for a test class."""
    words = _CAMEL.findall(old)
    first = "Test" if old.startswith("Test") else (words[0] if words else "")
    last = words[-1] if words and words[-1] in ("Test", "Tests", "Case", "Spec") else ""
    last = "" if last == first else last
    return f"{first}{make_word(rng).capitalize()}{last}"


def _stamp(place: SourcePlace, rng: random.Random) -> None:
    """Make a function's code differ from the original's."""
    function = place.function
    if _LOCALS & set(list_identifiers(function)):
        return
    text, rest = split_docstring(function.body)
    stamp = ast.Assign(
        targets=[ast.Name(id=f"_{make_word(rng)}", ctx=ast.Store())],
        value=ast.Constant(make_number(rng)),
    )
    function.body = [*text, stamp, *rest]
