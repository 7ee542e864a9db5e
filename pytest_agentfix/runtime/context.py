"""What a run has been given: checked before the first test, used when something failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_agentfix.core.model import Invocation
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.repository import Repository
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import Environment

if TYPE_CHECKING:
    from pytest_agentfix.gateway.cassettes import Replay


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """What was found to be in order before the first test ran."""

    settings: Settings
    invocation: Invocation
    repository: Repository
    engine: Engine
    environment: Environment
    upstream: Upstream
    choose_upstream: Callable[[str], Upstream]  # for a marker's model=
    find_opencode: Callable[[], Path]  # fetched if need be
    find_local_opencode: Callable[[], Path] | None = None  # the same, of what is here already
    scratch_root: Path
    cache: Path  # the user's cache folder for this package
    patch_folder: Path
    replay: Replay | None = None
