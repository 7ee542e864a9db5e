"""Shared by all tests: pytester, and a world without the machine's own settings."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine, nothing about the code.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _PATIENT, max_examples=25)
settings.register_profile("full", _PATIENT, max_examples=100)  # make test-all
settings.load_profile("quick")

pytest_plugins = ["pytester"]

_PREFIXES = ("GIT_", "DOCKER_", "OPENCODE")
_SUFFIXES = ("_API_KEY",)
_NAMES = frozenset({"CI", "AGENT", "PYTEST_ADDOPTS", "PYTEST_PLUGINS"})


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Strip what a developer's or CI's machine sets, so that no test depends on it."""
    for name in list(os.environ):
        if name in _NAMES or name.startswith(_PREFIXES) or name.endswith(_SUFFIXES):
            monkeypatch.delenv(name)
