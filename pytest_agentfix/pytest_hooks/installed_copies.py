"""Find out whether a failing test ran an installed copy of the tree in the tree's place.

``pip install .`` puts a copy into ``site-packages``; with a ``src`` folder, or where the tree is
not first on the path for imports, tests run that, and no change to the tree can turn them green.
This runs in the process that ran the test, where its modules are. None of their code is run.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Final, TypedDict

from pytest_agentfix.core.python_source import decode_source, parse_source
from pytest_agentfix.judge.in_sandbox.exception_facts import Project, call_safely
from pytest_agentfix.pytest_hooks.distributions import MadeFromTree, find_made_from
from pytest_agentfix.pytest_hooks.imported import file_of

MOST_FILES: Final = 50  # of the tree that are read for what one test imports
_STARTERS: Final = frozenset({"subprocess", "pexpect"})  # modules that start other programs
MOST_FRAMES: Final = 1000  # of a traceback that are looked at, from the outermost on


class CopyFacts(TypedDict):
    """The fields of ``model.InstalledCopy``, as plain data."""

    distribution: str
    folder: str
    file: str
    source: str
    project: str
    own: list[str]
    is_editable: bool


class CopyFinder:
    """Looks for copies of one ``project`` on this process's path for imports."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._names: dict[str, tuple[str, ...]] = {}  # of the modules that a file imports

    def find(
        self,
        error: BaseException | None,
        *,
        path: str,
        missing: str = "",
        modules: Iterable[str] = (),
    ) -> CopyFacts | None:
        """Return the copy that the test in the file ``path`` ran, ``None`` if it ran none.

        ``missing`` is a name that ``error`` misses, ``modules`` are the names of further modules
        that the test uses. Never raises.
        """
        return call_safely(lambda: self._find(error, path, missing, modules), None)

    @cached_property
    def _made(self) -> tuple[MadeFromTree, ...]:
        return find_made_from(self._project.top, _list_path())

    def _find(
        self, error: BaseException | None, path: str, missing: str, modules: Iterable[str]
    ) -> CopyFacts | None:
        if not self._made:
            return None
        frames = [] if error is None else list(_iter_files(error.__traceback__))
        if copy := self._find_first([*reversed(frames), path]):  # a test may be installed as well
            return copy
        if copy := self._find_first(_files_above(missing)):
            return copy
        files, own = self._follow_imports(path, modules)
        if self._starts_programs([path, *own]):
            files += self._list_unreachable()
        if copy := self._find_first(files):
            return {**copy, "own": own}
        return None

    def _starts_programs(self, files: Iterable[str]) -> bool:
        names = (name for file in files for name in self._names.get(file, ()))
        return any(name in _STARTERS for name in names)

    def _list_unreachable(self) -> Iterator[str]:
        """Yield installed files that another process imports in the place of the tree's own.

        That is so unless the tree's are on the path, or in the folder that it is started from.
        """
        reachable = {os.path.realpath(entry) for entry in (os.curdir, *_list_path())}
        for made in self._made:
            for relative in sorted(made.distribution.record):
                source = made.project.find_source(relative)
                root = source.removesuffix(f"/{relative}")
                if relative.endswith(".py") and root != source and root not in reachable:
                    yield f"{made.distribution.place}/{relative}"

    def _find_first(self, files: Iterable[str]) -> CopyFacts | None:
        for file in dict.fromkeys(files):
            for made in self._made:
                if source := made.find_source(file):
                    return CopyFacts(
                        distribution=made.distribution.name,
                        folder=made.distribution.place,
                        file=file,
                        source=source,
                        project=made.project.folder,
                        own=[],
                        is_editable=made.distribution.is_editable,
                    )
        return None

    def _follow_imports(self, path: str, modules: Iterable[str]) -> tuple[list[str], list[str]]:
        """List the files that a test imports: those that are not the project's, and its own.

        Of its own files the imports are followed in turn; the test's own file is in neither list.
        """
        foreign: dict[str, None] = {}
        own: dict[str, None] = {path: None}
        found, waiting = list(_files_of(modules)), [path]
        while True:
            for file in found:
                if not self._project.has(file):
                    foreign[file] = None
                elif file not in own:
                    own[file] = None
                    waiting.append(file)
            if not waiting or len(own) > MOST_FILES:
                return list(foreign), list(own)[1:]
            found = list(self._list_imported(waiting.pop(0)))

    def _list_imported(self, file: str) -> Iterator[str]:
        if file not in self._names:
            self._names[file] = tuple(_find_imported_names(file))
        for name in self._names[file]:
            if name.startswith("/"):
                yield from (one for one in (f"{name}.py", f"{name}/__init__.py") if _is_file(one))
            else:
                yield from _files_of([name])


def _list_path() -> list[str]:
    return [entry for entry in sys.path if type(entry) is str and "\0" not in entry]


def _iter_files(traceback: TracebackType | None) -> Iterator[str]:
    for _ in range(MOST_FRAMES):
        if traceback is None:
            return
        yield traceback.tb_frame.f_code.co_filename
        traceback = traceback.tb_next


def _files_above(name: str) -> list[str]:
    """Return the files of the modules that ``name`` is in, the innermost first."""
    return list(_files_of(_list_prefixes(name)))


def _files_of(modules: Iterable[str]) -> Iterator[str]:
    for name in modules:
        file = file_of(sys.modules.get(name))
        if type(file) is str:
            yield os.path.abspath(file)  # noqa: PTH100 - keeps links


def _find_imported_names(file: str) -> Iterator[str]:
    """Yield the names of the modules that ``file`` imports, packages after what is in them.

    A relative one is yielded as a path without its ending.
    """
    try:
        text = decode_source(Path(file).read_bytes())
    except (OSError, ValueError):
        return
    tree = parse_source(text) if text is not None else None
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _list_prefixes(alias.name)
        elif isinstance(node, ast.ImportFrom):
            names = [alias.name for alias in node.names]
            if node.level:
                yield from _list_relative(file, node.level, node.module, names)
            elif node.module:
                yield from (f"{node.module}.{name}" for name in names)
                yield from _list_prefixes(node.module)


def _list_prefixes(name: str) -> list[str]:
    """Return ``name`` and the names of the packages that it is in, the innermost first."""
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]


def _list_relative(file: str, level: int, module: str | None, names: list[str]) -> list[str]:
    folder = file
    for _ in range(level):
        folder = os.path.dirname(folder)  # noqa: PTH120
    stem = os.path.join(folder, *(module or "").split("."))  # noqa: PTH118
    stem = stem.rstrip("/")
    return [stem, *(f"{stem}/{name}" for name in names)]


def _is_file(path: str) -> bool:
    return os.path.isfile(path)  # noqa: PTH113 - never raises
