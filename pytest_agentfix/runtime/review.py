"""Second opinions from a model: a session without tools in a sandbox of its own for each."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.events import TEXT_LIMIT
from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.model import ChangeSet, Cluster, Evidence, HoldOut, ReadBase, Turn
from pytest_agentfix.core.ports import Clock
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.repair.opinion import no_opinion, read_opinion
from pytest_agentfix.repair.prompts.review import review_prompt
from pytest_agentfix.runtime.agent_pool import AgentPool

REVIEW_LIMIT: Final = 300.0  # seconds for one opinion, the start of its session included

OpenGateway = Callable[[], tuple[ModelGateway, ModelEndpoint]]


@dataclass(slots=True, kw_only=True)
class ModelReviewer:
    """The reviewer of one cluster. Implements ``ports.Reviewer``.

    ``open_gateway`` opens the way to ``model`` (PROVIDER/MODEL) when it is first needed; from then
    on ``gateway`` counts what the opinions took. ``top`` is the repository's.
    """

    model: str
    open_gateway: OpenGateway
    agent_pool: AgentPool
    top: Path
    clock: Clock
    keep: Callable[[str], None]
    gateway: ModelGateway | None = None
    _access: ModelEndpoint | None = field(default=None, repr=False)

    def review(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        *,
        hold_out: HoldOut,
        read_base: ReadBase,
        deadline: float,
    ) -> Evidence:
        """Ask a new session; whatever goes wrong with it is no opinion."""
        prompt = review_prompt(
            cluster, changes, top=self.top, read_base=read_base, hold_out=hold_out
        )
        until = min(deadline, self.clock.monotonic() + REVIEW_LIMIT)
        try:
            turn = self._ask(prompt, until)
        except (AgentFixError, TimeoutError) as trouble:
            return no_opinion(str(trouble))
        return read_opinion(turn, self.model)

    def _ask(self, prompt: str, deadline: float) -> Turn:
        if self.gateway is None:
            self.gateway, self._access = self.open_gateway()
        assert self._access is not None
        agent = self.agent_pool.open_reviewer(
            self._access, self.gateway, deadline=deadline, keep=self.keep
        )
        with closing(agent):
            turn = agent.prompt(prompt, deadline=deadline)
        # Of a longer text only the end was kept, and the word that counts is at the beginning.
        return turn if len(turn.text) < TEXT_LIMIT else replace(turn, text="")
