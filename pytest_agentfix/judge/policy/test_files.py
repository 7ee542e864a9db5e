"""Tell tests, and data that tests compare with, from the product by path."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Final

from pytest_agentfix.core.paths import fold
from pytest_agentfix.judge.policy.base_names import KEPT, split
from pytest_agentfix.judge.policy.file_names import (
    is_conftest,
    is_in_data_folder,
    is_in_test_folder,
)
from pytest_agentfix.judge.policy.globs import compile_glob
from pytest_agentfix.judge.policy.policy import Policy

_DEFAULT_PATTERNS: Final = ("test_*.py", "*_test.py")
_DATA_ENDINGS: Final = (
    *(".json", ".jsonl", ".yaml", ".yml", ".csv", ".tsv", ".txt", ".xml", ".dat", ".data"),
    *(".npy", ".npz", ".pkl", ".pickle", ".parquet", ".db", ".sqlite", ".sqlite3"),
    *(".golden", ".expected", ".out"),
)
_TESTING_WORD: Final = re.compile(r"(^|[_.-])(tests?|testing|specs?|checks?)([_.-]|$)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tells tests and their data from the product, by pytest's own settings and by convention."""

    __test__ = False

    patterns: tuple[str, ...]
    targets: frozenset[str]  # folded
    folders: tuple[re.Pattern[str], ...]  # of testpaths that hold tests only
    data_folders: frozenset[str]  # folded folders with a test file directly in them

    @classmethod
    def build(cls, policy: Policy) -> Suite:
        """Apply ``policy``'s settings about tests to its base."""
        patterns = _narrow(policy.test_patterns)
        base = _look_through(frozenset(policy.base_paths), patterns, tuple(policy.test_paths))
        targets = frozenset(map(fold, policy.targets))
        return cls(
            patterns=patterns,
            targets=targets,
            folders=base.folders,
            data_folders=base.data_folders | {split(path)[0] for path in targets},
        )

    def is_test(self, folded: str) -> bool:
        """Return whether ``folded`` is a test file, or anything in a folder that is for tests."""
        return (
            folded in self.targets
            or is_in_test_folder(tuple(folded.split("/")))
            or _is_named_as_test(folded, self.patterns)
            or any(folder.fullmatch(folded) for folder in self.folders)
        )

    def is_data(self, folded: str) -> bool:
        """Return whether ``folded`` looks like data a test reads: beside it, or named after it."""
        if is_in_data_folder(tuple(folded.split("/"))):
            return True
        if folded.endswith((".py", ".pyi")):
            return False
        return any(map(self._is_named_after_test, folded.split("/"))) or (
            folded.endswith(_DATA_ENDINGS) and split(folded)[0] in self.data_folders
        )

    def _is_named_after_test(self, part: str) -> bool:
        return _is_named_as_test(f"{part.partition('.')[0]}.py", self.patterns)


def _narrow(patterns: Iterable[str]) -> tuple[str, ...]:
    """Drop patterns that match every file: they say nothing."""
    narrow = tuple(fold(glob) for glob in patterns if not fnmatchcase("q/zq.py", f"*{fold(glob)}"))
    return narrow or _DEFAULT_PATTERNS


def _is_named_as_test(folded: str, patterns: tuple[str, ...]) -> bool:
    # Like pytest: a pattern with a slash is matched against the path, others against the name.
    name = split(folded)[1]
    return any(
        fnmatchcase(f"/{folded}", f"*/{glob}") if "/" in glob else fnmatchcase(name, glob)
        for glob in patterns
    )


def _find_test_folders(
    test_paths: Iterable[str], files: Collection[str], patterns: tuple[str, ...]
) -> Iterable[re.Pattern[str]]:
    for test_path in test_paths:
        plain = fold(test_path).removeprefix("./").rstrip("/")
        if plain in ("", ".") or plain.startswith(("/", "..")):
            continue
        regex = compile_glob(f"{plain}/")
        inside = [folded for folded in map(fold, files) if regex.fullmatch(folded)]
        if _TESTING_WORD.search(plain) or not _is_mostly_product(inside, patterns):
            yield regex


def _is_mostly_product(paths: Iterable[str], patterns: tuple[str, ...]) -> bool:
    """Return whether a ``testpaths`` folder is the product: ``testpaths = src`` is for doctests.

    Modules in ``tests`` folders further down do not count, they are tests anyway.
    """
    modules = [path for path in paths if _is_countable(path)]
    tests = sum(_is_named_as_test(path, patterns) for path in modules)
    return len(modules) - tests > tests


def _is_countable(folded: str) -> bool:
    parts = tuple(folded.split("/"))
    if is_in_test_folder(parts) or is_conftest(parts):
        return False
    return folded.endswith(".py") and parts[-1] != "__init__.py"


@dataclass(frozen=True, slots=True, kw_only=True)
class _BaseTests:
    """The tests of a base, whatever is to be repaired in it."""

    named: tuple[str, ...]  # files with a test's name, as they are written
    folders: tuple[re.Pattern[str], ...]
    data_folders: frozenset[str]


@lru_cache(maxsize=KEPT)
def _look_through(
    files: frozenset[str], patterns: tuple[str, ...], test_paths: tuple[str, ...]
) -> _BaseTests:
    """Look at every file of a base, once for all attempts judged by it."""
    named = tuple(path for path in files if _is_named_as_test(fold(path), patterns))
    return _BaseTests(
        named=named,
        folders=tuple(_find_test_folders(test_paths, files, patterns)),
        data_folders=frozenset(split(fold(path))[0] for path in named),
    )


def find_test_files(policy: Policy) -> list[str]:
    """Return the base's test files and the targets, unfolded."""
    patterns = _narrow(policy.test_patterns)
    base = _look_through(frozenset(policy.base_paths), patterns, tuple(policy.test_paths))
    return [*base.named, *policy.targets]
