"""The base as a tree of names: packages, import roots, spellings, planted repositories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.paths import fold
from pytest_agentfix.judge.policy.base_names import BaseNames, folders_of, names_of, split

_ALWAYS_ROOTS: Final = frozenset({"", "src", "lib"})
_BARE: Final = (("head", "objects", "refs"), ("head", "commondir"))
_GIT_NAMES: Final = frozenset({"head", "objects", "refs", "commondir", "config", "packed-refs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTree:
    """Facts about all paths, for the rules that look beyond one path."""

    base: BaseNames
    test_roots: frozenset[str]  # folders that may be on ``sys.path`` as tests are in them
    new: Mapping[str, frozenset[str]]  # folded path of what is new -> how it is written
    planted: frozenset[str]  # folded folders that the changes make into bare git repositories

    @classmethod
    def build(
        cls, base: Collection[str], new: Collection[str], *, test_files: Collection[str]
    ) -> PathTree:
        """Build the tree of ``base`` and the ``new`` files of a change set."""
        names = names_of(frozenset(base))
        spellings = _spell(new)
        return cls(
            base=names,
            test_roots=frozenset(split(path)[0] for path in test_files),
            new=spellings,
            planted=_find_planted(new, spellings, names),
        )

    @property
    def files(self) -> frozenset[str]:
        """The files of the base."""
        return self.base.files

    def has_more_in(self, folder: str, gone: Collection[str]) -> bool:
        """Return whether the base has files in ``folder``, apart from those that are ``gone``."""
        inside = f"{folder}/"
        return folder in self.base.folders and any(
            path.startswith(inside) and path not in gone for path in self.files
        )

    def collides(self, path: str) -> bool:
        """Return whether ``path``, or a folder of it, also exists in another spelling."""
        return any(self._spellings(fold(prefix)) - {prefix} for prefix in (*folders_of(path), path))

    def is_planted(self, path: str) -> bool:
        """Return whether ``path`` is part of a bare git repository that the changes create."""
        folded = fold(path)
        if "" in self.planted and folded.partition("/")[0] in _GIT_NAMES:
            return True
        return any(folder in self.planted for folder in folders_of(folded))

    def find_shadows(self, path: str) -> Iterator[str]:
        """Yield the top-level import names that a new Python file at ``path`` would create."""
        if not path.endswith((".py", ".pyw", ".pyc", ".so", ".pyd")):
            return
        for root in filter(self._is_import_root, ("", *folders_of(path))):
            start = f"{root}/" if root else ""
            child = path[len(start) :].partition("/")[0]
            name = child.partition(".")[0]
            if not self._is_module(start + name, path):
                yield name

    def _spellings(self, folded: str) -> frozenset[str]:
        return self.base.spellings(folded) | self.new.get(folded, frozenset())

    def _is_import_root(self, folder: str) -> bool:
        is_root = folder in self.base.roots or folder in self.test_roots
        return folder in _ALWAYS_ROOTS or (is_root and folder not in self.base.packages)

    def _is_module(self, module: str, path: str) -> bool:
        """Return whether ``module`` could be imported before the file at ``path`` existed."""
        package = f"{module}/__init__.py"
        if f"{module}.py" in self.files or package in self.files:
            return True
        # A folder without __init__.py gives way to a module of its name; one with it does not.
        return path != package and module in self.base.python_folders


def _spell(new: Iterable[str]) -> dict[str, frozenset[str]]:
    spellings: dict[str, set[str]] = defaultdict(set)
    for path in new:
        for prefix in (*folders_of(path), path):
            spellings[fold(prefix)].add(prefix)
    return {folded: frozenset(written) for folded, written in spellings.items()}


def _find_planted(
    new: Iterable[str], spellings: Mapping[str, frozenset[str]], base: BaseNames
) -> frozenset[str]:
    candidates = {"", *(folder for path in new for folder in folders_of(fold(path)))}
    return frozenset(
        folder
        for folder in candidates
        for group in _BARE
        if _has_all(folder, group, base, spellings) and not _has_all(folder, group, base, {})
    )


def _has_all(
    folder: str, names: Iterable[str], base: BaseNames, new: Mapping[str, frozenset[str]]
) -> bool:
    paths = [f"{folder}/{name}" if folder else name for name in names]
    return all(path in new or base.spellings(path) for path in paths)
