"""Clearing up after sessions: one's own at its end, and those of this user that died."""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

from pytest_agentfix.errors import AgentFixError
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import is_alive, owner_name, sweep


def end_session(engine: Engine, root: Path, session: str) -> None:
    """Remove every container of ``session``, whose folder is below ``root``; never raises."""
    with contextlib.suppress(AgentFixError):
        for container in engine.sessions(owner_name(root)).get(session, ()):
            engine.remove(container)


def sweep_dead(engine: Engine, root: Path) -> int:
    """Clear up after sessions of this user that died; returns how many there were."""
    swept = set(sweep(root, partial(end_session, engine, root)))
    for session, containers in engine.sessions(owner_name(root)).items():
        if not is_alive(root, session):
            for container in containers:
                engine.remove(container)
            swept.add(session)
    return len(swept)
