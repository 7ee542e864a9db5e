"""The content of sandboxes: interpreter, packages, tools. Each kind is a file and a row of a table.

The names are in ``core/options.py`` too, for pytest's help.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import EnvironmentUnavailableError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments.environment import (
    Environment,
    EnvironmentKind,
    sandbox_user,
)
from pytest_agentfix.sandbox.environments.image import ImageEnvironment
from pytest_agentfix.sandbox.environments.mirror import (
    MirrorEnvironment,
    add_imported,
    list_left_out,
)

__all__ = [
    "KINDS",
    "Environment",
    "EnvironmentKind",
    "add_imported",
    "choose_environment",
    "list_left_out",
    "sandbox_user",
]

KINDS: Final[Mapping[str, EnvironmentKind]] = {
    "mirror": MirrorEnvironment(),
    "image": ImageEnvironment(),
}
_DEFAULT: Final = "mirror"
_NEXT_STEP: Final = (
    "Give --agent-fix-image an image that holds Python and the packages of the tests."
)


def choose_environment(
    settings: Settings,
    engine: Engine,
    *,
    top: Path,
    further: Mapping[str, EnvironmentKind] | None = None,
) -> Environment:
    """Prepare the environment that ``settings`` ask for, of ours or of the ``further`` kinds.

    Raises ``EnvironmentUnavailableError`` or ``SandboxError``.
    """
    kinds = {**KINDS, **(further or {})}
    name = settings.environment
    if name == "auto":
        name = next((name for name in kinds if kinds[name].is_implied(settings)), _DEFAULT)
    if name not in kinds:
        raise EnvironmentUnavailableError(
            f"There is no environment {name!r}.",
            f"Choose one of {', '.join(kinds)} with --agent-fix-environment.",
        )
    obstacle = kinds[name].find_obstacle(engine, top=top)
    if obstacle:
        raise EnvironmentUnavailableError(
            f"The environment {name!r} cannot work here: {obstacle}.", _NEXT_STEP
        )
    return kinds[name].prepare(settings, engine, top=top)
