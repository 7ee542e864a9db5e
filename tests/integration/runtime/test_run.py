"""A run that is interrupted before it has begun with its first cluster."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.model import Invocation, RunRequest, Verdict
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.repository import Repository
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.preparation import Equipment, Preparation
from pytest_agentfix.runtime.run import RepairRun
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.testing.fakes import FakeProgress
from tests.kits.gateway_kit import make_upstream
from tests.kits.judge_project import failure
from tests.kits.repository_kit import make_repository

NOWHERE = Environment(kind="none", image="none", python="none", user=(1, 1))


class EmptyEngine(Engine):
    """One on which nothing was ever left behind."""

    def __init__(self) -> None:
        """Without any connection."""

    def sessions(self, owner: str) -> dict[str, list[str]]:
        return {}

    def volumes(self, owner: str) -> dict[str, list[str]]:
        return {}


class InterruptedPreparation(Preparation):
    """The run is ended while it waits for what is under way."""

    def finish(self, imported: Sequence[str]) -> Equipment:
        raise KeyboardInterrupt


def test_interrupted_while_things_are_made_ready(tmp_path: Path) -> None:
    top = make_repository(tmp_path / "top", {"test_calc.py": b""})
    upstream = make_upstream()
    invocation = Invocation(rootdir=top, cwd=top, config_file=None)
    context = RunContext(
        settings=Settings(),
        invocation=invocation,
        repository=Repository.open(top),
        engine=EmptyEngine(),
        environment=NOWHERE,
        upstream=upstream,
        choose_upstream=lambda *_: upstream,
        find_opencode=lambda: OpenCodeBinary(path=tmp_path / "opencode", version="1.18.34"),
        scratch_root=tmp_path / "scratch",
        cache=tmp_path / "cache",
        patch_folder=tmp_path,
    )
    preparation = InterruptedPreparation(context, token="a", clock=SystemClock())
    run = RepairRun(context, preparation, token="a")
    failures = (failure("test_calc.py::test_add"), failure("test_calc.py::test_sub"))
    request = RunRequest(failures=failures, passed=(), invocation=invocation)
    with pytest.raises(KeyboardInterrupt):
        run.repair(request, FakeProgress())
    ends = {(one.verdict, one.reason) for one in run.result_so_far().clusters}
    run.close()
    preparation.close()
    assert ends == {(Verdict.SKIPPED, "not finished: the run was interrupted")}
