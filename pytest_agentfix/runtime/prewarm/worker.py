"""What is made ready while the suite still runs, in the stand-by process.

The base, one agent that is up and warm, and what the first failing test does in a sandbox. Nothing
of it is needed: what is missing at the suite's end is made then. No key is known here.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Final

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.model import RunRequest
from pytest_agentfix.core.ports import StartupSignals
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.repair.clustering import make_clusters
from pytest_agentfix.repository import Repository
from pytest_agentfix.runtime.agent_pool import AgentPool, ReadyAgent, WarmAgent
from pytest_agentfix.runtime.background.handover import PlainTransfer, Transfer
from pytest_agentfix.runtime.background.outbox import Cancelled, Outbox
from pytest_agentfix.runtime.base_versions import BaseVersions, find_test_files
from pytest_agentfix.runtime.cluster_scope import model_access
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode, find
from pytest_agentfix.runtime.prewarm.request import AGENT, BASE, BEFORE, OPENCODE, PrewarmRequest
from pytest_agentfix.runtime.sandbox_factory import DetachedSandbox, SandboxFactory, lay_out_base
from pytest_agentfix.sandbox.channels import RunningCommand
from pytest_agentfix.sandbox.cleanup import end_session
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import BorrowedScratch
from pytest_agentfix.sandbox.workspace import Base
from pytest_agentfix.sandbox.workspace.removal import remove_tree

REPRODUCING: Final = 120.0  # seconds for the first failing test


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBaseline:
    """What the first failing test did on the base."""

    slug: str
    before: Baseline


@dataclass(slots=True)
class AgentHandover:
    """An agent to be handed over. Implements ``standby.orders.Offer``."""

    recruit: WarmAgent

    def hand_over(self) -> Transfer:
        """Let go of the sandbox, and of the server that runs in it."""
        process = self.recruit.agent.release()
        assert isinstance(process, RunningCommand)
        box = self.recruit.box
        state, descriptor = box.sandbox.release()
        ready = DetachedSandbox(state=state, mount=box.workspace.mount)
        facts = ReadyAgent(box=ready, channel=process.channel)
        return Transfer(facts=facts, descriptors=(descriptor,))

    def discard(self) -> None:
        """End it; where its pipe is gone already, the sandbox ends by itself."""
        self.recruit.agent.close()


def get_ready(facts: object, desk: Outbox) -> None:
    """Make ready what can be; whatever goes wrong is left to be met again when it is needed."""
    assert isinstance(facts, PrewarmRequest)
    with contextlib.suppress(Cancelled, AgentFixError, TimeoutError):
        _Prewarmer(facts, desk).run()


class _Prewarmer:
    def __init__(self, wanted: PrewarmRequest, desk: Outbox) -> None:
        self._wanted = wanted
        self._desk = desk
        self._clock = SystemClock()
        self._engine = Engine.connect()
        self._repository = Repository.open(wanted.top)
        self._scratch = BorrowedScratch(wanted.scratch)
        # What is half made there goes with the session, however it ends.
        tempfile.tempdir = str(self._scratch.folder("tmp"))
        desk.at_loss(partial(remove_tree, wanted.scratch))
        desk.at_loss(self._end_session)

    def run(self) -> None:
        for name in (OPENCODE, BASE, AGENT):
            self._desk.begin(name)
        opencode = self._find_opencode()
        base = self._lay_out()
        sandboxes = self._make_sandboxes(base, opencode.path)
        coming = Thread(target=self._bring_up, args=(sandboxes, opencode), name="agentfix-agent")
        coming.start()
        try:
            with contextlib.suppress(Cancelled, AgentFixError, TimeoutError):
                self._reproduce(sandboxes)
        finally:
            coming.join()

    def _find_opencode(self) -> FoundOpenCode:
        wanted = self._wanted
        look = partial(
            find_opencode,
            configured=wanted.settings.opencode,
            environ=os.environ,
            cache=wanted.cache,
        )
        found = find(look, wanted.upstream.provider)
        self._desk.offer(OPENCODE, PlainTransfer(found))
        return found

    def _lay_out(self) -> Base:
        wanted = self._wanted
        folder = self._scratch.folder("base")
        base = lay_out_base(self._repository, wanted.settings, wanted.environment, folder)
        self._desk.offer(BASE, PlainTransfer(base.record()))
        return base

    def _make_sandboxes(self, base: Base, opencode: Path) -> SandboxFactory:
        return SandboxFactory(
            engine=self._engine,
            environment=self._wanted.environment,
            scratch=self._scratch,
            base=base,
            ignore=self._repository.ignore_rules(),
            opencode=opencode,
        )

    def _bring_up(self, sandboxes: SandboxFactory, opencode: FoundOpenCode) -> None:
        wanted = self._wanted
        known = opencode.catalogue
        access: ModelEndpoint = model_access(
            wanted.upstream,
            wanted.token,
            known.models.get(wanted.upstream.model) if known else None,
        )
        environ = {**wanted.invocation.environ, **wanted.environment.env}
        crew = AgentPool(sandboxes, access, environ=environ, clock=self._clock)
        with contextlib.suppress(Cancelled, AgentFixError, TimeoutError):
            recruit = crew.recruit(access, StartupSignals())
            self._desk.offer(AGENT, AgentHandover(recruit))

    def _reproduce(self, sandboxes: SandboxFactory) -> None:
        """See what the first failing test does; a parametrised one may have more cases to come."""
        setup = self._make_setup()
        failures = self._wanted.failures
        cluster = make_clusters(failures, is_test=find_test_files(setup))[0]
        if any("[" in target for target in cluster.targets):
            return
        self._desk.begin(BEFORE)
        request = RunRequest(failures=failures, passed=(), invocation=self._wanted.invocation)
        bench = BaseVersions(setup, sandboxes=sandboxes, request=request, clock=self._clock)
        judge = bench.make_judge(0, keep=lambda _: None, stopwatch=lambda _: None)
        judge.reproduce(cluster, deadline=self._clock.monotonic() + REPRODUCING)
        before = judge.before(cluster.slug)
        if before is not None:
            self._desk.offer(BEFORE, PlainTransfer(KnownBaseline(slug=cluster.slug, before=before)))

    def _make_setup(self) -> RunContext:
        wanted = self._wanted
        return RunContext(
            settings=wanted.settings,
            invocation=wanted.invocation,
            repository=self._repository,
            engine=self._engine,
            environment=wanted.environment,
            upstream=wanted.upstream,
            choose_upstream=lambda _: wanted.upstream,
            find_opencode=Path,
            scratch_root=wanted.scratch.parent,
            cache=wanted.cache,
            patch_folder=wanted.scratch,
        )

    def _end_session(self) -> None:
        """End every container of the session: the pytest process is not there to do it."""
        end_session(self._engine, self._scratch.root, self._scratch.session)
