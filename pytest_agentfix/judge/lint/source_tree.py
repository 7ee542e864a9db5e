"""The modules that failing tests are written in, and definitions across their imports."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Final

from pytest_agentfix.judge.lint.module import Module, read_module

_FILES: Final = 40  # modules of one tree that are parsed
_HOPS: Final = 4  # imports that are followed for one name
Definition = tuple[Module, ast.AST]


@dataclass(frozen=True, slots=True)
class SourceTree:
    """The base's files, by paths relative to its top.

    Only what ``is_test`` counts as the tests' own, save the bases of test classes, which belong to
    a test wherever they are.
    """

    read: Callable[[str], bytes | None]
    is_test: Callable[[str], bool] = lambda _: True
    _modules: dict[str, Module | None] = field(default_factory=dict)

    def module(self, path: str) -> Module | None:
        """Return a parsed file, ``None`` if there is none or it cannot be parsed."""
        if path not in self._modules:
            if len(self._modules) >= _FILES:
                return None
            content = self.read(path)
            self._modules[path] = None if content is None else read_module(path, content)
        return self._modules[path]

    def conftests(self, path: str) -> Iterator[Module]:
        """Yield each ``conftest.py`` that pytest reads for ``path``, the nearest first."""
        for folder in PurePosixPath(path).parents:
            module = self.module((folder / "conftest.py").as_posix())
            if module is not None:
                yield module

    def find(
        self, module: Module, name: str, *, is_base: bool = False, hops: int = _HOPS
    ) -> Definition | None:
        """Find a top-level definition by the name it has in ``module``, through imports.

        ``name`` may be dotted (``helpers.CASES``). ``is_base``: the name of a class's base.
        """
        own = find_top(module, name)
        if own is not None:
            return module, own
        head, _, rest = name.partition(".")
        owner = self.find(module, head, hops=hops) if rest else None
        if owner is not None and isinstance(owner[1], ast.ClassDef):
            members = [one for one in owner[1].body if rest in list_defined(one)]
            return (owner[0], members[0]) if members else None
        dotted = module.imports.get(head)
        imported = [f"{dotted}.{rest}" if rest else dotted] if dotted else []
        imported += [f"{star}.{name}" for star in module.stars]
        for one in imported if hops else ():
            found = self._find_imported(module, one, is_base=is_base, hops=hops - 1)
            if found is not None:
                return found
        return None

    def _find_imported(
        self, module: Module, dotted: str, *, is_base: bool, hops: int
    ) -> Definition | None:
        owner, _, name = dotted.rpartition(".")
        for path in _candidates(module.path, owner):
            if not is_base and not self.is_test(path):
                continue
            found = self.module(path)
            if found is not None:
                return self.find(found, name, is_base=is_base, hops=hops)
        return None


def find_top(module: Module, name: str) -> ast.AST | None:
    """Return the last definition of ``name`` at the top of a module, if there is one."""
    found = [node for node in module.body if name in list_defined(node)]
    return found[-1] if found else None


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


def _candidates(path: str, owner: str) -> Iterator[str]:
    """Yield the files that may be the module ``owner``, as imported by the file ``path``."""
    folders = list(PurePosixPath(path).parents)
    name = owner.lstrip(".")
    level = len(owner) - len(name)
    if level:
        folders = folders[level - 1 : level]
    for folder in folders:
        base = folder.joinpath(*filter(None, name.split(".")))
        yield f"{base}.py"
        yield (base / "__init__.py").as_posix()
