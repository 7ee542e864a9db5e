"""The request to the background process. Nothing heavy in here: it is made between two tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import Failure, Invocation
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.sandbox.environments import Environment

WORK: Final = "pytest_agentfix.runtime.prewarm.worker:prewarm"  # too heavy to import here
OPENCODE: Final = "opencode"  # the names of what is handed over
BASE: Final = "base"
AGENT: Final = "agent"
BASELINE: Final = "baseline"


@dataclass(frozen=True, slots=True, kw_only=True)
class PrewarmRequest:
    """Everything the background process has to know; ``upstream`` comes without its key.

    ``scratch`` is the session's folder, ``failures`` are those so far, ``imported`` the absolute
    paths of files that the user's run has imported by then.
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
    imported: tuple[str, ...] = ()


def strip_key(upstream: Upstream) -> Upstream:
    """Return ``upstream`` as the background process may know it."""
    return replace(upstream, key="", key_command=())
