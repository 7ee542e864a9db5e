"""The repairer of a run, which loads ``run.RepairRun`` only if needed: most runs never do."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_agentfix.core.import_hook import plain_imports
from pytest_agentfix.core.model import Failure, RunRequest, RunResult
from pytest_agentfix.core.ports import Progress
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.prewarm.client import PrewarmClient
from pytest_agentfix.sandbox.environments import add_imported
from pytest_agentfix.sandbox.scratch import Scratch

if TYPE_CHECKING:
    from concurrent.futures import Future

    from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode
    from pytest_agentfix.runtime.run import RepairRun


class LazyRun:
    """Implements ``session.Repairer``; what repairs is loaded when it is needed."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._token = secrets.token_urlsafe(24)  # with which this run's sandboxes reach the gateway
        self._scratch: Scratch | None = None
        self._prewarm_client: PrewarmClient | None = None
        self._run: RepairRun | None = None

    def get_ready(self, failures: Sequence[Failure], imported: Sequence[str]) -> None:
        """Have a background process prepare what it can while the suite goes on."""
        if self._context.settings.keep or not self._context.engine.is_local:
            # Whoever makes what is kept has to report it; remote pipes cannot be handed over.
            return
        failures = [failure for failure in failures if failure.installed is None]
        if not failures:  # most likely no change can reach any of them
            return
        context = self._context
        known = add_imported(context.environment, imported, context.repository.top)
        self._scratch = Scratch(context.scratch_root)
        self._prewarm_client = PrewarmClient.begin(
            replace(context, environment=known),
            self._scratch,
            token=self._token,
            failures=failures,
            imported=imported,
        )

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        """Try every cluster; a cluster's trouble is its verdict, never an exception."""
        with plain_imports():
            opencode_lookup = self._start_lookup()
            from pytest_agentfix.runtime.run import RepairRun  # noqa: PLC0415 - takes a moment

        self._run = RepairRun(
            self._context,
            token=self._token,
            scratch=self._scratch,
            prewarm_client=self._prewarm_client,
            opencode_lookup=opencode_lookup,
        )
        return self._run.repair(request, progress)

    def _start_lookup(self) -> Future[FoundOpenCode] | None:
        """Look for OpenCode while the rest is loaded, unless the background process has."""
        find = self._context.find_local_opencode
        if find is None or self._prewarm_client is not None:
            return None
        from pytest_agentfix.runtime.opencode_lookup import start_lookup  # noqa: PLC0415

        return start_lookup(find, self._context.upstream.provider)

    def result_so_far(self) -> RunResult:
        """Return the results that ``repair`` has so far."""
        return RunResult() if self._run is None else self._run.result_so_far()

    def close(self) -> None:
        """Remove everything that was made; twice is fine."""
        try:
            if self._run is not None:
                self._run.close()
            else:
                self._drop_prewarmed()
        finally:
            self._context.engine.close()

    def _drop_prewarmed(self) -> None:
        """End the background process of a suite that stopped before anything was repaired."""
        try:
            if self._prewarm_client is not None:
                self._prewarm_client.close()
        finally:  # after a second Ctrl-C too
            self._drop_scratch()

    def _drop_scratch(self) -> None:
        if self._scratch is not None:
            from pytest_agentfix.sandbox.cleanup import end_session  # noqa: PLC0415 - hardly ever

            try:
                end_session(self._context.engine, self._scratch.root, self._scratch.session)
            finally:
                self._scratch.close()
                self._scratch = None
