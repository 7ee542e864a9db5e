"""A pytest plugin that stores the failed and passed tests as the product sees them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from pytest_agentfix.pytest_hooks.failures import FailureCollector
from pytest_agentfix.pytest_hooks.items import ItemPlugin

TARGET = "AGENTFIX_FAILURE_DUMP"


class Dump:
    def __init__(self, config: pytest.Config) -> None:
        self._collector = FailureCollector(config.rootpath)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._collector.add_test_report(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._collector.add_collect_report(report)

    def pytest_sessionfinish(self) -> None:
        found = (self._collector.failures, self._collector.passed)
        Path(os.environ[TARGET]).write_bytes(pickle.dumps(found))


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(ItemPlugin(config))
    config.pluginmanager.register(Dump(config))
