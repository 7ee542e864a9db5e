"""Make the choices again that plugins made for the user's run of the tests."""

import base64
import os
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.exception_facts import call_safely

EXAMPLES_KEY = b"agentfix"  # of the only test that a database of examples is for


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
        """Give each test of Hypothesis the seed and the failing examples that it had."""
        for item in session.items:
            chosen = self._order["hypothesis"].get(item.nodeid)
            test: Any = getattr(item, "obj", None)
            test = getattr(test, "__func__", test)
            if chosen is None or not hasattr(test, "hypothesis"):
                continue
            if "hypothesis_seed" in chosen:
                seed = int(chosen["hypothesis_seed"])
                test._hypothesis_internal_use_seed = seed  # noqa: SLF001 - as @seed does
            if "hypothesis_examples" in chosen:
                call_safely(lambda: put_examples(test, chosen["hypothesis_examples"]), None)  # noqa: B023


def put_examples(test: Any, examples: str) -> None:
    """Have a test try ``examples`` first, as from a database of its own."""
    from hypothesis import settings  # noqa: PLC0415 - it may not be here
    from hypothesis.database import InMemoryExampleDatabase  # noqa: PLC0415

    database = InMemoryExampleDatabase()
    for one in examples.split():
        database.save(EXAMPLES_KEY, base64.b64decode(one))
    known = getattr(test, "_hypothesis_internal_use_settings", None)
    test._hypothesis_internal_use_settings = settings(known, database=database)  # noqa: SLF001
    test._hypothesis_internal_database_key = EXAMPLES_KEY  # noqa: SLF001 - it has no public name


class Worker:
    """A plugin registered after xdist: its fixture of this name comes before xdist's."""

    def __init__(self, name: str) -> None:
        self._name = name

    @pytest.fixture(scope="session")
    def worker_id(self) -> str:
        """Return the id of the worker that ran the test for the user."""
        return self._name
