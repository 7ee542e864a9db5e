"""The stand-by of a run as pytest sees it. Nothing heavy: it begins between two tests."""

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
    BEFORE,
    OPENCODE,
    WORK,
    PrewarmRequest,
    strip_key,
)
from pytest_agentfix.sandbox.scratch import Scratch

PATIENCE: Final = 60.0  # seconds for what is under way; made anew, it would take no less


class PrewarmClient:
    """A stand-by process at work for one run."""

    def __init__(self, standby: BackgroundProcess) -> None:
        self._standby = standby

    @classmethod
    def begin(
        cls, setup: RunContext, scratch: Scratch, *, token: str, failures: Sequence[Failure]
    ) -> PrewarmClient | None:
        """Start one, if it can be started; costs some milliseconds and never raises."""
        wanted = PrewarmRequest(
            settings=setup.settings,
            invocation=setup.invocation,
            environment=setup.environment,
            upstream=strip_key(setup.upstream),
            token=token,
            top=setup.repository.top,
            scratch=scratch.path,
            cache=setup.cache,
            failures=tuple(failures),
        )
        order = Job(work=WORK, facts=wanted)
        standby = BackgroundProcess.spawn(order, folder=scratch.folder("standby"))
        return None if standby is None else cls(standby)

    def collect(self) -> Handover | None:
        """Take what is ready, and wait for what is under way; the stand-by ends by itself."""
        return self._standby.collect(PATIENCE, wait_for=(OPENCODE, BASE, AGENT, BEFORE))

    def close(self) -> None:
        """End the stand-by; twice is fine."""
        self._standby.close()
