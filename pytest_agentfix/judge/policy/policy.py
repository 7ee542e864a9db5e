"""The input and the result of applying a policy."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from pytest_agentfix.core.model import ChangeSet, Drop


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The limits of a change set. All paths are relative to the repository's top.

    ``targets`` are the files of the failing tests, without those where a doctest in product code
    failed: otherwise the product could not be fixed. ``paths`` are the marker's globs: if given,
    nothing else may be touched. ``installed_names`` are the importable top-level names of the
    standard library and of all installed distributions. ``protected`` are further paths that may
    not be touched, such as a configuration file named with ``-c``. ``ignored`` are files of the
    base that git ignores: no commit can hold a change of theirs. ``encodings`` are those that git's
    attributes declare for files of the work tree. ``filtered`` are paths that git stores through a
    program, and ``left_out`` those that a sparse checkout leaves out. ``allow`` are the project's
    globs: what they match may be changed although it is a test, configuration or the like.
    ``doctested`` are Python files with doctests that ran: only their examples may not be touched.
    """

    test_patterns: tuple[str, ...] = ("test_*.py", "*_test.py")  # pytest's python_files
    test_paths: tuple[str, ...] = ()  # pytest's testpaths
    targets: frozenset[str] = frozenset()
    doctested: frozenset[str] = frozenset()
    paths: tuple[str, ...] | None = None
    allow_test_edits: bool = False
    base_paths: Collection[str] = frozenset()
    installed_names: frozenset[str] = frozenset()
    submodules: tuple[str, ...] = ()
    ignored: frozenset[str] = frozenset()
    filtered: frozenset[str] = frozenset()
    left_out: frozenset[str] = frozenset()
    encodings: Mapping[str, str] = field(default_factory=dict)
    protected: frozenset[str] = frozenset()
    allow: tuple[str, ...] = ()
    imported: frozenset[str] = frozenset()  # files that the user's tests imported
    opened: frozenset[str] = frozenset()  # paths that a hook opens as ``allow`` does
    closed: frozenset[str] = frozenset()  # paths that a hook closes


@dataclass(frozen=True, slots=True)
class Accepted:
    """The changes that may stay and everything that was dropped, sorted by path."""

    changes: ChangeSet
    dropped: tuple[Drop, ...] = ()
