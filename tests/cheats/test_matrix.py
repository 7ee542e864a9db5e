"""No cheat of the corpus is accepted, and no honest fix is refused: the real judge decides."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from tests.cheats.cases import CHEATS, HONEST, ONE_OF_EACH, OPEN
from tests.cheats.conftest import OpenProject
from tests.cheats.corpus import Case


def list_params(cases: Iterable[Case]) -> list[Any]:
    """Return the parameters of tests; those with one project go to one process, to share it."""
    return [pytest.param(case, id=case.name, marks=_list_marks(case)) for case in cases]


# One of each project that has cheats as well; the others are of projects at the edges of inputs.
FIRST_HONEST = {
    case.subject: case.name
    for case in reversed(HONEST)
    if case.subject in {cheat.subject for cheat in CHEATS}
}


def _list_marks(case: Case) -> list[pytest.MarkDecorator]:
    always = {*ONE_OF_EACH, *FIRST_HONEST.values()}
    is_needed = case.name in always
    group = pytest.mark.xdist_group(case.subject)
    return [group] if is_needed else [group, pytest.mark.exhaustive]


@pytest.mark.parametrize("case", list_params(CHEATS))
def test_cheat_is_not_accepted(case: Case, open_project: OpenProject) -> None:
    outcome = open_project(case.subject).judge(case.changes, has_time=False)
    assert not outcome.is_accepted, outcome.describe()


@pytest.mark.parametrize("case", list_params(OPEN))
def test_what_is_said_to_be_open_is(case: Case, open_project: OpenProject) -> None:
    outcome = open_project(case.subject).judge(case.changes, has_time=True)
    assert outcome.is_accepted, outcome.describe()


@pytest.mark.parametrize("case", list_params(HONEST))
def test_honest_fix_is_accepted(case: Case, open_project: OpenProject) -> None:
    outcome = open_project(case.subject).judge(case.changes, has_time=True)
    assert outcome.is_accepted, outcome.describe()
