"""A pool of agents: OpenCode up and warm in sandboxes of their own, some ahead of time.

An agent that has worked for one cluster can work for the next, when all that it has left in its
sandbox is undone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Final

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.driver import OpenCodeAgent, OpenCodePlan
from pytest_agentfix.agents.opencode.version import UNTRIED_MAJOR
from pytest_agentfix.agents.opencode2.driver import OpenCode2Agent
from pytest_agentfix.core.errors import AgentFixError, AgentTooSlowError, EnvironmentTrouble
from pytest_agentfix.core.machine import count_cores
from pytest_agentfix.core.model import ChangeSet, Collected, Turn, TurnEnd
from pytest_agentfix.core.ports import AcceptHandler, Agent, Clock, ModelAccess, StartupSignals
from pytest_agentfix.core.slots import Slots
from pytest_agentfix.gateway.warmup import SwitchableHandler, WarmupModel
from pytest_agentfix.repair.prompts.prompt import INSTRUCTIONS
from pytest_agentfix.repair.prompts.review import REVIEW_INSTRUCTIONS
from pytest_agentfix.runtime.prewarm_pool import PrewarmPool
from pytest_agentfix.runtime.sandbox_factory import Keep, SandboxFactory, WorkspaceSandbox
from pytest_agentfix.sandbox.workspace import Base

logger = logging.getLogger(__name__)

USES: Final = 10  # of one sandbox; OpenCode and its container grow a little with each
_ELSEWHERE: Final = Path("/tmp")  # noqa: S108 - a sandbox's own, with nothing of the repository


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRequest:
    """A request for an agent: a cluster's gateway, and the base as the agent is to see it.

    ``shown`` are files that differ from ``base`` for it, as cases are withheld; ``locked`` are path
    patterns that its edit tools may not write. ``keep`` gets the place where its sandbox was left.
    ``count_others`` counts the clusters that could go on with the agent when this one has ended.
    """

    access: ModelEndpoint
    gateway: ModelAccess
    base: Base
    shown: ChangeSet
    locked: tuple[str, ...]
    keep: Keep
    count_others: Callable[[], int] = lambda: 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmAgent:
    """An agent that is up and warm, and belongs to no cluster.

    ``is_ahead``: it was up before it was needed, and may have died since. ``uses`` counts the
    clusters that it has worked for.
    """

    agent: OpenCodeAgent | OpenCode2Agent
    sandbox: WorkspaceSandbox
    switch: SwitchableHandler
    is_ahead: bool = False
    uses: int = 0


@dataclass(slots=True)
class AssignedAgent:
    """An agent at work for one cluster, which goes back when it is closed.

    Implements ``ports.Agent``. One whose turn has ended in any way but the usual does not go back.
    """

    warm: WarmAgent
    give_back: Callable[[WarmAgent], None]
    _is_odd: bool = field(default=False, init=False)
    _is_closed: bool = field(default=False, init=False)

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """Send one prompt and watch until the turn ends or ``deadline`` passes."""
        self._is_odd = True
        turn = self.warm.agent.prompt(text, deadline=deadline)
        self._is_odd = turn.end is not TurnEnd.FINISHED
        return turn

    def collect(self) -> Collected:
        """Return the differences between the agent's workspace and the base."""
        return self.warm.agent.collect()

    def close(self) -> None:
        """End the session; calling it twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._is_odd:
            _close(self.warm)
        else:
            self.give_back(self.warm)


class AgentPool:
    """The agents of one run. ``access`` is the way to the model that most of them use.

    ``major`` is the first number of OpenCode's version.
    """

    def __init__(
        self,
        sandboxes: SandboxFactory,
        access: ModelEndpoint,
        *,
        environ: Mapping[str, str],
        clock: Clock,
        major: int = 1,
    ) -> None:
        self.sandboxes = sandboxes
        self._access = access
        self._environ = environ
        self._clock = clock
        self._starts = Slots(count_cores())
        self._driver = OpenCode2Agent if major == UNTRIED_MAJOR else OpenCodeAgent
        self.ahead: PrewarmPool[WarmAgent] = PrewarmPool(
            self._start_ahead,
            _close,
            name="agentfix-agents-ahead",
        )
        self._used: list[WarmAgent] = []  # that came back
        self._used_lock = Lock()
        self._is_closed = False

    def prewarm(self, needs_new: Sequence[bool], *, free: int) -> None:
        """Have agents ready for the next clusters, but not where used ones will do.

        ``needs_new`` tells of each in turn whether it may not have a used one. The first ``free``
        can begin at once; each later one begins when another has ended, with that one's agent.
        """
        used, target = len(self._used), 0
        for number, is_new in enumerate(needs_new):
            if not is_new and used:
                used -= 1
            elif is_new or number < free or not self._driver.can_start_over:
                target += 1
        self.ahead.set_target(target)

    def acquire(
        self, request: AgentRequest, *, deadline: float, signals: StartupSignals
    ) -> AssignedAgent:
        """Return an agent for ``request``, up already if the model is the usual one.

        Raises ``AgentUnavailableError`` or ``SandboxError``; ``signals`` may change meanwhile.
        """
        warm = self._take_warm(request, deadline, signals)
        try:
            return self._assign(warm, request, deadline, signals)
        except EnvironmentTrouble:
            if not warm.is_ahead:
                raise
            logger.info("an agent that was up cannot be used any more", exc_info=True)
        warm = self.start(request.access, signals, deadline)
        return self._assign(warm, request, deadline, signals)

    def _take_back(self, request: AgentRequest, warm: WarmAgent) -> None:
        """Make ``warm``, which has worked for ``request``, ready for another; or end it.

        Nothing that goes wrong here has to do with that work, so nothing is raised.
        """
        is_kept = False
        try:
            is_kept = self._is_wanted(request, warm) and self._start_over(warm)
        except Exception:
            logger.warning("a sandbox is not used again", exc_info=True)
        finally:
            if not is_kept:
                _close(warm)

    def _is_wanted(self, request: AgentRequest, warm: WarmAgent) -> bool:
        return (
            self._driver.can_start_over
            and request.access == self._access
            and warm.uses + 1 < USES
            and not self.sandboxes.is_kept
            and request.count_others() > len(self._used)
        )

    def _start_over(self, warm: WarmAgent) -> bool:
        """Undo what ``warm`` has done, and keep it; returns ``False`` where anything is odd."""
        try:
            # In this order: no request is answered for the cluster any more; nothing runs there
            # but the server; the server has ended its sessions; nothing of them is left; it may
            # read the tree again.
            warm.switch.to(WarmupModel(clock=self._clock).handle)
            warm.sandbox.container.clear()
            warm.agent.forget()
            self.sandboxes.put_back(warm.sandbox, made=warm.agent.folders)
            warm.agent.resume()
        except (AgentFixError, OSError) as trouble:
            logger.info("a sandbox is not used again: %s", trouble)
            return False
        with self._used_lock:
            if not self._is_closed:
                self._used.append(replace(warm, is_ahead=True, uses=warm.uses + 1))
            return not self._is_closed

    def _take_used(self, request: AgentRequest) -> WarmAgent | None:
        """Return one that came back; what is withheld may have been copied in any of them."""
        is_fit = request.access == self._access and not request.shown
        with self._used_lock:
            used = self._used.pop() if is_fit and self._used else None
        if used is not None:
            logger.info("an agent's sandbox is used again, after %d of %d", used.uses, USES)
        return used

    def _assign(
        self, warm: WarmAgent, request: AgentRequest, deadline: float, signals: StartupSignals
    ) -> AssignedAgent:
        try:
            if not self.sandboxes.apply_view(
                warm.sandbox, request.base, request.shown, request.keep
            ):
                _close(warm)
                warm = self._start_on_copy(request, deadline, signals)
            warm.switch.to(request.gateway.handle)
            warm.agent.begin(request.gateway, locked=request.locked)
        except BaseException:
            _close(warm)
            raise
        return AssignedAgent(warm, partial(self._take_back, request))

    def _take_warm(
        self, request: AgentRequest, deadline: float, signals: StartupSignals
    ) -> WarmAgent:
        if (used := self._take_used(request)) is not None:
            return used

        def start_now() -> WarmAgent:
            return self.start(request.access, signals, deadline)

        # While it starts, this machine has a core to spare for what its judge will need.
        with self.sandboxes.agent_at_work():
            is_usual = request.access == self._access
            return self.ahead.acquire(start_now) if is_usual else start_now()

    def open_reviewer(
        self, access: ModelEndpoint, gateway: ModelAccess, *, deadline: float, keep: Keep
    ) -> Agent:
        """Return an agent that can only answer, in a new sandbox and outside the repository there.

        ``gateway`` is the only model that the sandbox can reach, by ``access``. Raises as
        ``acquire`` does.
        """
        sandbox = self.sandboxes.open_for_agent(gateway.handle)
        self.sandboxes.note_kept("reviewer", sandbox, keep)
        plan = OpenCodePlan(
            access=access,
            instructions=REVIEW_INSTRUCTIONS,
            directory=_ELSEWHERE,
            env=self.sandboxes.environment.env,
            has_tools=False,
        )
        agent = self._driver(sandbox.container, plan, clock=self._clock)
        try:
            with self._starts.hold(timeout=self._remaining(deadline)):
                agent.launch(deadline=deadline)
            agent.begin(gateway)
        except BaseException:
            agent.close()
            raise
        return agent

    def _start_ahead(self, unneeded: Event) -> WarmAgent:
        return replace(self.start(self._access, StartupSignals(cancelled=unneeded)), is_ahead=True)

    def start(
        self, access: ModelEndpoint, signals: StartupSignals, deadline: float = math.inf
    ) -> WarmAgent:
        """Start an agent on the run's first base, and warm it up unless a prompt is waiting."""
        return self._start_in(self.sandboxes.open_for_agent, access, deadline, signals)

    def plan(self, access: ModelEndpoint) -> OpenCodePlan:
        """Return what every agent is started with, whatever it will work on."""
        return OpenCodePlan(
            access=access,
            instructions=INSTRUCTIONS,
            directory=self.sandboxes.base.top,
            env=self._environ,
        )

    def close(self) -> None:
        """End the agents that belong to no cluster; no other comes back."""
        self.ahead.close()
        with self._used_lock:
            self._is_closed = True
            used, self._used = self._used, []
        for warm in used:
            _close(warm)

    def _start_on_copy(
        self, request: AgentRequest, deadline: float, signals: StartupSignals
    ) -> WarmAgent:
        def open_copy(accept: AcceptHandler) -> WorkspaceSandbox:
            sandbox = self.sandboxes.open_copy_for_agent(accept, request.base, request.shown)
            self.sandboxes.note_kept("agent", sandbox, request.keep)
            return sandbox

        return self._start_in(open_copy, request.access, deadline, signals)

    def _start_in(
        self,
        open_sandbox: Callable[[AcceptHandler], WorkspaceSandbox],
        access: ModelEndpoint,
        deadline: float,
        signals: StartupSignals,
    ) -> WarmAgent:
        """Start one in its turn; once more, and alone, if there was too much else to do."""
        try:
            with self._starts.hold(timeout=self._remaining(deadline)):
                return self._launch(open_sandbox, access, deadline, signals)
        except AgentTooSlowError:
            if signals.cancelled.is_set():
                raise
            logger.info("OpenCode was too slow and is started again, alone", exc_info=True)
        with self._starts.hold(timeout=self._remaining(deadline), is_alone=True):
            return self._launch(open_sandbox, access, deadline, signals)

    def _remaining(self, deadline: float) -> float:
        return deadline - self._clock.monotonic()

    def _launch(
        self,
        open_sandbox: Callable[[AcceptHandler], WorkspaceSandbox],
        access: ModelEndpoint,
        deadline: float,
        signals: StartupSignals,
    ) -> WarmAgent:
        switch = SwitchableHandler(WarmupModel(clock=self._clock))
        sandbox = open_sandbox(switch.handle)
        agent = self._driver(sandbox.container, self.plan(access), clock=self._clock)
        try:
            agent.launch(deadline=deadline, unneeded=signals.cancelled)
            if not signals.prompt_waiting.is_set():  # else its own first prompt warms it up
                agent.warm_up(deadline=deadline, unneeded=signals.cancelled)
        except BaseException:
            agent.close()
            raise
        return WarmAgent(agent=agent, sandbox=sandbox, switch=switch)


def _close(warm: WarmAgent) -> None:
    warm.agent.close()
