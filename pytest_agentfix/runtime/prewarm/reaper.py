"""Clearing up after a pytest that is killed while it repairs, at once and not by some later run.

Containers end by themselves when their pipe closes, but one that was made and not started yet has
no pipe, and nobody else takes a scratch folder away. So a process that does nothing else outlives
pytest for a moment. It is a background process (``runtime/background/``): told no key, out of the
terminal's reach, gone as soon as pytest is done. Where it was killed too, the next run's sweep does
the same.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pytest_agentfix.runtime.background.client import BackgroundProcess
from pytest_agentfix.runtime.background.handover import Job
from pytest_agentfix.runtime.background.outbox import Outbox
from pytest_agentfix.sandbox.scratch import Scratch

WORK: Final = "pytest_agentfix.runtime.prewarm.reaper:wait_for_a_loss"
# Seconds between two looks: the engine may still be at work on what it was last asked for.
PAUSES: Final = (0.0, 0.5, 1.5, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaperTarget:
    """Whose traces are to go."""

    root: Path
    name: str


def begin_aftercare(scratch: Scratch) -> BackgroundProcess | None:
    """Start the process; its ``close`` ends it. ``None`` when it cannot be started."""
    facts = ReaperTarget(root=scratch.root, name=scratch.session)
    return BackgroundProcess.spawn(Job(work=WORK, facts=facts), folder=scratch.folder("aftercare"))


def wait_for_a_loss(facts: object, desk: Outbox) -> None:
    """Have the session cleared up after if pytest dies."""
    assert isinstance(facts, ReaperTarget)
    desk.at_loss(partial(_clear_up, facts))


def _clear_up(session: ReaperTarget) -> None:
    # Loaded when it comes to that, which it hardly ever does.
    from pytest_agentfix.sandbox.cleanup import end_session, sweep_session  # noqa: PLC0415
    from pytest_agentfix.sandbox.engine import Engine  # noqa: PLC0415

    engine = Engine.connect()
    for pause in PAUSES:
        time.sleep(pause)
        end_session(engine, session.root, session.name)
    sweep_session(engine, session.root, session.name)
