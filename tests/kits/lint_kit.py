"""Lint one changed file, for the tests of the lint."""

from __future__ import annotations

import textwrap

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.judge.lint import (
    Expectations,
    Level,
    LintHit,
    Sample,
    lint_changes,
    read_expectations,
)


def lint(
    before: str | None, after: str | None, test: str = "", *, path: str = "pkg/mod.py"
) -> tuple[LintHit, ...]:
    """Return the hits of one file's change, judged by the test functions of ``test``."""
    base = {} if before is None else {path: (_dedent(before), False)}
    content = None if after is None else _dedent(after)
    return lint_changes(
        ChangeSet({path: FileChange(content)}),
        read_base=base.get,
        expectations=expect(test),
    )


def expect(test: str) -> Expectations:
    """Read the expectations of all tests ``test_...`` in a source, in a class ``TestIt`` too."""
    source = textwrap.dedent(test)
    names = {word.partition("(")[0] for word in source.split() if word.startswith("test_")}
    return read_expectations(source, [(n,) for n in names] + [("TestIt", n) for n in names])


def lint_sample(sample: Sample) -> tuple[LintHit, ...]:
    """Return the hits of a rule's own sample."""
    return lint(sample.before, sample.after, sample.test)


def refused(hits: tuple[LintHit, ...]) -> set[str]:
    """Return the rules that refuse."""
    return {hit.rule for hit in hits if hit.level is Level.REFUSE}


def _dedent(text: str) -> bytes:
    return textwrap.dedent(text).encode()
