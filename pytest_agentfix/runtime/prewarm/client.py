"""The pytest side of prewarming. Nothing heavy in here: it begins between two tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_agentfix.core.model import Failure
from pytest_agentfix.runtime.background.client import BackgroundProcess
from pytest_agentfix.runtime.background.handover import Handover, Job
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.prewarm.request import (
    AGENT,
    BASE,
    BASELINE,
    OPENCODE,
    WORK,
    PrewarmRequest,
    strip_key,
)
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.sandbox.scratch import Scratch

PATIENCE: Final = 60.0  # seconds for what is under way; starting over would take no less


class PrewarmClient:
    """A background process at work for one run; its sandboxes are made of ``environment``."""

    def __init__(self, process: BackgroundProcess, environment: Environment) -> None:
        self._process = process
        self.environment = environment

    @classmethod
    def begin(
        cls,
        context: RunContext,
        scratch: Scratch,
        *,
        token: str,
        failures: Sequence[Failure],
        imported: Sequence[str],
    ) -> PrewarmClient | None:
        """Start one, if it can be started; costs some milliseconds and never raises."""
        request = PrewarmRequest(
            settings=context.settings,
            invocation=context.invocation,
            environment=context.environment,
            upstream=strip_key(context.upstream),
            token=token,
            top=context.repository.top,
            scratch=scratch.path,
            cache=context.cache,
            failures=tuple(failures),
            imported=tuple(imported),
        )
        job = Job(work=WORK, facts=request)
        process = BackgroundProcess.spawn(job, folder=scratch.folder("standby"))
        return None if process is None else cls(process, context.environment)

    def collect(self) -> Handover | None:
        """Take what is ready, and wait for what is under way; the process ends by itself."""
        return self._process.collect(PATIENCE, wait_for=(OPENCODE, BASE, AGENT, BASELINE))

    def close(self) -> None:
        """End the process; twice is fine."""
        self._process.close()
