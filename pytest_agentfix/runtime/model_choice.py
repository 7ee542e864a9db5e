"""Chooses the model in pytest's process, which alone knows the keys before the repair begins."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.choosing import choose_upstream
from pytest_agentfix.gateway.providers.opencode_settings import find_variables
from pytest_agentfix.gateway.providers.registry import PROVIDERS
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateway.secret_discovery import find_secrets
from pytest_agentfix.runtime.user_folders import user_home

# Variables of what checks the set-up (git, npm, the engine), which cannot work without them.
_OF_TOOLS: Final = re.compile(r"(git|npm|docker)_|.*_proxy$", re.IGNORECASE)


def choose_model(settings: Settings, model: str | None, environ: Mapping[str, str]) -> Upstream:
    """Choose the model; ``model``, from a marker or for reviews, beats the settings' one.

    Raises ``SetupError``, also where sandboxes would get the provider's key under some name.
    """
    upstream = choose_upstream(settings, environ=environ, home=user_home(), model=model)
    for name in settings.env:
        value = environ.get(name, "").strip()
        if name in upstream.row.key_names or (upstream.key and value == upstream.key):
            raise SettingError(
                f"agent_fix_env names {name}, which is for {upstream.provider}'s key: keys never"
                " enter a sandbox.",
                "Leave it out of agent_fix_env.",
            )
    return upstream


def strip_key(upstream: Upstream) -> Upstream:
    """Return ``upstream`` as the repair process may know it before the repair begins."""
    return replace(upstream, key="", key_command=())


def find_withheld(settings: Settings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that may hold a key, or another secret, by name or by form."""
    key_names = {name for row in PROVIDERS for name in row.key_names} | {settings.api_key_env}
    key_names |= find_variables(environ=environ, home=user_home())
    return {
        name: value
        for name, value in environ.items()
        if name in key_names or (not _OF_TOOLS.match(name) and find_secrets({name: value}))
    }
