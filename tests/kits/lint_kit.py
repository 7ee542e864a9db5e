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
    read_module,
)
from pytest_agentfix.judge.source_tree import SourceTree


def lint(
    before: str | None, after: str | None, test: str = "", *, path: str = "pkg/mod.py"
) -> tuple[LintHit, ...]:
    """Return the hits of one file's change, judged by the test functions of ``test``."""
    return lint_with(before, after, expect(test), path=path)


def lint_with(
    before: str | None, after: str | None, expected: Expectations, *, path: str = "pkg/mod.py"
) -> tuple[LintHit, ...]:
    """Return the hits of one file's change, judged by ``expected``."""
    base = {} if before is None else {path: (_dedent(before), False)}
    content = None if after is None else _dedent(after)
    return lint_changes(
        ChangeSet({path: FileChange(content)}),
        read_base=base.get,
        expectations=expected,
    )


def expect(test: str) -> Expectations:
    """Read the expectations of all tests ``test_...`` in a source, in a class ``TestIt`` too."""
    names = {word.partition("(")[0] for word in test.split() if word.startswith("test_")}
    known = [(n,) for n in names] + ([("TestIt", n) for n in names] if "TestIt" in test else [])
    return read(test, *(".".join(name) for name in known))


def read(test: str, *names: str, **others: str) -> Expectations:
    """Read the expectations of ``names``, such as ``TestIt.test_a``, in the file ``tests/test_it``.

    ``others`` are texts by the names of further files in that folder.
    """
    texts = {"test_it": test, **others}
    files = {f"tests/{name}.py": _dedent(text) for name, text in texts.items()}
    wanted = [tuple(name.split(".")) for name in names]
    return read_expectations(SourceTree(files.get, read_module), "tests/test_it.py", wanted)


def lint_sample(sample: Sample) -> tuple[LintHit, ...]:
    """Return the hits of a rule's own sample."""
    return lint(sample.before, sample.after, sample.test)


def refused(hits: tuple[LintHit, ...]) -> set[str]:
    """Return the rules that refuse."""
    return {hit.rule for hit in hits if hit.level is Level.REFUSE}


def _dedent(text: str) -> bytes:
    return textwrap.dedent(text).encode("utf-8", "surrogatepass")
