"""Successive releases of other people's packages: real fixes, which the judge has to accept.

The older release's code with the newer one's tests is red; the maintainers' own change of one
file makes it green. The releases are downloaded; none of their code is kept here.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.judge_kit import JudgedProject
from tests.cheats.releases import MORE
from tests.e2e.test_released_packages import REGRESSIONS
from tests.kits.released_kit import Regression, Shelf, with_tests_of

__all__ = ["MORE", "RELEASES", "Regression", "Shelf", "base_of", "fixes_of", "open_release"]

RELEASES: Final[tuple[Regression, ...]] = (*REGRESSIONS, *MORE)


def fixes_of(release: Regression, shelf: Shelf) -> Mapping[str, bytes]:
    """Return the newer release's text of each file that the maintainers repaired."""
    newer = shelf.take(release.package, release.newer)
    return {path: newer[path] for path in release.fixes.values()}


def base_of(release: Regression, shelf: Shelf) -> Mapping[str, bytes]:
    """Return the older release's code with the newer one's tests."""
    older = shelf.take(release.package, release.older)
    return with_tests_of(older, shelf.take(release.package, release.newer))


def open_release(
    release: Regression, shelf: Shelf, engine: Engine, folder: Path, *, is_thorough: bool = False
) -> tuple[JudgedProject, Mapping[str, bytes]]:
    """Open the broken release as a judged project; return it and the maintainers' change."""
    project = JudgedProject(
        folder,
        base_of(release, shelf),
        engine=engine,
        arguments=release.arguments,
        is_thorough=is_thorough,
    )
    return project, fixes_of(release, shelf)
