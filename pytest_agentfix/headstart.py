"""The pytest process's side of what is made ready while the suite still runs."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.crew import ReadyAgent
from pytest_agentfix.model import Failure
from pytest_agentfix.readying import (
    AGENT,
    BASE,
    BEFORE,
    OPENCODE,
    WORK,
    FoundOpenCode,
    KnownBefore,
    Wanted,
    strip_key,
)
from pytest_agentfix.repository import make_snapshot
from pytest_agentfix.sandbox.scratch import Scratch
from pytest_agentfix.sandboxes import is_agent_file
from pytest_agentfix.setup import Setup
from pytest_agentfix.standby.client import StandBy
from pytest_agentfix.standby.orders import HandedOver, Item, Order, close_all
from pytest_agentfix.workspace import Base, BaseRecord

logger = logging.getLogger(__name__)

PATIENCE: Final = 60.0  # seconds for what is under way; made anew, it would take no less


@dataclass(slots=True, kw_only=True)
class Ready:
    """What was made ready; all of it may be missing. ``descriptor`` is the agent's pipe."""

    opencode: FoundOpenCode | None = None
    base: Base | None = None
    agent: ReadyAgent | None = None
    descriptor: int = -1
    before: KnownBefore | None = None

    def drop_agent(self) -> None:
        """End the agent: its sandbox ends with its pipe."""
        if self.agent is not None:
            close_all([self.descriptor])
        self.agent, self.descriptor = None, -1


class HeadStart:
    """A stand-by process at work for one run."""

    def __init__(self, standby: StandBy) -> None:
        self._standby = standby

    @classmethod
    def begin(
        cls, setup: Setup, scratch: Scratch, *, token: str, failures: Sequence[Failure]
    ) -> HeadStart | None:
        """Start one, if it can be started; costs some milliseconds and never raises."""
        wanted = Wanted(
            settings=setup.settings,
            invocation=setup.invocation,
            environment=setup.environment,
            upstream=strip_key(setup.upstream),
            token=token,
            top=setup.repository.top,
            scratch=scratch.path,
            cache=setup.cache,
            failures=tuple(failures),
        )
        order = Order(work=WORK, facts=wanted)
        standby = StandBy.spawn(order, folder=scratch.folder("standby"))
        return None if standby is None else cls(standby)

    def collect(self) -> Ready:
        """Take what is ready, and wait for what is under way; the stand-by ends by itself."""
        names = (OPENCODE, BASE, AGENT, BEFORE)
        handed = self._standby.collect(PATIENCE, wait_for=names)
        return Ready() if handed is None else _sort_out(handed)

    def close(self) -> None:
        """End the stand-by; twice is fine."""
        self._standby.close()


def _sort_out(handed: HandedOver) -> Ready:
    ready = Ready()
    for name in (OPENCODE, BASE, AGENT, BEFORE):
        item = handed.take(name)
        if item is not None:
            _put(ready, item)
    handed.close()
    return ready


def _put(ready: Ready, item: Item) -> None:
    facts = item.facts
    if isinstance(facts, FoundOpenCode):
        ready.opencode = facts
    elif isinstance(facts, BaseRecord):
        ready.base = Base.from_record(facts, is_hidden=is_agent_file, snapshot=make_snapshot)
    elif isinstance(facts, KnownBefore):
        ready.before = facts
    elif isinstance(facts, ReadyAgent) and len(item.descriptors) == 1:
        ready.agent, [ready.descriptor] = facts, item.descriptors
    else:
        close_all(item.descriptors)
