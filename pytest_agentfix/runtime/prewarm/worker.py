"""Prepares a repair in the background process while the suite still runs.

It makes the base, one agent that is up and warm, and the baseline of the first failing test. All of
it is optional: what is missing at the suite's end is made then. No key is known here.
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
from pytest_agentfix.agents.opencode.driver import OpenCodeAgent
from pytest_agentfix.agents.opencode.version import UNTRIED_MAJOR
from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.model import RunRequest
from pytest_agentfix.core.ports import StartupSignals
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.judge.baseline import Baseline
from pytest_agentfix.repository import Repository
from pytest_agentfix.runtime.agent_pool import AgentPool, ReadyAgent, WarmAgent
from pytest_agentfix.runtime.background.handover import PlainTransfer, Transfer
from pytest_agentfix.runtime.background.outbox import Cancelled, Outbox
from pytest_agentfix.runtime.base_files import copy_base, list_base_files, make_history
from pytest_agentfix.runtime.base_versions import BaseVersions
from pytest_agentfix.runtime.cluster_scope import cluster_failures, model_access
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode, find
from pytest_agentfix.runtime.prewarm.request import AGENT, BASE, BASELINE, OPENCODE, PrewarmRequest
from pytest_agentfix.runtime.sandbox_factory import DetachedSandbox, SandboxFactory
from pytest_agentfix.sandbox.channels import RunningCommand
from pytest_agentfix.sandbox.cleanup import end_session
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import BorrowedScratch
from pytest_agentfix.sandbox.workspace import Base
from pytest_agentfix.sandbox.workspace.removal import remove_tree

REPRODUCE_LIMIT: Final = 120.0  # seconds for the first failing test


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownBaseline:
    """The baseline of the first failing test."""

    slug: str
    baseline: Baseline


@dataclass(slots=True)
class AgentHandover:
    """An agent to be handed over. Implements ``handover.Transferable``."""

    warm: WarmAgent

    def hand_over(self) -> Transfer:
        """Release the sandbox, and the server that runs in it."""
        assert isinstance(self.warm.agent, OpenCodeAgent)
        process = self.warm.agent.release()
        assert isinstance(process, RunningCommand)
        sandbox = self.warm.sandbox
        state, descriptor = sandbox.container.release()
        detached = DetachedSandbox(state=state, mount=sandbox.workspace.mount)
        facts = ReadyAgent(sandbox=detached, channel=process.channel)
        return Transfer(facts=facts, descriptors=(descriptor,))

    def discard(self) -> None:
        """End it; where its pipe is gone already, the sandbox ends by itself."""
        self.warm.agent.close()


def prewarm(facts: object, outbox: Outbox) -> None:
    """Prepare what can be; whatever goes wrong will be met again when it is needed."""
    assert isinstance(facts, PrewarmRequest)
    with contextlib.suppress(Cancelled, AgentFixError, TimeoutError):
        _Prewarmer(facts, outbox).run()


class _Prewarmer:
    def __init__(self, request: PrewarmRequest, outbox: Outbox) -> None:
        self._request = request
        self._outbox = outbox
        self._clock = SystemClock()
        self._engine = Engine.connect()
        self._repository = Repository.open(request.top)
        self._scratch = BorrowedScratch(request.scratch)
        # Half-made files there go with the session, however it ends.
        tempfile.tempdir = str(self._scratch.folder("tmp"))
        outbox.on_parent_death(partial(remove_tree, request.scratch))
        outbox.on_parent_death(self._end_session)

    def run(self) -> None:
        for name in (OPENCODE, BASE, AGENT):
            self._outbox.announce(name)
        opencode = self._find_opencode()
        base = self._copy_base()
        sandboxes = self._make_sandboxes(base, opencode.path)
        thread = Thread(target=self._start_agent, args=(sandboxes, opencode), name="agentfix-agent")
        thread.start()
        try:
            with contextlib.suppress(Cancelled, AgentFixError, TimeoutError):
                self._reproduce(sandboxes)
        finally:
            thread.join()

    def _find_opencode(self) -> FoundOpenCode:
        request = self._request
        look = partial(
            find_opencode,
            configured=request.settings.opencode,
            environ=os.environ,
            cache=request.cache,
        )
        found = find(look, request.upstream.provider)
        self._outbox.publish(OPENCODE, PlainTransfer(found))
        return found

    def _copy_base(self) -> Base:
        request = self._request
        files = list_base_files(self._repository, request.settings, request.imported)
        folder = self._scratch.folder("base")
        base = copy_base(request.top, files, request.environment, folder)
        self._outbox.publish(BASE, PlainTransfer(base.record()))
        return base

    def _make_sandboxes(self, base: Base, opencode: Path) -> SandboxFactory:
        return SandboxFactory(
            engine=self._engine,
            environment=self._request.environment,
            scratch=self._scratch,
            base=base,
            ignore=self._repository.ignore_rules(),
            opencode=opencode,
            history=make_history(
                self._repository, self._request.settings, base, self._scratch.folder
            ),
        )

    def _start_agent(self, sandboxes: SandboxFactory, opencode: FoundOpenCode) -> None:
        if opencode.binary.needs_trial or opencode.binary.major == UNTRIED_MAJOR:
            return  # the trial is the run's, and a 2.x has no server that could be handed over
        request = self._request
        known = opencode.catalogue
        access: ModelEndpoint = model_access(
            request.upstream,
            request.token,
            known.models.get(request.upstream.model) if known else None,
        )
        environ = {**request.invocation.environ, **request.environment.env}
        agents = AgentPool(sandboxes, access, environ=environ, clock=self._clock)
        with contextlib.suppress(Cancelled, AgentFixError, TimeoutError):
            warm = agents.start(access, StartupSignals())
            self._outbox.publish(AGENT, AgentHandover(warm))

    def _reproduce(self, sandboxes: SandboxFactory) -> None:
        """Reproduce the first failing test, unless it is parametrised: more cases may follow."""
        context = self._make_context()
        failures = self._request.failures
        cluster = cluster_failures(failures, context)[0]
        if any("[" in target for target in cluster.targets):
            return
        self._outbox.announce(BASELINE)
        run = RunRequest(failures=failures, passed=(), invocation=self._request.invocation)
        versions = BaseVersions(context, sandboxes=sandboxes, request=run, clock=self._clock)
        judge = versions.make_judge(0, keep=lambda _: None, stopwatch=lambda _: None)
        judge.reproduce(cluster, deadline=self._clock.monotonic() + REPRODUCE_LIMIT)
        baseline = judge.baseline(cluster.slug)
        # What is missing is found out once more where the user's environment can be asked for it.
        if baseline is not None and not baseline.reproduction.missing:
            known = KnownBaseline(slug=cluster.slug, baseline=baseline)
            self._outbox.publish(BASELINE, PlainTransfer(known))

    def _make_context(self) -> RunContext:
        request = self._request
        return RunContext(
            settings=request.settings,
            invocation=request.invocation,
            repository=self._repository,
            engine=self._engine,
            environment=request.environment,
            upstream=request.upstream,
            choose_upstream=lambda _: request.upstream,
            find_opencode=lambda: self._find_opencode().binary,
            scratch_root=request.scratch.parent,
            cache=request.cache,
            patch_folder=request.scratch,
        )

    def _end_session(self) -> None:
        """End every container of the session: the pytest process is not there to do it."""
        end_session(self._engine, self._scratch.root, self._scratch.session)
