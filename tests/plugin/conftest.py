"""Runs pytest with the plugin and a double in the repairer's place."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.model import RunRequest
from pytest_agentfix.core.settings import Settings

HERE = Path(__file__).parent
ROOT = HERE.parent.parent


def is_installed() -> bool:
    """Tell whether pytest finds the plugin by itself."""
    return any(each.value == "pytest_agentfix.plugin" for each in entry_points(group="pytest11"))


class Runner:
    """One folder of tests, and pytest runs in it."""

    def __init__(self, pytester: pytest.Pytester, jobs: Sequence[str] = ()) -> None:
        self.pytester = pytester
        self.path = pytester.path
        self.jobs = jobs

    @property
    def plugins(self) -> list[str]:
        plugins = [] if is_installed() else ["-p", "pytest_agentfix.plugin"]
        # Hypothesis takes most of a second at the end of each process that has no use for it.
        off = ["-p", "no:randomly", "-p", "no:hypothesispytest"]
        return [*plugins, "-p", "fake_repairer", *off]

    def script(self, **script: Any) -> None:
        """Tell the double what to do."""
        (self.path / "fake.json").write_text(json.dumps(script), "utf-8")

    def run(self, *args: str, on: bool = True, is_subprocess: bool = False) -> pytest.RunResult:
        given = [*self.plugins, *(["--agent-fix"] if on else []), *self.jobs, *args]
        # xdist keeps the import path it met first, which in this process is not that of the test.
        if is_subprocess or self.jobs:
            return self.pytester.runpytest_subprocess(*given, timeout=60)
        return self.pytester.runpytest(*given)

    @property
    def events(self) -> list[str]:
        events = self.path / "events.txt"
        return events.read_text("utf-8").split("\n")[:-1] if events.exists() else []

    @property
    def request(self) -> RunRequest:
        """Return the request the double was given, without tracebacks."""
        request = pickle.loads((self.path / "request.pickle").read_bytes())
        assert isinstance(request, RunRequest)
        failures = tuple(replace(failure, traceback="") for failure in request.failures)
        return replace(request, failures=failures)

    @property
    def settings(self) -> Settings:
        settings = pickle.loads((self.path / "settings.pickle").read_bytes())
        assert isinstance(settings, Settings)
        return settings


def _make_runner(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, jobs: Sequence[str]
) -> Runner:
    (pytester.path / "fake_repairer.py").write_text(
        (HERE / "fake_repairer.py").read_text("utf-8"), "utf-8"
    )
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}:{pytester.path}")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.syspath_prepend(pytester.path)
    return Runner(pytester, jobs)


@pytest.fixture
def runner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs pytest in one process."""
    return _make_runner(pytester, monkeypatch, ())


@pytest.fixture(
    params=[
        pytest.param((), id="plain"),
        pytest.param(("-n2",), id="xdist", marks=pytest.mark.exhaustive),
    ]
)
def any_runner(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Runner:
    """Runs pytest in one process, and once more with two xdist workers (``make test-all``)."""
    return _make_runner(pytester, monkeypatch, request.param)


@pytest.fixture(params=[pytest.param((), id="plain"), pytest.param(("-n2",), id="xdist")])
def both_runner(
    request: pytest.FixtureRequest, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> Runner:
    """Runs as ``any_runner`` does, both ways in ``make test`` too: for what xdist can turn."""
    return _make_runner(pytester, monkeypatch, request.param)
