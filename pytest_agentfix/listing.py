"""Which files make up the base, and how it is laid out."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.repository import Repository, make_snapshot
from pytest_agentfix.sandbox.environment import Environment
from pytest_agentfix.sandbox.workspace import Base
from pytest_agentfix.sandboxes import is_agent_file


def list_base_files(repository: Repository, settings: Settings) -> list[str]:
    """The tree as the tests saw it. A run's own cassette is no part: a replay would see another."""
    cassettes = {
        path.relative_to(repository.top).as_posix()
        for path in (settings.record, settings.replay)
        if path is not None and path.is_relative_to(repository.top)
    }
    files = repository.list_files(settings.include)
    return [path for path in files if path not in cassettes]


def lay_out_base(
    repository: Repository, settings: Settings, environment: Environment, folder: Path
) -> Base:
    """Lay the base out in ``folder``, for the sandboxes' user; raises ``WorkspaceError``."""
    return Base.lay_out(
        top=repository.top,
        files=list_base_files(repository, settings),
        folder=folder,
        owner=None if os.getuid() else environment.user,
        is_hidden=is_agent_file,
        snapshot=make_snapshot,
    )
