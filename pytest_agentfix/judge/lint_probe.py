"""Run the lint with the inputs and expectations of the cluster's tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from pytest_agentfix.core.model import ChangeSet, Cluster, ReadBase
from pytest_agentfix.judge.lint import (
    Expectations,
    Level,
    LintHit,
    lint_changes,
    read_all_expectations,
    read_expectations,
)
from pytest_agentfix.judge.variants.plan import PlannedTest, read_conftests, read_file


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
    expectations = Expectations()
    for path, names in _list_tests(cluster).items():
        full = rootdir / path
        content = read_file(full, top=top, read_base=read_base)
        if content is not None:
            expectations |= read_expectations(content.decode("utf-8", "replace"), names)
        for text in read_conftests(full, top=top, read_base=read_base):
            expectations |= read_all_expectations(text)
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
    for target in _iterate(cluster):
        tests.setdefault(target.path, []).append(target.name)
    return tests


def _iterate(cluster: Cluster) -> Iterator[PlannedTest]:
    for function in {failure.function: failure for failure in cluster.failures}.values():
        yield PlannedTest.of(function)
