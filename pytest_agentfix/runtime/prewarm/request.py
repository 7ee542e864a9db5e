"""What the stand-by is asked for. Nothing heavy in here: it is needed between two tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import Failure, Invocation
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.sandbox.environments import Environment

WORK: Final = "pytest_agentfix.runtime.prewarm.worker:get_ready"
OPENCODE: Final = "opencode"  # the names of what is handed over
BASE: Final = "base"
AGENT: Final = "agent"
BEFORE: Final = "before"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrewarmRequest:
    """What the stand-by has to know; ``upstream`` comes without its key.

    ``scratch`` is the session's folder, ``failures`` are those so far.
    """

    settings: Settings
    invocation: Invocation
    environment: Environment
    upstream: Upstream
    token: str
    top: Path
    scratch: Path
    cache: Path
    failures: tuple[Failure, ...]


def strip_key(upstream: Upstream) -> Upstream:
    """``upstream`` as the stand-by may know it."""
    return replace(upstream, key="", key_command=())
