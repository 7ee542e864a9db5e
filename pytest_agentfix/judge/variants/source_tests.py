"""The failing tests of one file of the base, for those who make variants of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.core.model import Failure, ItemKind, ReadBase, read_content
from pytest_agentfix.judge.variants.lineage import Project
from pytest_agentfix.judge.variants.random_names import make_word
from pytest_agentfix.judge.variants.results import TestName


def read_file(path: Path, *, top: Path, read_base: ReadBase) -> bytes | None:
    """Read an absolute path from the base, ``None`` if the tree has no such file."""
    if not path.is_relative_to(top):
        return None
    return read_content(read_base, path.relative_to(top).as_posix())


def read_conftests(path: Path, *, top: Path, read_base: ReadBase) -> Iterator[str]:
    """Yield the texts of all conftest.py that pytest reads for ``path``, and some it may not."""
    for folder in path.parents:
        content = read_file(folder / "conftest.py", top=top, read_base=read_base)
        if content is not None:
            yield content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTest:
    """One test function of the cluster. ``path`` is relative to pytest's rootdir."""

    nodeid: str
    path: str
    name: TestName
    case: str  # the node id's part in brackets, with them; "" without one
    failure: Failure

    @classmethod
    def of(cls, failure: Failure) -> PlannedTest:
        """Split the node id of a failure into path, name and case."""
        head = failure.function
        path, *names = head.split("::")
        return cls(
            nodeid=failure.nodeid,
            path=path,
            name=tuple(names),
            case=failure.nodeid[len(head) :],
            failure=failure,
        )

    @property
    def is_module(self) -> bool:
        """Tell whether it stands for a whole module, which could not be collected."""
        return self.failure.kind is ItemKind.COLLECTOR and not self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTests:
    """The targets in one file; ``tests`` are its test functions, ``modules`` stand for the file.

    ``doctests`` are those of a module. ``path`` is relative to ``rootdir``. ``conftests`` are the
    texts of those in force, ``packages`` the names of the packages that the module is in. ``read``
    reads a file of the base by a path relative to ``rootdir``.
    """

    path: str
    rootdir: Path
    source: str
    tests: Sequence[PlannedTest]
    modules: Sequence[PlannedTest]
    doctests: Sequence[PlannedTest]
    conftests: Sequence[str]
    packages: Sequence[str]
    read: Callable[[str], bytes | None]
    rng: random.Random

    @property
    def project(self) -> Project:
        """The modules of the base that this one can import."""
        return Project(self.path, self.read)

    @property
    def names(self) -> tuple[TestName, ...]:
        """The names of the test functions, each once."""
        return tuple(dict.fromkeys(one.name for one in self.tests))

    @property
    def module(self) -> str:
        """The name of the module, without its packages."""
        return Path(self.path).stem

    @property
    def full_path(self) -> str:
        """The absolute path of the file."""
        return self.find_full(self.path)

    def find_full(self, path: str) -> str:
        """Return the absolute path of a file relative to ``rootdir``."""
        return str(self.rootdir / path)

    def make_path(self) -> str:
        """Make the path, relative to ``rootdir``, of a new test file beside this one."""
        return make_path(self.path, self.rng)

    def explain(self, impossible: Mapping[TestName, str]) -> dict[str, str]:
        """Return the reasons by node id."""
        return {one.nodeid: impossible[one.name] for one in self.tests if one.name in impossible}


def make_path(beside: str, rng: random.Random) -> str:
    """Make the path of a new test file in the folder of another."""
    folder = beside.rpartition("/")[0]
    name = f"test_{make_word(rng)}.py"
    return f"{folder}/{name}" if folder else name
