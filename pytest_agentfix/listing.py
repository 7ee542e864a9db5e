"""Which files make up the base."""

from __future__ import annotations

from pytest_agentfix.repository import Repository
from pytest_agentfix.settings import Settings


def list_base_files(repository: Repository, settings: Settings) -> list[str]:
    """The tree as the tests saw it. A run's own cassette is no part: a replay would see another."""
    cassettes = {
        path.relative_to(repository.top).as_posix()
        for path in (settings.record, settings.replay)
        if path is not None and path.is_relative_to(repository.top)
    }
    files = repository.list_files(settings.include)
    return [path for path in files if path not in cassettes]
