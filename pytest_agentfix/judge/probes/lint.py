"""The lint probe: the change adds no construct that product code has no use for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import ChangeSet, Cluster, ReadBase, read_content
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.lint import (
    Expectations,
    Level,
    LintHit,
    SourceTree,
    lint_changes,
    read_expectations,
)
from pytest_agentfix.judge.probe import ProbePlan, Result, Subject
from pytest_agentfix.judge.variants.source_tests import PlannedTest

LINT: Final = "lint"
_SHOWN: Final = 5  # hits shown in one line


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
) -> tuple[LintHit, ...]:
    """Lint what the change adds; never raises because of the content of a file."""
    tree = SourceTree(partial(read_content, read_base), is_test=is_exempt)
    expectations = Expectations()
    for path, names in _list_tests(cluster).items():
        full = rootdir / path
        if full.is_relative_to(top):
            expectations |= read_expectations(tree, full.relative_to(top).as_posix(), names)
    if cluster.policy.allow_test_edits:  # what judges the fix may be changed
        levels = {**levels, "comparator": Level.OFF}
    return lint_changes(
        changes,
        read_base=read_base,
        expectations=expectations,
        levels=levels,
        is_exempt=is_exempt,
    )


def _list_tests(cluster: Cluster) -> dict[str, list[tuple[str, ...]]]:
    """Group the names of the failing tests by file."""
    tests: dict[str, list[tuple[str, ...]]] = {}
    for failure in {failure.function: failure for failure in cluster.failures}.values():
        target = PlannedTest.of(failure)
        tests.setdefault(target.path, []).append(target.name)
    return tests
