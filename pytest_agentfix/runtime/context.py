"""The context of a run: checked before the first test, used when something failed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.model import Cluster, ClusterResult, Failure, Fix, Invocation
from pytest_agentfix.core.ports import Extensions
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.probe import Probe
from pytest_agentfix.repository import Repository
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import Environment

if TYPE_CHECKING:
    from pytest_agentfix.gateway.cassettes import Replay


class NoExtensions:
    """Implements ``ports.Extensions`` where no plugin can be asked: nobody has an opinion."""

    def cluster(self, failures: Sequence[Failure]) -> None:
        """Leave it to the clusters of this package."""

    def prompt_notes(self, cluster: Cluster, prompt: str) -> tuple[str, ...]:  # noqa: ARG002
        """Add nothing."""
        return ()

    def is_open(self, path: str, cluster: Cluster) -> None:
        """Leave it to the policy."""

    def commit_message(self, fix: Fix, message: str) -> None:
        """Keep ``message``."""

    def tell_verdict(self, result: ClusterResult) -> None:
        """Tell nobody."""


# The model of the settings, or the one that a marker or the review names.
ChooseModel = Callable[[Settings, "str | None"], Upstream]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Everything that was checked before the first test ran."""

    settings: Settings
    extensions: Extensions = field(default_factory=NoExtensions)
    probes: Sequence[Probe] = ()
    invocation: Invocation
    repository: Repository
    engine: Engine
    environment: Environment
    upstream: Upstream
    review: Upstream | None = None  # for second opinions, if that is another model
    choose_upstream: ChooseModel
    find_opencode: Callable[[], OpenCodeBinary]  # fetched if need be
    find_local_opencode: Callable[[], OpenCodeBinary] | None = None  # the same, without fetching
    scratch_root: Path
    cache: Path  # the user's cache folder for this package
    patch_folder: Path
    replay: Replay | None = None
