"""Finds what a test calls by its text: product code that no frame of a failed assertion names.

A guess from imports and names, and only that: it decides what source is shown, nothing else. Pure.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from pytest_agentfix.repair.prompts.excerpts import NODES, Excerpt, SourceFile, Sources, Span

_NAMES: Final = 40  # of one function that are followed
_HOPS: Final = 3  # times that a name may be passed on by an import
_PARTS: Final = 6  # of a dotted name
_HELPERS: Final = 6  # helpers and fixtures of the test that are followed
_SMALL_CLASS: Final = 1_500  # characters of a class that is shown whole
_CONSTANTS: Final = 3  # of one function
_CONSTANT_BUDGET: Final = 600  # characters of one
_SET_UP: Final = ("setUp", "setup_method")

Dotted = tuple[str, ...]
Place = tuple[SourceFile, Span]


def find_callees(sources: Sources, test: SourceFile, span: Span) -> Iterator[Excerpt]:
    """The definitions that the test ``span`` uses, as far as they can be found.

    Those of the product come first: they are what has to be mended. Helpers and fixtures follow.
    """
    helpers = _find_helpers(sources, test, span)
    for file, one in find_used(sources, [(test, span), *helpers]):
        yield from cut_with_constants(file, one)
    # Without decorators: a fixture's have its cases in them, some of which may be held out.
    yield from (file.cut(one.without_decorators) for file, one in helpers if not one.is_class)


def find_used_by_test(sources: Sources, test: SourceFile, span: Span) -> Iterator[Place]:
    """The imported functions that the test ``span``, its helpers and its fixtures use."""
    users = [(test, span), *_find_helpers(sources, test, span)]
    return find_used(sources, users, is_by_method=True)


def find_used(
    sources: Sources, users: Sequence[Place], *, is_by_method: bool = False
) -> Iterator[Place]:
    """The definitions that ``users`` have imported and use.

    Of a long class, or of any with ``is_by_method``, they are the methods used.
    """
    uses = [(file, dotted) for file, one in users for dotted in _uses(one)]
    attributes = frozenset(name for _, dotted in uses for name in dotted[1:])
    finder = _Finder(sources, attributes, is_by_method)
    for file, dotted in uses:
        yield from finder.follow(file, dotted, _HOPS)


def cut_with_constants(file: SourceFile, span: Span, line: int | None = None) -> list[Excerpt]:
    """A definition, and the small tables and numbers of its module that it goes by."""
    names = {one.id for one in islice(ast.walk(span.node), NODES) if isinstance(one, ast.Name)}
    body = [] if file.tree is None else file.tree.body
    found = [
        file.cut_lines(node.lineno, node.end_lineno or node.lineno)
        for node in body
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and names & set(_list_targets(node))
    ]
    small = [excerpt for excerpt in found if len(excerpt.text) <= _CONSTANT_BUDGET]
    return [file.cut(span, line), *small[:_CONSTANTS]]


def _list_targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _find_helpers(sources: Sources, test: SourceFile, span: Span) -> list[Place]:
    """The functions of the test's own files that it uses, fixtures by their names."""
    owner = span.name.rpartition(".")[0]
    names = [f"{owner}.{name}" for name in _SET_UP] if owner else []
    for dotted in _uses(span):
        is_method = owner and dotted[0] == "self" and len(dotted) > 1
        names.append(f"{owner}.{dotted[1]}" if is_method else dotted[0])
    files = [test, *_find_conftests(sources, test.path)]
    found: list[Place] = []
    for name in dict.fromkeys(names):
        places = ((file, one) for file in files if (one := file.find(name)) is not None)
        place = next(places, None)
        if place is not None and place[1].node is not span.node:
            found.append(place)
    return found[:_HELPERS]


def _find_conftests(sources: Sources, path: str) -> list[SourceFile]:
    """The ``conftest.py`` files that count for ``path``, the nearest first."""
    folders = path.split("/")[:-1]
    paths = ["/".join([*folders[:count], "conftest.py"]) for count in range(len(folders), -1, -1)]
    return [file for one in paths if (file := sources.open(one)) is not None]


