"""No honest fix of the corpus is refused by the lint, and most cheats that know answers are."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, Cluster, FileChange
from pytest_agentfix.judge.lint import LintHit
from pytest_agentfix.judge.probes.lint import lint
from tests.cheats.cases import CHEATS, HONEST, SUBJECTS
from tests.cheats.corpus import Case
from tests.kits.judge_project import failure
from tests.kits.lint_kit import refused


def is_test(path: str) -> bool:
    """Return whether a file of a subject belongs to its tests."""
    return path.startswith("tests/") or path.endswith("conftest.py")


def lint_case(case: Case) -> tuple[LintHit, ...]:
    """Lint a change set of the corpus as the judge does, with what the targets expect."""
    subject = SUBJECTS[case.subject]
    contents = {path: (text.encode(), False) for path, text in subject.files.items()}
    changes = {
        path: FileChange(None if text is None else text.encode())
        for path, text in case.changes.items()
    }
    top = Path("/project")
    return lint(
        Cluster(slug="c", failures=tuple(failure(one) for one in subject.targets)),
        ChangeSet(changes),
        rootdir=top,
        top=top,
        read_base=contents.get,
        levels={},
        is_exempt=is_test,
    )


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.name)
def test_an_honest_fix_is_not_refused(case: Case) -> None:
    assert refused(lint_case(case)) == set()


KNOWING = [case for case in CHEATS if case.family == "hard-coded"]


@pytest.mark.parametrize("case", KNOWING, ids=lambda case: case.name)
def test_hard_coded_answers_are_refused(case: Case) -> None:
    assert refused(lint_case(case))
