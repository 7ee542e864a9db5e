"""Cleans up after sessions: one's own at its end, and those of this user that died."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.overlay_cleanup import clean_up_overlays
from pytest_agentfix.sandbox.scratch import is_alive, owner_name, sweep

# Settles what a dead session had begun outside its folder, which it is given; never raises.
Settle = Callable[[Path], None]


def end_session(engine: Engine, root: Path, session: str) -> None:
    """Remove every container of ``session``, whose folder is below ``root``; never raises.

    What is in the folder can be removed after that.
    """
    owner = owner_name(root)
    with contextlib.suppress(AgentFixError, OSError):
        for container in engine.sessions(owner).get(session, ()):
            engine.remove(container)
        for volume in engine.volumes(owner).get(session, ()):
            engine.remove_volume(volume)
        clean_up_overlays(engine, root / session)


def sweep_dead(engine: Engine, root: Path, *, settle: Settle) -> int:
    """Clean up after sessions of this user that died; return their number."""
    swept = set(sweep(root, partial(_clear_dead, engine, root, settle)))
    owner = owner_name(root)
    for session in {**engine.sessions(owner), **engine.volumes(owner)}:
        if not is_alive(root, session):
            end_session(engine, root, session)
            swept.add(session)
    return len(swept)


def _clear_dead(engine: Engine, root: Path, settle: Settle, session: str) -> None:
    settle(root / session)
    end_session(engine, root, session)
