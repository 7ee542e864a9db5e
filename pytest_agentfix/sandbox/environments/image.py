"""The environment ``image``: an image of the user's own."""

from __future__ import annotations

from pathlib import Path

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments.environment import HOME, Environment, sandbox_user


class ImageEnvironment:
    """The image that ``--agent-fix-image`` names, with the Python and the packages in it."""

    def is_implied(self, settings: Settings) -> bool:
        """Return whether an image is named."""
        return bool(settings.image)

    def find_obstacle(self, engine: Engine, *, top: Path) -> str:  # noqa: ARG002 - one for all
        """Return "": any engine can run an image that it holds."""
        return ""

    def prepare(
        self,
        settings: Settings,
        engine: Engine,
        *,
        top: Path,  # noqa: ARG002 - one for all kinds
    ) -> Environment:
        """Return the environment of an image that is there; nothing is pulled."""
        name = settings.image or ""
        env = engine.image_environment(name)
        env.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
        return Environment(
            kind="image",
            image=name,
            python="python3",
            user=sandbox_user(),
            env={**env, "HOME": HOME, "LANG": env.get("LANG", "C.UTF-8")},
        )
