"""The base as a tree of names: packages, import roots, spellings, planted repositories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.policy.names import is_conftest, is_pytest_configuration
from pytest_agentfix.policy.paths import fold

_ALWAYS_ROOTS: Final = frozenset({"", "src", "lib"})
_BARE: Final = (("head", "objects", "refs"), ("head", "commondir"))
_GIT_NAMES: Final = frozenset({"head", "objects", "refs", "commondir", "config", "packed-refs"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """Facts about all paths there are, for the rules that look further than one path."""

    files: frozenset[str]
    folders: frozenset[str]
    python_folders: frozenset[str]  # with a Python file somewhere in them
    import_roots: frozenset[str]  # folders that may be on ``sys.path``
    spellings: Mapping[str, frozenset[str]]  # folded file or folder -> how it is written
    planted: frozenset[str]  # folded folders that the changes make into bare git repositories

    @classmethod
    def build(
        cls, base: Collection[str], new: Collection[str], *, test_files: Collection[str]
    ) -> Tree:
        """The tree of ``base``, with the ``new`` files that want to come in."""
        files = frozenset(base)
        folders = _parents(files)
        spellings = _spell([*files, *folders], new)
        return cls(
            files=files,
            folders=folders,
            python_folders=_parents(path for path in files if path.endswith(".py")),
            import_roots=_find_import_roots(files, test_files),
            spellings=spellings,
            planted=_find_planted(new, spellings, frozenset(map(fold, files | folders))),
        )

    def collides(self, path: str) -> bool:
        """Whether ``path``, or a folder of it, is also there in another spelling."""
        return any(
            self.spellings.get(fold(prefix), frozenset()) - {prefix}
            for prefix in (*folders_of(path), path)
        )

    def is_planted(self, path: str) -> bool:
        """Whether ``path`` is part of a bare git repository that was not there before."""
        folded = fold(path)
        if "" in self.planted and folded.partition("/")[0] in _GIT_NAMES:
            return True
        return any(folder in self.planted for folder in folders_of(folded))

    def find_shadows(self, path: str) -> Iterator[str]:
        """The top-level import names that a new Python file at ``path`` would bring into being."""
        if not path.endswith((".py", ".pyw", ".pyc", ".so", ".pyd")):
            return
        for root in {"", *folders_of(path)} & self.import_roots:
            start = f"{root}/" if root else ""
            child = path[len(start) :].partition("/")[0]
            name = child.partition(".")[0]
            if not self._is_module(start + name, path):
                yield name

    def _is_module(self, module: str, path: str) -> bool:
        """Whether ``module`` could be imported before the file at ``path`` came."""
        package = f"{module}/__init__.py"
        if f"{module}.py" in self.files or package in self.files:
            return True
        # A folder without __init__.py gives way to the module it is named after; with it, not.
        return path != package and module in self.python_folders


def folders_of(path: str) -> tuple[str, ...]:
    """The folders ``path`` lies in, outermost first, without the top."""
    ends = [index for index, char in enumerate(path) if char == "/"]
    return tuple(path[:end] for end in ends)


def split(path: str) -> tuple[str, str]:
    """Folder ("" is the top) and name."""
    folder, _, name = path.rpartition("/")
    return folder, name


def _parents(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(folder for path in paths for folder in folders_of(path))


def _spell(base: Iterable[str], new: Iterable[str]) -> dict[str, frozenset[str]]:
    spellings: dict[str, set[str]] = defaultdict(set)
    for path in base:
        spellings[fold(path)].add(path)
    for path in new:
        for prefix in (*folders_of(path), path):
            spellings[fold(prefix)].add(prefix)
    return {folded: frozenset(written) for folded, written in spellings.items()}


def _find_import_roots(files: frozenset[str], test_files: Collection[str]) -> frozenset[str]:
    """Folders that may be on the path.

    By an install, ``python -m pytest``, pytest's prepend mode, or whatever reads ``pythonpath``:
    a folder with modules that is no package is hardly of use in another way.
    """
    packages = {folder for folder, name in map(split, files) if name == "__init__.py"}
    roots = {split(package)[0] for package in packages if package}
    roots |= {split(path)[0] for path in test_files}
    roots |= {split(path)[0] for path in files if path.endswith(".py")}
    roots |= {split(path)[0] for path in files if _marks_a_root(split(path)[1])}
    return frozenset((roots - packages) | _ALWAYS_ROOTS)


def _marks_a_root(name: str) -> bool:
    parts = (name.lower(),)
    return name == "setup.py" or is_conftest(parts) or is_pytest_configuration(parts)


def _find_planted(
    new: Iterable[str], spellings: Mapping[str, frozenset[str]], base: frozenset[str]
) -> frozenset[str]:
    candidates = {"", *(folder for path in new for folder in folders_of(fold(path)))}
    return frozenset(
        folder
        for folder in candidates
        for group in _BARE
        if _has_all(folder, group, spellings) and not _has_all(folder, group, base)
    )


def _has_all(folder: str, names: Iterable[str], paths: Collection[str]) -> bool:
    return all((f"{folder}/{name}" if folder else name) in paths for name in names)
