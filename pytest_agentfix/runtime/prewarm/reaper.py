"""Clears up at once after a pytest that is killed while it repairs.

Containers end by themselves when their pipe closes, but one that was made and not started yet has
no pipe, and nothing else removes the scratch folder. So a process that does nothing else outlives
pytest for a moment. It is a background process (``runtime/background/``): it knows no key, is out
of the terminal's reach, and ends with pytest. If it is killed too, the next run's sweep does the
same.
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

# Seconds between two looks: the engine may still be at work on what it was last asked for.
PAUSES: Final = (0.0, 0.5, 1.5, 4.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaperTarget:
    """The session whose containers and scratch folder have to go."""

    root: Path
    name: str


def start_reaper(scratch: Scratch) -> BackgroundProcess | None:
    """Start the process; its ``close`` ends it. ``None`` when it cannot be started."""
    job = Job(
        work=f"{__name__}:{reap_when_parent_dies.__name__}",
        facts=ReaperTarget(root=scratch.root, name=scratch.session),
    )
    return BackgroundProcess.spawn(job, folder=scratch.folder("reaper"))


def reap_when_parent_dies(facts: object, outbox: Outbox) -> None:
    """Have everything of the session removed if pytest dies."""
    assert isinstance(facts, ReaperTarget)
    outbox.on_parent_death(partial(_clear_up, facts))


def _clear_up(target: ReaperTarget) -> None:
    # Imported here because this hardly ever runs.
    from pytest_agentfix.repository.landing_journal import settle_landings  # noqa: PLC0415
    from pytest_agentfix.sandbox.cleanup import end_session, sweep_session  # noqa: PLC0415
    from pytest_agentfix.sandbox.engine import Engine  # noqa: PLC0415

    engine = Engine.connect()
    for pause in PAUSES:
        time.sleep(pause)
        end_session(engine, target.root, target.name)
    sweep_session(engine, target.root, target.name, settle=settle_landings)
