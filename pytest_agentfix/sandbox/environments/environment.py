"""The protocol of a kind of environment, and the environment that it prepares."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.engine import Engine

# User and group in a sandbox where the host's user is root: outside every range that systems
# give to people and services, so that nobody on the host is the same user.
UNPRIVILEGED: Final = 60_911
HOME: Final = "/tmp/home"  # noqa: S108 - inside the sandbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An environment ready to make sandboxes of.

    ``python`` is the path or name of its interpreter, ``read_only`` maps paths of the host to where
    the sandbox sees them, and ``env`` holds the variables that every command gets.
    """

    kind: str
    image: str
    python: str
    user: tuple[int, int]
    read_only: Mapping[Path, Path] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)

    def mounts_inside(self, top: Path) -> tuple[str, ...]:
        """Return the read-only mounts inside the repository (a virtual environment), relative."""
        inside = [path for path in self.read_only.values() if path.is_relative_to(top)]
        return tuple(str(path.relative_to(top)) for path in inside)


class EnvironmentKind(Protocol):
    """One kind of environment, as ``--agent-fix-environment`` names it."""

    def is_implied(self, settings: Settings) -> bool:
        """Return whether ``auto`` means this kind, because of other settings."""
        ...

    def find_obstacle(self, engine: Engine, *, top: Path) -> str:
        """Return why this kind cannot work here ("it needs Linux"), or "" where it can."""
        ...

    def prepare(self, settings: Settings, engine: Engine, *, top: Path) -> Environment:
        """Make or find the image and return the environment for the repository at ``top``.

        Raises ``EnvironmentUnavailableError`` or ``SandboxError``.
        """
        ...


def sandbox_user() -> tuple[int, int]:
    """Return the user and group of sandboxes: those of this process, but never root."""
    return (os.getuid(), os.getgid()) if os.getuid() else (UNPRIVILEGED, UNPRIVILEGED)
