"""Facts about the paths of a base, found once for all attempts judged by them.

A base of 100,000 files takes a second to look through; a change set has a few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from pytest_agentfix.core.paths import fold
from pytest_agentfix.judge.policy.file_names import is_conftest, is_pytest_configuration

KEPT = 4  # bases cached at once: most fixes add no file, so their bases share one entry


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseNames:
    """Facts about all paths of a base; see ``names_of``."""

    files: frozenset[str]
    folders: frozenset[str]
    python_folders: frozenset[str]  # with a Python file somewhere in them
    packages: frozenset[str]  # folders with an ``__init__.py``
    roots: frozenset[str]  # folders that may be on ``sys.path``, packages among them
    odd: Mapping[str, frozenset[str]]  # folded path -> spellings that are not the folded one

    def spellings(self, folded: str) -> frozenset[str]:
        """Return the base's spellings of the path that folds to ``folded``; maybe none."""
        written = self.odd.get(folded, frozenset())
        return written | {folded} if folded in self.files or folded in self.folders else written


@lru_cache(maxsize=KEPT)
def names_of(files: frozenset[str]) -> BaseNames:
    """Collect the names of ``files``; pass the same set again rather than an equal one."""
    folders = parents(files)
    packages = frozenset(folder for folder, name in map(split, files) if name == "__init__.py")
    return BaseNames(
        files=files,
        folders=folders,
        python_folders=parents(path for path in files if path.endswith(".py")),
        packages=packages,
        roots=_find_roots(files, packages),
        odd=_find_odd(files, folders),
    )


def folders_of(path: str) -> tuple[str, ...]:
    """List the folders ``path`` lies in, outermost first, without the top."""
    ends = [index for index, char in enumerate(path) if char == "/"]
    return tuple(path[:end] for end in ends)


def split(path: str) -> tuple[str, str]:
    """Split a path into folder ("" for the top) and name."""
    folder, _, name = path.rpartition("/")
    return folder, name


def parents(paths: Iterable[str]) -> frozenset[str]:
    """Return all folders that ``paths`` lie in."""
    found = set[str]()
    for folder in {split(path)[0] for path in paths}:
        found.update((*folders_of(folder), folder))
    return frozenset(found - {""})


def _find_roots(files: frozenset[str], packages: frozenset[str]) -> frozenset[str]:
    """Find the folders that may be on the path.

    Be it by an install, ``python -m pytest``, pytest's prepend mode, or whatever reads
    ``pythonpath``: a folder with modules that is no package is hardly useful otherwise.
    """
    roots = {split(package)[0] for package in packages if package}
    roots |= {split(path)[0] for path in files if path.endswith(".py")}
    roots |= {split(path)[0] for path in files if _marks_a_root(split(path)[1])}
    return frozenset(roots)


def _marks_a_root(name: str) -> bool:
    parts = (name.lower(),)
    return name == "setup.py" or is_conftest(parts) or is_pytest_configuration(parts)


def _find_odd(files: frozenset[str], folders: frozenset[str]) -> dict[str, frozenset[str]]:
    spellings: dict[str, set[str]] = defaultdict(set)
    for names in (files, folders):
        for path in names:
            if (folded := fold(path)) != path:
                spellings[folded].add(path)
    return {folded: frozenset(written) for folded, written in spellings.items()}
