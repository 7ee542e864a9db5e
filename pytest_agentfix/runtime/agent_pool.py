"""Makes agents: OpenCode up and warm in sandboxes of their own, some of them ahead of time."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from threading import Event
from typing import Final

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.driver import OpenCodeAgent, OpenCodePlan
from pytest_agentfix.core.errors import AgentFixError, EnvironmentTrouble
from pytest_agentfix.core.model import ChangeSet, Collected, Turn
from pytest_agentfix.core.ports import AcceptHandler, Agent, Clock, ModelAccess, StartupSignals
from pytest_agentfix.gateway.warmup import SwitchableHandler, WarmupModel
from pytest_agentfix.repair.prompts.prompt import INSTRUCTIONS
from pytest_agentfix.runtime.prewarm_pool import PrewarmPool
from pytest_agentfix.runtime.sandbox_factory import (
    DetachedSandbox,
    Keep,
    SandboxFactory,
    WorkspaceSandbox,
)
from pytest_agentfix.sandbox.workspace import Base

logger = logging.getLogger(__name__)

COMING_UP: Final = 180.0  # seconds for OpenCode to come up


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequest:
    """What an agent is sent to: a cluster's gateway, and the base as it is to see it.

    ``shown`` are files that differ from ``base`` for it; ``locked`` are path patterns that its edit
    tools may not write. ``keep`` is told where its sandbox was left.
    """

    access: ModelEndpoint
    door: ModelAccess
    base: Base
    shown: ChangeSet
    locked: tuple[str, ...]
    keep: Keep


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmAgent:
    """An agent that is up and warm, and belongs to no cluster yet.

    ``is_ahead``: it was made before it was needed, and nobody has looked at it since.
    """

    agent: OpenCodeAgent
    box: WorkspaceSandbox
    switch: SwitchableHandler
    is_ahead: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadyAgent:
    """An agent that was let go of by the process that brought it up, all but its pipe."""

    box: DetachedSandbox
    channel: int  # of the command that is OpenCode's server


class AgentPool:
    """The agents of one run. ``access`` is how most of them reach the model."""

    def __init__(
        self,
        sandboxes: SandboxFactory,
        access: ModelEndpoint,
        *,
        environ: Mapping[str, str],
        clock: Clock,
    ) -> None:
        self._sandboxes = sandboxes
        self._access = access
        self._environ = environ
        self._clock = clock
        self.ahead: PrewarmPool[WarmAgent] = PrewarmPool(
            self._recruit_ahead,
            _dismiss,
            name="agentfix-agents-ahead",
        )

    def send(self, post: AgentRequest, *, deadline: float, summons: StartupSignals) -> Agent:
        """Give an agent its post: one that was made ahead if there is one for that model.

        Raises ``AgentUnavailableError`` or ``SandboxError``; ``summons`` may change meanwhile.
        """
        recruit = self._find_recruit(post, deadline, summons)
        try:
            return self._post(recruit, post, deadline, summons)
        except EnvironmentTrouble:
            if not recruit.is_ahead:
                raise
            logger.info("an agent that was made ahead is of no use any more", exc_info=True)
        recruit = self.recruit(post.access, summons, deadline)
        return self._post(recruit, post, deadline, summons)

    def _post(
        self, recruit: WarmAgent, post: AgentRequest, deadline: float, summons: StartupSignals
    ) -> Agent:
        try:
            if not self._sandboxes.show(recruit.box, post.base, post.shown, post.keep):
                _dismiss(recruit)
                recruit = self._recruit_on_copy(post, deadline, summons)
            recruit.switch.to(post.door.handle)
            recruit.agent.begin(post.door, locked=post.locked)
        except BaseException:
            _dismiss(recruit)
            raise
        return _Sent(recruit.agent, self._sandboxes)

    def _find_recruit(
        self, post: AgentRequest, deadline: float, summons: StartupSignals
    ) -> WarmAgent:
        def recruit_now() -> WarmAgent:
            return self.recruit(post.access, summons, deadline)

        # While it comes up, this machine has a core to spare for what its judge will need.
        with self._sandboxes.agent_at_work():
            is_usual = post.access == self._access
            return self.ahead.take(recruit_now) if is_usual else recruit_now()

    def adopt(self, ready: ReadyAgent, descriptor: int) -> None:
        """Take over an agent that another process has brought up; it is the next to be sent.

        ``descriptor`` is its sandbox's pipe. Where it cannot be taken over, it ends.
        """
        switch = SwitchableHandler(WarmupModel(clock=self._clock))
        try:
            box = self._sandboxes.adopt(ready.box, descriptor, switch.handle)
        except AgentFixError:
            logger.debug("an agent that was ready could not be taken over", exc_info=True)
            return
        try:
            process = box.sandbox.command(ready.channel)
            plan = self.plan(self._access)
            agent = OpenCodeAgent.adopt(box.sandbox, plan, process, clock=self._clock)
        except AgentFixError:
            logger.debug("an agent that was ready could not be taken over", exc_info=True)
            box.sandbox.close()
            return
        self.ahead.put(WarmAgent(agent=agent, box=box, switch=switch, is_ahead=True))

    def _recruit_ahead(self, unneeded: Event) -> WarmAgent:
        return replace(self.recruit(self._access, StartupSignals(is_off=unneeded)), is_ahead=True)

    def recruit(
        self, access: ModelEndpoint, summons: StartupSignals, deadline: float = math.inf
    ) -> WarmAgent:
        """One that is up on the base as it was laid out, and warm unless that was urgent."""
        return self._bring_up(access, self._sandboxes.open_for_agent, deadline, summons)

    def plan(self, access: ModelEndpoint) -> OpenCodePlan:
        """What every agent is given, whatever it will be sent to."""
        return OpenCodePlan(
            access=access,
            instructions=INSTRUCTIONS,
            directory=self._sandboxes.base.top,
            env=self._environ,
        )

    def close(self) -> None:
        """Dismiss those who have no post."""
        self.ahead.close()

    def _recruit_on_copy(
        self, post: AgentRequest, deadline: float, summons: StartupSignals
    ) -> WarmAgent:
        def open_box(accept: AcceptHandler) -> WorkspaceSandbox:
            box = self._sandboxes.open_copy_for_agent(accept, post.base, post.shown)
            self._sandboxes.note_kept("agent", box, post.keep)
            return box

        return self._bring_up(post.access, open_box, deadline, summons)

    def _bring_up(
        self,
        access: ModelEndpoint,
        open_box: Callable[[AcceptHandler], WorkspaceSandbox],
        deadline: float,
        summons: StartupSignals,
    ) -> WarmAgent:
        switch = SwitchableHandler(WarmupModel(clock=self._clock))
        box = open_box(switch.handle)
        agent = OpenCodeAgent(box.sandbox, self.plan(access), clock=self._clock)
        try:
            until = self._clock.monotonic() + COMING_UP
            agent.launch(deadline=min(deadline, until), unneeded=summons.is_off)
            if not summons.is_urgent.is_set():  # else its own first prompt warms it up
                agent.warm_up(deadline=deadline, unneeded=summons.is_off)
        except BaseException:
            agent.close()
            raise
        return WarmAgent(agent=agent, box=box, switch=switch)


@dataclass(frozen=True, slots=True)
class _Sent:
    """An agent with a post. While it is at work, what its judge will need is made ahead."""

    agent: OpenCodeAgent
    sandboxes: SandboxFactory

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """As the agent does."""
        with self.sandboxes.agent_at_work():
            return self.agent.prompt(text, deadline=deadline)

    def collect(self) -> Collected:
        """As the agent does."""
        return self.agent.collect()

    def close(self) -> None:
        """As the agent does."""
        self.agent.close()


def _dismiss(recruit: WarmAgent) -> None:
    recruit.agent.close()
