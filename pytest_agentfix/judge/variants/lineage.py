"""Follow a test class to its bases, in its own module and in others of the project."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from pytest_agentfix.judge.variants.locate import list_definitions
from pytest_agentfix.judge.variants.source_text import UNREADABLE, parse

# From a path relative to pytest's rootdir to the text of the base's file, None if there is none.
ReadText: TypeAlias = Callable[[str], "str | None"]

_REACH: Final = 20  # classes and re-exports that are followed
_IMPORT_ROOTS: Final = ("", "src")


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """One module of the project; ``path`` is relative to pytest's rootdir."""

    path: str
    tree: ast.Module


@dataclass(frozen=True, slots=True, kw_only=True)
class Ancestor:
    """A class that a test's class derives from.

    ``expression`` evaluates to it in the test's own module, where that class is defined.
    """

    node: ast.ClassDef
    module: Module
    expression: ast.expr


@dataclass(slots=True, kw_only=True)
class Project:
    """The modules of the base around the test module at ``path``; each is parsed once."""

    path: str
    read_text: ReadText
    _modules: dict[str, Module | None] = field(default_factory=dict)

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
            found = self._find_class(plain, module, reach)
            if found is None or found[0] is node:
                continue
            expression = plain if around is None else _get_base(around, number)
            yield Ancestor(node=found[0], module=found[1], expression=expression)
            if reach:
                yield from self._list_bases(*found, reach - 1, expression)

    def _find_class(
        self, name: ast.expr, module: Module, reach: int
    ) -> tuple[ast.ClassDef, Module] | None:
        parts = _split_name(name)
        if not parts or not reach:
            return None
        if len(parts) == 1:
            for one in list_definitions(module.tree.body):
                if isinstance(one, ast.ClassDef) and one.name == parts[0]:
                    return one, module
        for level, dotted in _list_imports(module.tree, parts[0]):
            found = self._find_imported(level, [*dotted, *parts[1:]], module, reach)
            if found is not None:
                return found
        return None

    def _find_imported(
        self, level: int, parts: Sequence[str], module: Module, reach: int
    ) -> tuple[ast.ClassDef, Module] | None:
        *dotted, name = parts
        for path in _list_paths(level, dotted, module.path):
            other = self._read(path)
            if other is not None and other.path != module.path:
                found = self._find_class(ast.Name(id=name, ctx=ast.Load()), other, reach - 1)
                if found is not None:
                    return found
        return None

    def _read(self, path: str) -> Module | None:
        if path not in self._modules:
            text = self.read_text(path)
            try:
                self._modules[path] = None if text is None else Module(path, parse(text))
            except UNREADABLE:
                self._modules[path] = None
        return self._modules[path]


def _get_base(around: ast.expr, number: int) -> ast.expr:
    bases = ast.Attribute(value=around, attr="__bases__", ctx=ast.Load())
    return ast.Subscript(value=bases, slice=ast.Constant(number), ctx=ast.Load())


def _split_name(node: ast.expr) -> list[str]:
    """Return the parts of a dotted name, [] for anything else."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return [node.id, *reversed(parts)] if isinstance(node, ast.Name) else []


def _list_imports(tree: ast.Module, name: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the level and the parts of all that may be imported as ``name``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.asname == name:
                    yield 0, alias.name.split(".")
                elif alias.asname is None and alias.name.partition(".")[0] == name:
                    yield 0, [name]
        elif isinstance(node, ast.ImportFrom):
            source = node.module.split(".") if node.module else []
            for alias in node.names:
                if alias.name == "*":
                    yield node.level, [*source, name]
                elif (alias.asname or alias.name) == name:
                    yield node.level, [*source, alias.name]


def _list_paths(level: int, dotted: Sequence[str], path: str) -> Iterator[str]:
    """Yield the paths at which a module may lie that the file at ``path`` imports."""
    folders = path.split("/")[:-1]
    if level:
        roots = [folders[: len(folders) - level + 1]] if level <= len(folders) + 1 else []
    else:
        roots = [folders[:number] for number in range(len(folders), 0, -1)]
        roots += [[root] if root else [] for root in _IMPORT_ROOTS]
    for root in roots:
        whole = "/".join([*root, *dotted])
        if dotted:
            yield f"{whole}.py"
        yield f"{whole}/__init__.py" if whole else "__init__.py"
