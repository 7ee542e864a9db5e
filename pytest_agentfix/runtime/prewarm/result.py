"""What the stand-by has made ready, told apart."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.runtime.agent_pool import ReadyAgent
from pytest_agentfix.runtime.background.handover import Handover, HandoverItem, close_all
from pytest_agentfix.runtime.opencode_lookup import FoundOpenCode
from pytest_agentfix.runtime.prewarm.request import AGENT, BASE, BEFORE, OPENCODE
from pytest_agentfix.runtime.prewarm.worker import KnownBaseline
from pytest_agentfix.runtime.sandbox_factory import is_agent_file
from pytest_agentfix.sandbox.workspace import Base, BaseRecord


@dataclass(slots=True, kw_only=True)
class PrewarmResult:
    """What was made ready; all of it may be missing. ``descriptor`` is the agent's pipe."""

    opencode: FoundOpenCode | None = None
    base: Base | None = None
    agent: ReadyAgent | None = None
    descriptor: int = -1
    before: KnownBaseline | None = None

    def drop_agent(self) -> None:
        """End the agent: its sandbox ends with its pipe."""
        if self.agent is not None:
            close_all([self.descriptor])
        self.agent, self.descriptor = None, -1


def sort_out(handed: Handover | None) -> PrewarmResult:
    """Tell apart what was handed over; ``None`` is nothing."""
    if handed is None:
        return PrewarmResult()
    ready = PrewarmResult()
    for name in (OPENCODE, BASE, AGENT, BEFORE):
        item = handed.take(name)
        if item is not None:
            _put(ready, item)
    handed.close()
    return ready


def _put(ready: PrewarmResult, item: HandoverItem) -> None:
    facts = item.facts
    if isinstance(facts, FoundOpenCode):
        ready.opencode = facts
    elif isinstance(facts, BaseRecord):
        ready.base = Base.from_record(facts, is_hidden=is_agent_file, snapshot=make_snapshot)
    elif isinstance(facts, KnownBaseline):
        ready.before = facts
    elif isinstance(facts, ReadyAgent) and len(item.descriptors) == 1:
        ready.agent, [ready.descriptor] = facts, item.descriptors
    else:
        close_all(item.descriptors)
