"""Judged projects of programs that nobody has looked at: they run in sandboxes only."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from pytest_agentfix.core.model import ChangeSet, Failure, ItemKind, Phase, TestOutcome
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.core.slots import Slots
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.judge.sessions.command import CommandBuilder, Task
from pytest_agentfix.judge.sessions.run_report import RunReport
from pytest_agentfix.judge.sessions.sessions import Sessions
from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.judge_kit import JudgedProject, Suite
from tests.kits.truth_answers import run_programs
from tests.kits.truth_trials import RunPrograms

PATIENCE = 120.0  # seconds for the suite of one project
FAILING = {"tests/test_nothing.py": "def test_nothing():\n    assert False\n"}


class SandboxedProject(JudgedProject):
    """A judged project whose suite is first run in a sandbox, not on the host."""

    def _run_suite(self, _folder: Path, _arguments: tuple[str, ...]) -> Suite:
        """Run the suite; raises ``ValueError`` if that says nothing about failing tests."""
        try:
            report = self._run_in_sandbox()
        except BaseException:
            self.close()
            raise
        passed = tuple(one.nodeid for one in report.outcomes.values() if one.is_passed)
        return tuple(self._list_failures(report)), passed

    def _run_in_sandbox(self) -> RunReport:
        context = self.context
        commands = CommandBuilder(
            invocation=context.invocation,
            top=self.top,
            python=context.environment.python,
            base_env=context.environment.env,
        )
        sessions = Sessions(commands=commands, clock=SystemClock(), limiter=Slots(1))
        deadline = time.monotonic() + PATIENCE
        with self.open_sandbox() as sandbox:
            run = sessions.run(sandbox, Task(ids=("tests",)), deadline)
        if run.trouble:
            raise ValueError(f"{run.trouble}: {run.complaint}")
        if not run.report.failed_reports:
            raise ValueError("no test fails")
        return run.report

    @contextmanager
    def open_sandbox(self) -> Iterator[Sandbox]:
        """Open a sandbox with the project as it is."""
        base = self.sandboxes.base
        with self.sandboxes.open_for_judge(base, ChangeSet({}), lambda _: None) as sandbox:
            yield sandbox

    def _list_failures(self, report: RunReport) -> Iterator[Failure]:
        for outcome in report.outcomes.values():
            if outcome.outcome in ("failed", "error"):
                yield self._make_failure(outcome, report.collected)

    def _make_failure(self, outcome: TestOutcome, collected: Sequence[str]) -> Failure:
        """Return the failure as pytest's owner would have it; cases are in their list's order."""
        path, _, _ = outcome.nodeid.partition("::")
        function, bracket, _ = outcome.nodeid.partition("[")
        cases = [one for one in collected if one.startswith(f"{function}[")]
        arguments = ("arguments", "expected") if bracket else ()
        return Failure(
            nodeid=outcome.nodeid,
            phase=Phase.CALL,
            kind=ItemKind.FUNCTION,
            path=self.top / path,
            line=None,
            exception=outcome.exception,
            message=outcome.message,
            traceback=outcome.detail,
            case={name: cases.index(outcome.nodeid) for name in arguments},
            frames=() if outcome.frame is None else (outcome.frame,),
        )


@contextmanager
def running_programs(engine: Engine) -> Iterator[RunPrograms]:
    """Open a sandbox for programs of a data file, for as long as the block lasts."""
    with TemporaryDirectory(prefix="agentfix-programs-") as folder:
        project = SandboxedProject(Path(folder), FAILING, engine=engine)
        try:
            with project.open_sandbox() as sandbox:
                yield partial(run_programs, sandbox, project.context.environment)
        finally:
            project.close()
