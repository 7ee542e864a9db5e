"""A pytest plugin: the repair runs without engine and OpenCode. It is loaded in sandboxes too.

Plugins that are only installed are not loaded, which halves the time of each of the judge's
sessions; so the plugin under test is named here, for the user's own pytest alone.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

IS_ON_HOST = "AGENTFIX_ON_HOST" in os.environ  # it does not go along into sandboxes
PLUGIN = "pytest_agentfix.plugin"

pytest_plugins = (PLUGIN,) if IS_ON_HOST else ()


def pytest_configure(config: pytest.Config) -> None:
    if config.pluginmanager.hasplugin(PLUGIN) and not hasattr(config, "workerinput"):
        from pytest_agentfix.runtime import spawn

        spawn.PROGRAM = Path(__file__).with_name("local_process.py")
