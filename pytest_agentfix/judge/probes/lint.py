"""The lint probe: the change adds no construct that product code has no use for.

What answers a failing test of another cluster is a special case too: the commit would turn that one
green. Those tests are read one file at a time, together with the cluster's own, so that an input of
one file and an answer of another are no pair.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import ChangeSet, Cluster, Failure, ReadBase, read_content
from pytest_agentfix.judge.doctest_source import find_doctest
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.lint import (
    Expectations,
    Level,
    LintHit,
    lint_changes,
    read_expectations,
    read_module,
)
from pytest_agentfix.judge.lint.doctests import make_test
from pytest_agentfix.judge.probe import ProbePlan, Result, Subject
from pytest_agentfix.judge.source_tree import SourceTree
from pytest_agentfix.judge.variants.source_tests import PlannedTest

LINT: Final = "lint"
_DOCTEST: Final = "test_doctest"  # a doctest as a function
_SHOWN: Final = 5  # hits shown in one line
_FILES: Final = 8  # with tests of other clusters


class LintProbe:
    """Reads the change, before anything of it runs.

    ``levels`` override the rules' own levels; paths that are ``is_exempt`` are not looked at.
    """

    name: Final = LINT
    is_refusing: Final = True

    def __init__(self, levels: Mapping[str, Level], is_exempt: Callable[[str], bool]) -> None:
        self._levels = levels
        self._is_exempt = is_exempt

    def plan(self, subject: Subject) -> ProbePlan | str:  # noqa: ARG002 - the protocol's
        """Return no session."""
        return ProbePlan()

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding:  # noqa: ARG002
        """Check that no rule refuses the change."""
        hits = lint(
            subject.cluster,
            subject.changes,
            rootdir=subject.rootdir,
            top=subject.top,
            read_base=subject.read_base,
            levels=self._levels,
            is_exempt=self._is_exempt,
            failures=subject.failures,
        )
        refused = [hit for hit in hits if hit.level is Level.REFUSE]
        shown = "; ".join(str(hit) for hit in (refused or hits)[:_SHOWN])
        if refused:
            return Finding.failed(LINT, shown)
        return Finding.passed(LINT, f"to be looked at: {shown}" if shown else "nothing found")


def lint(  # noqa: PLR0913 - all by name
    cluster: Cluster,
    changes: ChangeSet,
    *,
    rootdir: Path,
    top: Path,
    read_base: ReadBase,
    levels: Mapping[str, Level],
    is_exempt: Callable[[str], bool],
    failures: Sequence[Failure] = (),
) -> tuple[LintHit, ...]:
    """Lint what the change adds; never raises because of the content of a file.

    ``failures`` are all of the run.
    """
    read_file = partial(read_content, read_base)
    tree = SourceTree(read_file, read_module, is_exempt)

    def read(path: str, names: Sequence[tuple[str, ...]]) -> Expectations:
        full = rootdir / path
        if not full.is_relative_to(top):
            return Expectations()
        place = full.relative_to(top).as_posix()
        content = read_file(place) or b""
        found, functions = Expectations(), list[tuple[str, ...]]()
        for name in names:
            text = find_doctest(path, name[0], content) if len(name) == 1 else None
            if text is None:
                functions.append(name)
                continue
            source = make_test(_DOCTEST, text).encode()
            examples = SourceTree({place: source}.get, read_module, is_exempt)
            found |= read_expectations(examples, place, [(_DOCTEST,)])
        return found | read_expectations(tree, place, functions)

    own = Expectations()
    for path, names in _list_tests(cluster.failures).items():
        own |= read(path, names)
    further = _list_tests(one for one in failures if one.function not in cluster.functions)
    near = {PlannedTest.of(one).path for one in cluster.failures}
    others = [
        replace(own | read(path, names), raised=own.raised, comparing=own.comparing)
        for path, names in sorted(further.items(), key=lambda one: one[0] not in near)[:_FILES]
    ]
    if cluster.policy.allow_test_edits:  # what judges the fix may be changed
        levels = {**levels, "comparator": Level.OFF}
    hits = [
        hit
        for expectations in (own, *others)
        for hit in lint_changes(
            changes,
            read_base=read_base,
            expectations=expectations,
            levels=levels,
            is_exempt=is_exempt,
        )
    ]
    return tuple(sorted(dict.fromkeys(hits), key=lambda hit: (hit.path, hit.line, hit.rule)))


def _list_tests(failures: Iterable[Failure]) -> dict[str, list[tuple[str, ...]]]:
    """Group the names of the failing tests by file."""
    tests: dict[str, list[tuple[str, ...]]] = {}
    for failure in {failure.function: failure for failure in failures}.values():
        target = PlannedTest.of(failure)
        tests.setdefault(target.path, []).append(target.name)
    return tests