def _uses(span: Span) -> list[Dotted]:
    """Dotted names in a definition, its arguments' too, each once; "" stands for other values."""
    found: dict[Dotted, None] = {}
    inner: set[int] = set()
    marks = set(_list_decorators(span))
    for node in islice(ast.walk(span.node), NODES):  # outer parts come before those in them
        if id(node) in marks:
            continue
        if isinstance(node, ast.arg):
            found[(node.arg,)] = None
        elif isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner:
            found[_spell(node, inner)] = None
    return list(found)[:_NAMES]


def _list_decorators(span: Span) -> Iterator[int]:
    """Identities of the nodes in the decorators: what makes a test's cases is not told."""
    for mark in span.node.decorator_list:
        yield from (id(node) for node in islice(ast.walk(mark), NODES))


def _spell(node: ast.expr, inner: set[int]) -> Dotted:
    """The dotted name of ``node``; its parts are noted in ``inner``."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
        inner.add(id(node))
    return (node.id if isinstance(node, ast.Name) else "", *reversed(parts))


@dataclass(frozen=True, slots=True)
class _Finder:
    """Follows names over files. ``attributes`` are those that the test asks of anything."""

    sources: Sources
    attributes: frozenset[str]
    is_by_method: bool

    def follow(self, file: SourceFile, dotted: Dotted, hops: int) -> list[Place]:
        """The definition of ``dotted`` as ``file`` imports it; nothing where it does not."""
        if not hops or not dotted or not dotted[0]:
            return []
        for target in _find_imported(file, dotted):
            for path, rest in _list_files(file.path, target):
                found = self.sources.open(path)
                if found is not None:
                    return self._choose(found, rest) or self.follow(found, rest, hops - 1)
        return []

    def _choose(self, file: SourceFile, rest: Dotted) -> list[Place]:
        span = file.find(".".join(rest)) or file.find(".".join(rest[:1]))
        if span is None:
            return []
        size = sum(len(line) + 1 for line in file.lines[span.first - 1 : span.last])
        if not span.is_class or (size <= _SMALL_CLASS and not self.is_by_method):
            return [(file, span)]
        wanted = {f"{span.name}.{name}" for name in (*self.attributes, "__init__")}
        used = [(file, one) for one in file.spans if one.name in wanted]
        return used or ([(file, span)] if self.is_by_method else [])


def _list_files(importer: str, target: Dotted) -> Iterator[tuple[str, Dotted]]:
    """Yield files that may hold ``target``, with the rest of the name; the longest path first."""
    folders = importer.split("/")[:-1]
    above = ["/".join(folders[:count]) + "/" for count in range(len(folders), 0, -1)]
    for count in range(min(len(target), _PARTS), 0, -1):
        stem, rest = "/".join(target[:count]), target[count:]
        for root in ["", "src/", *above]:
            yield f"{root}{stem}.py", rest
            yield f"{root}{stem}/__init__.py", rest


def _find_imported(file: SourceFile, dotted: Dotted) -> Iterator[Dotted]:
    """Resolve ``dotted`` by the imports of ``file``."""
    package = tuple(file.path.split("/")[:-1])
    for node in file.imports:
        if isinstance(node, ast.Import):
            yield from _match_module(node, dotted)
            continue
        above = package[: max(len(package) - node.level + 1, 0)] if node.level else ()
        module = tuple(node.module.split(".")) if node.module else ()
        for alias in node.names:
            if (alias.asname or alias.name) == dotted[0]:
                yield (*above, *module, alias.name, *dotted[1:])


def _match_module(node: ast.Import, dotted: Dotted) -> Iterator[Dotted]:
    for alias in node.names:
        name = tuple(alias.name.split("."))
        if alias.asname == dotted[0]:
            yield (*name, *dotted[1:])
        elif alias.asname is None and name == dotted[: len(name)]:
            yield dotted
