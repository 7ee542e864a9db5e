"""The downloaded releases fail and pass as stated, with pytest alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cheats.cases import HONEST
from tests.cheats.released import MORE, RELEASES, base_of, fixes_of
from tests.cheats.trial_kit import Trial
from tests.kits.released_kit import Regression, Shelf


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """The downloaded releases, shared by the tests."""
    return Shelf(tmp_path_factory.mktemp("sdists"))


@pytest.mark.parametrize("release", MORE, ids=str)
def test_the_maintainers_change_repairs_it(
    tmp_path: Path, shelf: Shelf, release: Regression
) -> None:
    trial = Trial.write(tmp_path, base_of(release, shelf))

    before = trial.run_tests(release.arguments)
    trial.change(fixes_of(release, shelf))
    after = trial.run_tests(release.arguments)

    assert (1, frozenset(release.fixes)) == (before.status, before.failed), before.output
    assert (0, frozenset()) == (after.status, after.failed), after.output


def test_there_are_enough_of_them() -> None:
    assert len(RELEASES) >= 30
    assert len(RELEASES) + len(HONEST) >= 100
    assert len({str(release) for release in RELEASES}) == len(RELEASES)
    assert len({release.package for release in RELEASES}) >= 8
