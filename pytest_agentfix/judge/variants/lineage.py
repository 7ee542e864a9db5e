"""Follow a test class to its bases, in its own module and in others of the project."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.python_source import decode_source, parse_source
from pytest_agentfix.judge.source_tree import SourceTree, map_imported
from pytest_agentfix.judge.variants.bindings import qualify
from pytest_agentfix.judge.variants.locate import list_definitions

_REACH: Final = 20  # classes that are followed


class Module:
    """One module of the project; ``path`` is relative to pytest's rootdir."""

    def __init__(self, path: str, tree: ast.Module) -> None:
        self.path = path
        self.tree = tree
        self.body = [one for one in list_definitions(tree.body) if isinstance(one, ast.ClassDef)]
        self.imports = map_imported(ast.walk(tree))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """A class that a test's class derives from.

    ``expression`` evaluates to it in the test's own module, where that class is defined.
    """

    node: ast.ClassDef
    module: Module
    expression: ast.expr


class Project:
    """The modules of the base around the test module at ``path``; each is parsed once.

    ``read`` reads a file of the base by a path relative to pytest's rootdir.
    """

    def __init__(self, path: str, read: Callable[[str], bytes | None]) -> None:
        self.path = path
        self._tree = SourceTree(read, _parse)

    def list_ancestors(self, node: ast.ClassDef, tree: ast.Module) -> list[Ancestor]:
        """List the bases of a class in the test's module that can be found, in method order."""
        found = list(self._list_bases(node, Module(self.path, tree), _REACH, None))
        # As Python does, ask a common base after all classes that derive from it.
        last = {id(one.node): number for number, one in enumerate(found)}
        return [one for number, one in enumerate(found) if last[id(one.node)] == number]

    def _list_bases(
        self, node: ast.ClassDef, module: Module, reach: int, around: ast.expr | None
    ) -> Iterator[Ancestor]:
        for number, base in enumerate(node.bases):
            plain = base.value if isinstance(base, ast.Subscript) else base
            name = qualify(plain, {})
            found = self._tree.find(module, name) if name else None
            if found is None or not isinstance(found[1], ast.ClassDef) or found[1] is node:
                continue
            expression = plain if around is None else _get_base(around, number)
            yield Ancestor(node=found[1], module=found[0], expression=expression)
            if reach:
                yield from self._list_bases(found[1], found[0], reach - 1, expression)


def _parse(path: str, content: bytes) -> Module | None:
    text = decode_source(content)
    tree = None if text is None else parse_source(text)
    return None if tree is None else Module(path, tree)


def _get_base(around: ast.expr, number: int) -> ast.expr:
    bases = ast.Attribute(value=around, attr="__bases__", ctx=ast.Load())
    return ast.Subscript(value=bases, slice=ast.Constant(number), ctx=ast.Load())
