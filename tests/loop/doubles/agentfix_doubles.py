"""A pytest plugin: the repair runs without engine and OpenCode. It is loaded in sandboxes too."""

from __future__ import annotations

import importlib

import pytest


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin("agentfix") and not hasattr(config, "workerinput"):
        importlib.import_module("local_run").install()
