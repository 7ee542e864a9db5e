"""Chooses the repository of a run: that of the tests, wherever pytest's rootdir lies.

pytest puts its rootdir where a configuration file is found, be it above the repository, and takes
an option's value for a test's path where it cannot know better.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import (
    NotARepositoryError,
    OutsideRepositoryError,
    SettingError,
    SetupError,
)
from pytest_agentfix.core.model import Invocation
from pytest_agentfix.repository import Repository

# Files that pytest may take its settings from -> the text that such a file has to hold.
_CONFIGURATIONS: Final = {
    "pytest.toml": "",
    ".pytest.toml": "",
    "pytest.ini": "",
    ".pytest.ini": "",
    "pyproject.toml": "[tool.pytest",
    "tox.ini": "[pytest]",
    "setup.cfg": "[tool:pytest]",
}


def choose_repository(invocation: Invocation) -> Repository:
    """Open the repository that holds most of the tests, the current folder's where two do.

    Raises what ``Repository.open`` raises where there is none, and ``OutsideRepositoryError`` or
    ``SettingError`` where pytest reads another project's configuration, or none, instead of its.
    """
    repositories, problems = _open_all(invocation)
    if not repositories:
        raise next(
            (one for one in problems if not isinstance(one, NotARepositoryError)), problems[0]
        )
    needed = [*invocation.test_locations, *filter(None, [invocation.config_file])]
    chosen = max(repositories, key=lambda one: sum(_is_inside(path, one.top) for path in needed))
    _check_configuration(invocation, chosen.top)
    return chosen


def _open_all(invocation: Invocation) -> tuple[list[Repository], list[SetupError]]:
    """Open the repositories around the current folder, the tests, and the rootdir, in this order.

    At least one is opened or has a problem.
    """
    repositories: list[Repository] = []
    problems: list[SetupError] = []
    places = (invocation.cwd, *invocation.test_locations, invocation.rootdir)
    for folder in dict.fromkeys(_find_marked(place) for place in places):
        try:
            repositories.append(Repository.open(folder or invocation.cwd))
        except SetupError as error:  # noqa: PERF203 - a try is what the loop is for
            problems.append(error)
    return repositories, problems


def _find_marked(place: Path) -> Path | None:
    """Return the nearest folder around ``place`` that looks like the top of a work tree."""
    real = Path(os.path.realpath(place))
    return next((one for one in (real, *real.parents) if os.path.lexists(one / ".git")), None)


def _check_configuration(invocation: Invocation, top: Path) -> None:
    """Refuse settings that sandboxes do not have, and a rootdir that is none of this repository."""
    config = invocation.config_file
    if config is not None and not _is_inside(config, top):
        raise OutsideRepositoryError(
            f"pytest takes its settings from {config}, and sandboxes hold nothing but the "
            f"repository {top}.",
            f"Put a pytest.ini of its own into {top} (pytest then looks no further), or name a "
            "file in there with -c.",
        )
    if _is_inside(invocation.rootdir, top):
        return
    lost = next(_find_configurations(invocation, top), None)
    is_around = _is_inside(top, invocation.rootdir)
    if invocation.mistaken and (lost is not None or not is_around):
        settings = f" and does not read {lost}" if lost else ""
        raise SettingError(
            f"pytest took the value of '{invocation.mistaken}' for a test's path: it works from "
            f"{invocation.rootdir}{settings}.",
            f"Write `{'='.join(invocation.mistaken.split(' ', 1))}`.",
        )
    if not is_around:
        raise OutsideRepositoryError(
            f"pytest's rootdir is {invocation.rootdir}, and the tests are in the repository {top}.",
            f"Run pytest with --rootdir={top}, or from there.",
        )


def _find_configurations(invocation: Invocation, top: Path) -> Iterator[Path]:
    """Yield the files from which pytest would have taken its settings for these tests."""
    for place in (*invocation.test_locations, invocation.cwd):
        real = Path(os.path.realpath(place))
        for folder in (real, *real.parents):
            if not _is_inside(folder, top):
                break
            for name, sign in _CONFIGURATIONS.items():
                with contextlib.suppress(OSError):  # mostly it is not there
                    if sign in (folder / name).read_text("utf-8", "replace"):
                        yield folder / name


def _is_inside(path: Path, top: Path) -> bool:
    return Path(os.path.realpath(path)).is_relative_to(top)
