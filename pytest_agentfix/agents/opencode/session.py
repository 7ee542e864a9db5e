"""The frame of an agent session, the same for every release of OpenCode."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import ClassVar

from pytest_agentfix.agents.opencode.launch import OpenCodePlan
from pytest_agentfix.core.model import Collected, Turn, TurnEnd
from pytest_agentfix.core.ports import Clock, ModelAccess, Sandbox


class OpenCodeSession(ABC):
    """One session in one sandbox. Implements ``ports.Agent``.

    Drivers add ``launch`` and ``warm_up``, which do not depend on the repair, and ``begin``, which
    comes before the first prompt and sets the model access. Where one ``can_start_over``, another
    ``begin`` may come after ``forget`` and ``resume``.
    """

    can_start_over: ClassVar[bool] = False

    def __init__(self, sandbox: Sandbox, plan: OpenCodePlan, *, clock: Clock) -> None:
        self._sandbox = sandbox
        self._plan = plan
        self._clock = clock
        self._model_access: ModelAccess | None = None
        self._session = ""

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """Send one prompt and watch until the turn ends or ``deadline`` passes."""
        model_access = self._model_access
        assert model_access is not None, "begin comes first"
        model_access.begin(deadline=deadline)
        before = model_access.requests()
        turn = self._take_turn(text, model_access, before, deadline)
        trouble = model_access.trouble()
        if trouble is not None and turn.end is not TurnEnd.DEADLINE:
            raise trouble
        return replace(turn, requests=model_access.requests() - before)

    @abstractmethod
    def _take_turn(
        self, text: str, model_access: ModelAccess, before: int, deadline: float
    ) -> Turn:
        """Return the turn but for its requests; ``before`` are those made earlier."""

    def collect(self) -> Collected:
        """Return the differences between the agent's workspace and the base."""
        return self._sandbox.collect()

    @property
    def folders(self) -> tuple[str, ...]:
        """Temporary folders that it needs; what is in them it can do without."""
        return ()

    def forget(self) -> None:
        """Drop the session and all that is kept of it; raises ``AgentUnavailableError``.

        From then on nothing reads the tree, until ``resume``.
        """
        self._session, self._model_access = "", None

    def resume(self) -> None:  # noqa: B027 - there may be nothing to do
        """Look at the tree anew; raises ``AgentUnavailableError``."""

    def close(self) -> None:
        """End the session with its sandbox; calling it twice is fine."""
        self._sandbox.close()
