"""The files that the base is copied of: what git knows, and what else the user's run used."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.repository import (
    Repository,
    choose_imported,
    copy_history,
    find_below,
    make_snapshot,
)
from pytest_agentfix.runtime.sandbox_factory import is_agent_file
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.sandbox.workspace import Base
from pytest_agentfix.sandbox.workspace.files import give_to


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseFiles:
    """Paths relative to the repository's top; ``ignored`` are those of them that git ignores.

    ``notices`` are one-line remarks about ignored files that come along, and those that do not.
    """

    files: tuple[str, ...]
    ignored: frozenset[str] = frozenset()
    notices: tuple[str, ...] = ()


def list_base_files(
    repository: Repository, settings: Settings, imported: Sequence[str]
) -> BaseFiles:
    """List the tree as the tests saw it, without a cassette: a replay would see another one.

    ``imported`` are absolute paths of files that the user's run imported: those that git ignores
    come along, but for what may hold secrets.
    """
    cassettes = {
        path.relative_to(repository.top).as_posix()
        for path in (settings.record, settings.replay)
        if path is not None and path.is_relative_to(repository.top)
    }
    tree = repository.list_tree(settings.include, find_below(repository.top, imported))
    chosen = choose_imported(repository.top, tree.imported)
    files = (path for path in (*tree.files, *chosen.paths) if path not in cassettes)
    return BaseFiles(
        files=tuple(sorted(files)),
        ignored=tree.included.union(chosen.paths),
        notices=chosen.notices,
    )


def make_history(
    repository: Repository, settings: Settings, base: Base, folder: Callable[[str], Path]
) -> Path | None:
    """Copy the repository's history for the judge's sandboxes, if they are to have it.

    ``folder`` makes a new folder. Raises ``WorkspaceError`` or ``DiskFullError``.
    """
    if settings.repository_history != "judge":
        return None
    history = copy_history(repository, folder("history"), work_tree=base.place.plain)
    if base.place.owner is not None:
        give_to(history, base.place.owner)
    return history


def copy_base(top: Path, files: BaseFiles, environment: Environment, folder: Path) -> Base:
    """Copy ``files`` into ``folder``, for the sandboxes' user; raises ``WorkspaceError``."""
    return Base.create(
        top=top,
        files=files.files,
        folder=folder,
        owner=None if os.getuid() else environment.user,
        is_hidden=is_agent_file,
        snapshot=make_snapshot,
    )
