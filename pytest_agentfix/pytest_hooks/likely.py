"""Tell before the first test whether some will most likely fail: pytest's cache knows the last run.

Somebody ran pytest, saw red, and now runs it with ``--agent-fix``; or a CI job repairs what another
one found red.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pytest

_OPTIONS: Final = ("lf", "failedfirst", "stepwise", "stepwise_skip")  # that begin with failures


def is_asked_for_failures(config: pytest.Config) -> bool:
    """Tell whether the last failures are to run, and there are any; before the collection."""
    if not any(config.getoption(name, default=False) for name in _OPTIONS):
        return False
    stepwise = _read(config, "stepwise")
    if isinstance(stepwise, dict):  # since pytest 8.4, and after green runs too
        stepwise = stepwise.get("last_failed")
    return bool(_read(config, "lastfailed") or stepwise)


def has_failed_before(
    config: pytest.Config, items: Iterable[pytest.Item], *, is_marked_only: bool
) -> bool:
    """Tell whether one of ``items`` that would be repaired failed when it was run last."""
    failed = _read(config, "lastfailed")
    return isinstance(failed, dict) and any(
        not is_marked_only or item.get_closest_marker("agent_fix") is not None
        for item in items
        if item.nodeid in failed
    )


def _read(config: pytest.Config, name: str) -> Any:
    cache = getattr(config, "cache", None)  # none with -p no:cacheprovider
    return cache.get(f"cache/{name}", None) if isinstance(cache, pytest.Cache) else None
