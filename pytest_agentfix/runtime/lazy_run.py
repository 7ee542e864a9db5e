"""The repairer of a run until there is something to repair: most runs never need the rest of it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pytest_agentfix.core.import_hook import plain_imports
from pytest_agentfix.core.model import Failure, RunRequest, RunResult
from pytest_agentfix.core.ports import Progress
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.prewarm.client import PrewarmClient
from pytest_agentfix.sandbox.scratch import Scratch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode
    from pytest_agentfix.runtime.run import RepairRun


class LazyRun:
    """Implements ``session.Repairer``; what repairs is loaded when it is needed."""

    def __init__(self, setup: RunContext) -> None:
        self._setup = setup
        self._token = secrets.token_urlsafe(24)  # of this run's sandboxes, for their own door
        self._scratch: Scratch | None = None
        self._head_start: PrewarmClient | None = None
        self._run: RepairRun | None = None

    def get_ready(self, failures: Sequence[Failure]) -> None:
        """Have a process of its own make ready what it can while the suite goes on."""
        if self._setup.settings.keep or not self._setup.engine.is_local:
            return  # what is kept has to be told by who made it; other engines' pipes stay put
        self._scratch = Scratch(self._setup.scratch_root)
        self._head_start = PrewarmClient.begin(
            self._setup, self._scratch, token=self._token, failures=failures
        )

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        """Try every cluster; a cluster's trouble is its verdict, never an exception."""
        with plain_imports():
            finding = self._begin_finding()
            from pytest_agentfix.runtime.run import RepairRun  # noqa: PLC0415 - takes a moment

        self._run = RepairRun(
            self._setup,
            token=self._token,
            scratch=self._scratch,
            head_start=self._head_start,
            finding=finding,
        )
        return self._run.repair(request, progress)

    def _begin_finding(self) -> Future[FoundOpenCode] | None:
        """Look for OpenCode while the rest is loaded, unless a stand-by has done so by now."""
        look = self._setup.find_local_opencode
        if look is None or self._head_start is not None:
            return None
        from pytest_agentfix.runtime.opencode_lookup import begin_finding  # noqa: PLC0415

        return begin_finding(look, self._setup.upstream.provider)

    def result_so_far(self) -> RunResult:
        """What ``repair`` has reached yet."""
        return RunResult() if self._run is None else self._run.result_so_far()

    def close(self) -> None:
        """Remove everything that was made; twice is fine."""
        try:
            if self._run is not None:
                self._run.close()
            else:
                self._drop_head_start()
        finally:
            self._setup.engine.close()

    def _drop_head_start(self) -> None:
        """End the stand-by of a suite that was cut short before anything was repaired."""
        try:
            if self._head_start is not None:
                self._head_start.close()
        finally:  # after a second Ctrl-C too
            self._drop_scratch()

    def _drop_scratch(self) -> None:
        if self._scratch is not None:
            from pytest_agentfix.sandbox.cleanup import end_session  # noqa: PLC0415 - hardly ever

            try:
                end_session(self._setup.engine, self._scratch.root, self._scratch.session)
            finally:
                self._scratch.close()
                self._scratch = None
