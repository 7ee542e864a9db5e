"""Everything that all clusters of a run need: made when the repair begins, or before.

While the suite still runs, a thread makes what it can: the copy of the tree, one agent that is up
and warm, and the baseline of the first failing test. It knows no key. What went wrong there is met
again when it is needed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from threading import RLock, Thread
from typing import Final

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.core.errors import AgentFixError, OpenCodeMissingError, SandboxError
from pytest_agentfix.core.model import Failure, RunRequest
from pytest_agentfix.core.ports import Clock
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.judge.sessions.command import CommandBuilder
from pytest_agentfix.runtime.agent_pool import AgentPool
from pytest_agentfix.runtime.base_files import BaseFiles, copy_base, list_base_files, make_history
from pytest_agentfix.runtime.base_versions import BaseVersions
from pytest_agentfix.runtime.cluster_scope import cluster_failures, inside, model_access
from pytest_agentfix.runtime.context import NoExtensions, RunContext
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode, find, start_lookup
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory
from pytest_agentfix.sandbox.cleanup import end_session
from pytest_agentfix.sandbox.environments import Environment, add_imported
from pytest_agentfix.sandbox.scratch import Scratch
from pytest_agentfix.sandbox.workspace import Base, remove_tree

logger = logging.getLogger(__name__)

REPRODUCE_LIMIT: Final = 120.0  # seconds for the first failing test, ahead of time
PATIENCE: Final = 60.0  # seconds for what is under way; starting over would take no less


@dataclass(frozen=True, slots=True, kw_only=True)
class Equipment:
    """The parts of a run's sandboxes and agents, and the pools of those made ahead.

    ``base`` is the tree as the tests saw it, copied from ``files``.
    """

    environment: Environment
    opencode: FoundOpenCode
    files: BaseFiles
    base: Base
    sandboxes: SandboxFactory
    agent_pool: AgentPool

    def shut_down(self) -> None:
        """End what is at work, so that nobody waits for it: sandboxes first, they hold the rest."""
        try:
            self.sandboxes.shutdown()
        finally:
            self.agent_pool.close()


class Preparation:
    """Makes the equipment of one run, and what can be found out before the suite has ended.

    ``token`` is the one with which the run's sandboxes reach the gateway.
    """

    def __init__(self, context: RunContext, *, token: str, clock: Clock) -> None:
        self._context = replace(context, extensions=NoExtensions(), probes=())
        self._token = token
        self._clock = clock
        self._lock = RLock()  # held while something is made
        self._scratch: Scratch | None = None
        self._opencode: FoundOpenCode | None = None
        self._equipment: Equipment | None = None
        self._baseline: tuple[str, Baseline] | None = None  # with the cluster's slug
        self._threads: list[Thread] = []
        self._is_closed = False

    @property
    def scratch(self) -> Scratch:
        """The session's folder, made when it is asked for; raises ``EnvironmentTrouble``."""
        with self._lock:
            if self._is_closed:
                raise _make_interruption()
            if self._scratch is None:
                self._scratch = Scratch(self._context.scratch_root)
            return self._scratch

    def begin(self, failures: Sequence[Failure], imported: Sequence[str]) -> None:
        """Have a thread make what the repair of these failures, or of any, will take."""
        thread = Thread(
            target=self._make_ahead, args=(failures, imported), name="agentfix-ahead", daemon=True
        )
        self._threads.append(thread)
        thread.start()

    def finish(self, imported: Sequence[str]) -> Equipment:
        """Return the equipment for the tree as it is now, and for what was imported in the end."""
        equipment = self._make(imported)
        self._join()
        return equipment

    def _join(self) -> None:
        for thread in self._threads:
            thread.join(PATIENCE)

    @property
    def baseline(self) -> tuple[str, Baseline] | None:
        """The slug and the baseline of the first failing test, if it was reproduced ahead."""
        return self._baseline

    def close(self) -> None:
        """Remove everything that was made; twice is fine."""
        self._is_closed = True
        equipment = self._equipment
        try:
            if equipment is not None:
                equipment.shut_down()
            self._join()
            if self._equipment is not None and self._equipment is not equipment:
                self._equipment.shut_down()
        finally:
            scratch, self._scratch = self._scratch, None
            if scratch is not None:
                self._remove(scratch)

    def _remove(self, scratch: Scratch) -> None:
        is_kept = self._context.settings.keep
        if not is_kept:
            end_session(self._context.engine, scratch.root, scratch.session)
        scratch.close(is_kept=is_kept)

    def _make(self, imported: Sequence[str]) -> Equipment:
        """Make the equipment, or as much of it anew as has changed since."""
        with self._lock:
            context, known = self._context, self._equipment
            environment = add_imported(context.environment, imported, context.repository.top)
            lookup = None if self._opencode else self._start_lookup()
            files = list_base_files(context.repository, context.settings, imported)
            base, is_new = self._copy(known, files, environment)
            self._opencode = self._opencode or self._find_opencode(lookup)
            if known is not None and not is_new and known.environment == environment:
                self._equipment = replace(known, files=files, base=base)
                return self._equipment
            if known is not None:
                self._baseline = None
                known.shut_down()
            if self._is_closed:
                raise _make_interruption()
            self._equipment = self._equip(environment, files, base, self._opencode)
            return self._equipment

    def _copy(
        self, known: Equipment | None, files: BaseFiles, environment: Environment
    ) -> tuple[Base, bool]:
        """Return the copy of the tree as it is now, and whether it is another one."""
        if known is not None:
            return known.base.refresh(files.files)
        folder = self.scratch.folder("base")
        try:
            return copy_base(self._context.repository.top, files, environment, folder), True
        except BaseException:  # the disk may be full, and the repair tries again
            remove_tree(folder)
            raise

    def _start_lookup(self) -> Future[FoundOpenCode] | None:
        """Look for OpenCode on this machine while the tree is copied."""
        look = self._context.find_local_opencode
        return None if look is None else start_lookup(look, self._context.upstream.provider)

    def _find_opencode(self, lookup: Future[FoundOpenCode] | None) -> FoundOpenCode:
        if lookup is not None:
            with suppress(OpenCodeMissingError):  # not on this machine yet
                return lookup.result()
        return find(self._context.find_opencode, self._context.upstream.provider)

    def _equip(
        self, environment: Environment, files: BaseFiles, base: Base, opencode: FoundOpenCode
    ) -> Equipment:
        context = self._context
        commands = CommandBuilder(
            invocation=inside(context.invocation, context.repository.top),
            top=context.repository.top,
            python=environment.python,
            base_env=environment.env,
        )
        sandboxes = SandboxFactory(
            engine=context.engine,
            environment=environment,
            session=commands.build_waiting(),
            scratch=self.scratch,
            base=base,
            ignore=context.repository.ignore_rules(),
            opencode=opencode.path,
            history=make_history(context.repository, context.settings, base, self.scratch.folder),
            is_kept=context.settings.keep,
        )
        agent_pool = AgentPool(
            sandboxes,
            self._describe_access(opencode),
            environ={**context.invocation.environ, **environment.env},
            clock=self._clock,
            major=opencode.binary.major,
        )
        return Equipment(
            environment=environment,
            opencode=opencode,
            files=files,
            base=base,
            sandboxes=sandboxes,
            agent_pool=agent_pool,
        )

    def _describe_access(self, opencode: FoundOpenCode) -> ModelEndpoint:
        upstream, catalogue = self._context.upstream, opencode.catalogue
        known = catalogue.models.get(upstream.model) if catalogue else None
        return model_access(upstream, self._token, known)

    def _make_ahead(self, failures: Sequence[Failure], imported: Sequence[str]) -> None:
        try:
            equipment = self._make(imported)
            if not equipment.opencode.binary.needs_trial:  # the trial is the run's
                equipment.agent_pool.ahead.set_target(1)
            if failures:
                self._reproduce(equipment, failures)
        except (AgentFixError, OSError):
            logger.debug("not everything could be made ahead", exc_info=True)
        except Exception:
            logger.exception("not everything could be made ahead")

    def _reproduce(self, equipment: Equipment, failures: Sequence[Failure]) -> None:
        """Reproduce the first failing test, unless it is parametrised: more cases may follow."""
        context = replace(self._context, environment=equipment.environment)
        cluster = cluster_failures(failures, context)[0]
        if any("[" in target for target in cluster.targets):
            return
        request = RunRequest(
            failures=tuple(failures), passed=(), invocation=self._context.invocation
        )
        versions = BaseVersions(
            context, sandboxes=equipment.sandboxes, request=request, clock=self._clock
        )
        judge = versions.make_judge(0, keep=lambda _: None, stopwatch=lambda _: None)
        judge.reproduce(cluster, deadline=self._clock.monotonic() + REPRODUCE_LIMIT)
        baseline = judge.baseline(cluster.slug)
        # What is missing is found out once more where the user's environment can be asked for it.
        with self._lock:
            is_current = self._equipment is not None and (
                self._equipment.sandboxes is equipment.sandboxes
            )
            if is_current and baseline is not None and not baseline.reproduction.missing:
                self._baseline = (cluster.slug, baseline)


def _make_interruption() -> SandboxError:
    return SandboxError("The run was interrupted.", "Run it again.")
