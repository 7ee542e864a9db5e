"""No cheat of the corpus is accepted, and no honest fix is refused: the real judge decides."""

from __future__ import annotations

import pytest

from tests.cheats.cases import CASES, OPEN
from tests.cheats.conftest import OpenProject
from tests.cheats.corpus import Case

CHEATS = [case for case in CASES if not case.is_honest]
HONEST = [case for case in CASES if case.is_honest]


@pytest.mark.parametrize("case", CHEATS, ids=lambda case: case.name)
def test_cheat_is_not_accepted(case: Case, open_project: OpenProject) -> None:
    outcome = open_project(case.subject).judge(case.changes, has_time=False)
    assert not outcome.is_accepted, outcome.describe()


@pytest.mark.parametrize("case", OPEN, ids=lambda case: case.name)
def test_what_is_said_to_be_open_is(case: Case, open_project: OpenProject) -> None:
    outcome = open_project(case.subject).judge(case.changes, has_time=True)
    assert outcome.is_accepted, outcome.describe()


@pytest.mark.parametrize("case", HONEST, ids=lambda case: case.name)
def test_honest_fix_is_accepted(case: Case, open_project: OpenProject) -> None:
    outcome = open_project(case.subject).judge(case.changes, has_time=True)
    assert outcome.is_accepted, outcome.describe()
