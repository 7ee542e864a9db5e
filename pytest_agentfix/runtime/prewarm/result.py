"""The results of the background process, sorted by kind."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.runtime.agent_pool import ReadyAgent
from pytest_agentfix.runtime.background.handover import Handover, HandoverItem, close_all
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode
from pytest_agentfix.runtime.prewarm.request import AGENT, BASE, BASELINE, OPENCODE
from pytest_agentfix.runtime.prewarm.worker import KnownBaseline
from pytest_agentfix.runtime.sandbox_factory import is_agent_file
from pytest_agentfix.sandbox.workspace import Base, BaseRecord


@dataclass(slots=True, kw_only=True)
class PrewarmResult:
    """Everything that was prepared, each part optional. ``descriptor`` is the agent's pipe."""

    opencode: FoundOpenCode | None = None
    base: Base | None = None
    agent: ReadyAgent | None = None
    descriptor: int = -1
    baseline: KnownBaseline | None = None

    def drop_sandboxes(self) -> None:
        """Drop what was made in sandboxes that are not as they have to be now."""
        self.drop_agent()
        self.baseline = None

    def drop_agent(self) -> None:
        """End the agent: its sandbox ends with its pipe."""
        if self.agent is not None:
            close_all([self.descriptor])
        self.agent, self.descriptor = None, -1


def unpack(handover: Handover | None) -> PrewarmResult:
    """Sort what was handed over by its kind; ``None`` is nothing."""
    if handover is None:
        return PrewarmResult()
    result = PrewarmResult()
    for name in (OPENCODE, BASE, AGENT, BASELINE):
        item = handover.take(name)
        if item is not None:
            _store(result, item)
    handover.close()
    return result


def _store(result: PrewarmResult, item: HandoverItem) -> None:
    facts = item.facts
    if isinstance(facts, FoundOpenCode):
        result.opencode = facts
    elif isinstance(facts, BaseRecord):
        result.base = Base.from_record(facts, is_hidden=is_agent_file, snapshot=make_snapshot)
    elif isinstance(facts, KnownBaseline):
        result.baseline = facts
    elif isinstance(facts, ReadyAgent) and len(item.descriptors) == 1:
        result.agent, [result.descriptor] = facts, item.descriptors
    else:
        close_all(item.descriptors)
