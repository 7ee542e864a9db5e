"""The user's own folders, or a word about why there are none."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

from pytest_agentfix.core.errors import SettingError


def user_home() -> Path:
    """Return the user's home; raises ``SettingError`` where the system knows none."""
    try:
        return Path.home()
    except RuntimeError as error:
        raise SettingError(
            f"This user ({os.getuid()}) has no home folder: HOME is not set, and the system's list "
            "of users does not have the user.",
            "Set HOME to a folder that this user can write to, as in `export HOME=/tmp/home`.",
        ) from error


def user_cache() -> Path:
    """Return the cache folder of this package, which may be missing; raises ``SettingError``.

    A relative ``XDG_CACHE_HOME`` counts as unset, as its specification asks.
    """
    path = platformdirs.user_cache_path("pytest-agentfix")
    return path if path.is_absolute() else user_home() / ".cache" / "pytest-agentfix"
