"""OpenCode's configuration and environment in a sandbox: generated, complete, nobody else's.

The facts behind each line are those of OpenCode 1.18.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

AGENT: Final = "fixer"
CONTEXT_TOKENS: Final = 128_000
OUTPUT_TOKENS: Final = 16_000

# Nothing may be left at "ask": headless, that would wait for ever or stop the turn.
# The container is the fence, so what stays denied is what has no use here or costs extra.
PERMISSIONS: Final[Mapping[str, str]] = {
    "*": "allow",
    "read": "allow",
    "external_directory": "allow",
    "doom_loop": "deny",
    "question": "deny",
    "plan_enter": "deny",
    "plan_exit": "deny",
    "task": "deny",
    "skill": "deny",
    "webfetch": "deny",
    "websearch": "deny",
    "todowrite": "deny",
    # Where there is no ripgrep they would fetch one, and fail; bash has what an image has of it.
    "glob": "deny",
    "grep": "deny",
    "list": "deny",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint:
    """How OpenCode reaches the model from inside: the gateway's port and a per-run token.

    ``provider`` is the name OpenCode uses, ``npm`` the SDK package it speaks with, whatever its
    catalogue says of that name. ``is_known``: that catalogue has the model, with its limits, and
    ``facts`` is what it says, in its own form, where that was read. ``small_model`` is a second
    model that may be used; "" is ``model`` itself.
    """

    provider: str
    model: str
    base_url: str
    token: str
    npm: str = "@ai-sdk/openai-compatible"
    is_known: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    small_model: str = ""


def make_config(access: ModelEndpoint, *, instructions: str) -> dict[str, Any]:
    """The whole of OpenCode's configuration."""
    name = f"{access.provider}/{access.model}"
    return {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "share": "disabled",
        "snapshot": False,
        "lsp": False,
        "formatter": False,
        "compaction": {"auto": False},
        "enabled_providers": [access.provider],
        "model": name,
        "small_model": f"{access.provider}/{access.small_model or access.model}",
        "default_agent": AGENT,
        "permission": dict(PERMISSIONS),
        "provider": {access.provider: _provider(access)},
        "agent": {
            "title": {"disable": True},
            AGENT: {
                "mode": "primary",
                "description": "repairs failing tests",
                "prompt": instructions,
                "permission": dict(PERMISSIONS),
            },
        },
    }


def _provider(access: ModelEndpoint) -> dict[str, Any]:
    models = {access.model: _model(access.model, is_known=access.is_known)}
    if access.small_model:
        models.setdefault(access.small_model, _model(access.small_model, is_known=False))
    return {
        "npm": access.npm,
        "name": access.provider,
        # Without a variable of its own, nothing that the tests need in the environment makes
        # OpenCode speak to the provider in the special way it has for some of them.
        "env": [],
        # The gateway keeps its own, shorter limits; these only keep OpenCode from cutting in.
        "options": {
            "baseURL": access.base_url,
            "apiKey": access.token,
            "headerTimeout": 1_800_000,
            "chunkTimeout": 1_800_000,
        },
        "models": models,
    }


def _model(model: str, *, is_known: bool) -> dict[str, Any]:
    """What OpenCode is told of ``model``: what it does not know already, and no more.

    It would leave out models that its catalogue calls outdated, and send some under another id.
    """
    always = {"id": model, "status": "active"}
    if is_known:
        return always
    limit = {"context": CONTEXT_TOKENS, "output": OUTPUT_TOKENS}
    return {**always, "name": model, "tool_call": True, "limit": limit}


def make_catalogue(access: ModelEndpoint) -> bytes:
    """A catalogue with the one model that is used, in the place of OpenCode's own of thousands.

    Reading those takes it more than a second of a processor, and a hundred megabytes, at its first
    prompt. Empty where the model is known and the facts are not: OpenCode has to look for itself.
    """
    if access.is_known and not access.facts:
        return b""
    models = {access.model: dict(access.facts)} if access.facts else {}
    provider = {"id": access.provider, "name": access.provider, "env": [], "npm": access.npm}
    return json.dumps({access.provider: {**provider, "models": models}}).encode()


def make_environ(
    config: Mapping[str, Any],
    base: Mapping[str, str],
    *,
    home: str,
    has_catalogue: bool = False,
) -> dict[str, str]:
    """The environment of the OpenCode process: ``base`` and every switch that keeps it quiet.

    ``home`` holds all of OpenCode's folders; it is one per server, or its database would lock.
    ``has_catalogue``: what it gets on its standard input is its catalogue. It reads that once, and
    takes its own where there is nothing to read.
    """
    return {
        **base,
        **({"OPENCODE_MODELS_PATH": "/dev/stdin"} if has_catalogue else {}),
        "HOME": home,
        "XDG_DATA_HOME": f"{home}/.local/share",
        "XDG_CONFIG_HOME": f"{home}/.config",
        "XDG_CACHE_HOME": f"{home}/.cache",
        "XDG_STATE_HOME": f"{home}/.local/state",
        "OPENCODE_CONFIG_CONTENT": json.dumps(config),
        "OPENCODE_DISABLE_PROJECT_CONFIG": "1",
        "OPENCODE_PURE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        "OPENCODE_DISABLE_SHARE": "1",
        "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        "OPENCODE_DISABLE_EXTERNAL_SKILLS": "1",
        "OPENCODE_DISABLE_CLAUDE_CODE": "1",
        "OPENCODE_DISABLE_AUTOCOMPACT": "1",
        "OPENCODE_EXPERIMENTAL_DISABLE_FILEWATCHER": "1",
        "OPENCODE_EXPERIMENTAL_BASH_DEFAULT_TIMEOUT_MS": "600000",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def session_rules(locked: Sequence[str]) -> list[dict[str, str]]:
    """The rules given with the session, which no file of the repository can undo.

    ``locked`` are patterns of paths that the agent's edit tools may not write. Only a courtesy to
    the model: the policy drops such changes whatever wrote them.
    """
    rules = [
        {"permission": name, "pattern": "*", "action": action}
        for name, action in PERMISSIONS.items()
    ]
    return rules + [
        {"permission": "edit", "pattern": pattern, "action": "deny"} for pattern in locked
    ]
