"""Make the choices again that plugins made for the user's run of the tests."""

import os
from typing import Any

import pytest


class Chooser:
    """A pytest plugin that sets seeds of options and of tests, and xdist's worker.

    ``order`` is ``orders.Choices`` as JSON.
    """

    def __init__(self, order: "dict[str, Any]") -> None:
        self._order = order
        for name, value in order["variables"].items():
            os.environ[name] = value

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: Any) -> None:
        """Set the options of plugins that are here, before these plugins read them."""
        for name, value in self._order["seeds"].items():
            if hasattr(config.option, name):
                setattr(config.option, name, value)
        if self._order["variables"] and hasattr(config.option, "numprocesses"):  # there is xdist
            config.pluginmanager.register(Worker(self._order["variables"]["PYTEST_XDIST_WORKER"]))

    def pytest_collection_finish(self, session: Any) -> None:
        """Give each test of Hypothesis the seed that it had."""
        for item in session.items:
            seed = self._order["hypothesis"].get(item.nodeid)
            test: Any = getattr(item, "obj", None)
            test = getattr(test, "__func__", test)
            if seed is not None and hasattr(test, "hypothesis"):
                test._hypothesis_internal_use_seed = int(seed)  # noqa: SLF001 - as @seed does


class Worker:
    """A plugin registered after xdist: its fixture of this name comes before xdist's."""

    def __init__(self, name: str) -> None:
        self._name = name

    @pytest.fixture(scope="session")
    def worker_id(self) -> str:
        """Return the id of the worker that ran the test for the user."""
        return self._name
