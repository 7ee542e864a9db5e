"""The modules of a tree, and definitions across their imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final, Generic, Protocol, TypeVar

_FILES: Final = 40  # modules of one tree that are parsed
_HOPS: Final = 4  # imports that are followed for one name
_STAR: Final = "*"
_IMPORT_ROOT: Final = PurePosixPath("src")

Imported = tuple[int, tuple[str, ...]]  # the level of a relative import, and the dotted parts


class ParsedModule(Protocol):
    """A module in which names are looked up, those of its ``body`` before its imports."""

    @property
    def path(self) -> str:
        """Its file, relative to the tree's top."""
        ...

    @property
    def body(self) -> Sequence[ast.stmt]:
        """Its definitions, in order; what else stands there is passed over."""
        ...

    @property
    def imports(self) -> Mapping[str, Sequence[Imported]]:
        """The result of ``map_imported`` for its nodes."""
        ...


M = TypeVar("M", bound=ParsedModule)


@dataclass(frozen=True)
class SourceTree(Generic[M]):
    """The base's files, by paths relative to its top.

    Only what ``is_test`` counts as the tests' own, save the bases of test classes, which belong to
    a test wherever they are. ``parse`` makes a module of a path and its content, ``None`` if it
    cannot.
    """

    read: Callable[[str], bytes | None]
    parse: Callable[[str, bytes], M | None]
    is_test: Callable[[str], bool] = lambda _: True
    _modules: dict[str, M | None] = field(default_factory=dict)

    def module(self, path: str) -> M | None:
        """Return a parsed file, ``None`` if there is none or it cannot be parsed."""
        if path not in self._modules:
            content = self.read(path)
            if content is not None and sum(map(bool, self._modules.values())) >= _FILES:
                return None
            self._modules[path] = None if content is None else self.parse(path, content)
        return self._modules[path]

    def conftests(self, path: str) -> Iterator[M]:
        """Yield each ``conftest.py`` that pytest reads for ``path``, the nearest first."""
        for folder in PurePosixPath(path).parents:
            module = self.module((folder / "conftest.py").as_posix())
            if module is not None:
                yield module

    def find(
        self, module: M, name: str, *, is_base: bool = False, hops: int = _HOPS
    ) -> tuple[M, ast.stmt] | None:
        """Find a definition by the name it has in ``module``, through imports.

        ``name`` may be dotted (``helpers.CASES``). ``is_base``: the name of a class's base.
        """
        own = _find_in(module.body, name)
        if own is not None:
            return module, own
        head, *rest = name.split(".")
        holder, _, last = name.rpartition(".")
        owner = self.find(module, holder, is_base=is_base, hops=hops) if holder else None
        if owner is not None and isinstance(owner[1], ast.ClassDef):
            member = _find_in(owner[1].body, last)
            return None if member is None else (owner[0], member)
        imported = [(level, [*parts, *rest]) for level, parts in module.imports.get(head, ())]
        stars = module.imports.get(_STAR, ())
        imported += [(level, [*parts, head, *rest]) for level, parts in stars]
        for level, parts in imported if hops else ():
            found = self._find_imported(module, level, parts, is_base=is_base, hops=hops - 1)
            if found is not None:
                return found
        return None

    def _find_imported(
        self, module: M, level: int, parts: Sequence[str], *, is_base: bool, hops: int
    ) -> tuple[M, ast.stmt] | None:
        *dotted, name = parts
        for path in _list_paths(module.path, level, dotted):
            other = self.module(path) if is_base or self.is_test(path) else None
            if other is not None and path != module.path:
                found = self.find(other, name, is_base=is_base, hops=hops)
                if found is not None:
                    return found
        return None


def map_imported(nodes: Iterable[ast.AST]) -> dict[str, list[Imported]]:
    """Map each name to all that may be imported as it, and ``*`` to what is imported whole."""
    found: dict[str, dict[Imported, None]] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                whole = tuple(alias.name.split("."))
                parts = whole if alias.asname else whole[:1]
                found.setdefault(alias.asname or parts[0], {})[0, parts] = None
        elif isinstance(node, ast.ImportFrom):
            source = tuple(node.module.split(".")) if node.module else ()
            for alias in node.names:
                parts = source if alias.name == _STAR else (*source, alias.name)
                found.setdefault(alias.asname or alias.name, {})[node.level, parts] = None
    return {name: list(imported) for name, imported in found.items()}


def list_defined(node: ast.AST) -> list[str]:
    """Return the names that a function, a class or an assignment defines."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.AnnAssign(target=ast.Name(id=name)):
            return [name]
        case ast.Assign(targets=targets):
            parts = [one for target in targets for one in ast.walk(target)]
            return [one.id for one in parts if isinstance(one, ast.Name)]
    return []


def _find_in(body: Sequence[ast.stmt], name: str) -> ast.stmt | None:
    """Return the last definition of ``name``, if there is one."""
    return next((node for node in reversed(body) if name in list_defined(node)), None)


def _list_paths(path: str, level: int, dotted: Sequence[str]) -> Iterator[str]:
    """Yield the files that may be the module ``dotted``, as imported by the file ``path``."""
    folders = list(PurePosixPath(path).parents)
    for root in folders[level - 1 : level] if level else [*folders, _IMPORT_ROOT]:
        whole = root.joinpath(*dotted)
        if dotted:
            yield f"{whole}.py"
        yield (whole / "__init__.py").as_posix()
