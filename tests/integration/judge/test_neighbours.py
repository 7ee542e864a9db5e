"""The judge among neighbours that fail without a change's doing: honest and breaking changes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kits.neighbour_suites import (
    BREAKS,
    CHANCE,
    LOAD,
    ORDER,
    Trial,
    list_breaking,
    list_honest,
    make_breaking,
    make_honest,
    make_suite,
)
from tests.kits.neighbour_trials import judge_trial

SHARES = (1, 5, 20)
HONEST, BREAKING = 30, 20
SMALL = 40  # neighbours of the suites that are judged in every run of the tests
# Odd neighbours that fail often, and breaks that no seed hides.
SOME_BREAKS = (
    "plain",
    "order-dependent, setter",
    "randomly failing",
    "load-sensitive",
    "load-sensitive, by slowness",
    "own order only, across",
    "reversed order only, of all others",
)


@pytest.mark.parametrize("forms", [ORDER, CHANCE, LOAD], ids=["order", "chance", "load"])
def test_honest_change_is_accepted(forms: tuple[str, ...], tmp_path: Path) -> None:
    suite = make_suite(3, percent=20, size=SMALL, forms=forms)
    _check(make_honest(suite, 3), tmp_path, seed=2)


@pytest.mark.parametrize("name", SOME_BREAKS)
def test_breaking_change_is_refused(name: str, tmp_path: Path) -> None:
    _check(make_breaking(name, percent=20, size=SMALL, seed=3), tmp_path, seed=5)


def test_breaks_of_all_kinds_are_in_the_matrix() -> None:
    assert {trial.name for trial in list_breaking(BREAKING, percent=1)} == set(BREAKS)


@pytest.mark.exhaustive
@pytest.mark.parametrize("turn", range(HONEST))
@pytest.mark.parametrize("percent", SHARES)
def test_every_honest_change_is_accepted(percent: int, turn: int, tmp_path: Path) -> None:
    _check(list_honest(1, percent=percent, seed=turn)[0], tmp_path, seed=turn)


@pytest.mark.exhaustive
@pytest.mark.parametrize("turn", range(BREAKING))
@pytest.mark.parametrize("percent", SHARES)
def test_every_breaking_change_is_refused(percent: int, turn: int, tmp_path: Path) -> None:
    _check(list_breaking(BREAKING, percent=percent)[turn], tmp_path, seed=turn)


def _check(trial: Trial, folder: Path, *, seed: int) -> None:
    """Judge; what is refused names a test that the change has broken, and no other."""
    judged = judge_trial(trial, folder, seed=seed)
    assert judged.is_right, judged.describe()
    assert not judged.blamed, judged.describe()
