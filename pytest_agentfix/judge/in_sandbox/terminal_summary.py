"""Leave out what pytest and its plugins sum up for a terminal at the end of a session.

Standard library and pytest only; ``sessions/orders.py`` inlines this text in that of
``pytest_runner.py``. Nobody reads it in a sandbox, and it can take longer than the tests: there the
plugin of Hypothesis imports all of Hypothesis.
"""

from collections.abc import Generator
from typing import Any

import pytest


class SilentHook:
    """A hook that calls nobody; looked at, it is the one in whose place it is."""

    def __init__(self, hook: Any) -> None:
        self._hook = hook

    def __call__(self, **_arguments: Any) -> "list[Any]":
        """Return no results."""
        return []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._hook, name)


class SilentSummary:
    """A pytest plugin that keeps ``pytest_terminal_summary`` from being called."""

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: Any) -> "Generator[None, Any, None]":
        """Silence the hook for as long as it would be called."""
        hooks = session.config.hook
        summary = hooks.pytest_terminal_summary
        hooks.pytest_terminal_summary = SilentHook(summary)
        yield
        hooks.pytest_terminal_summary = summary
