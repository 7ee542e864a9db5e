"""Generates the whole configuration and environment of OpenCode in a sandbox.

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

# Nothing may be left at "ask": without a user, that would wait for ever or stop the turn.
# The sandbox is the protection; only what is useless here or costs extra is denied.
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
    # Without ripgrep they would try to fetch it, and fail; bash can use what the image has.
    "glob": "deny",
    "grep": "deny",
    "list": "deny",
}

# For an agent that only answers.
NO_PERMISSIONS: Final[Mapping[str, str]] = dict.fromkeys(PERMISSIONS, "deny")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEndpoint:
    """The model as OpenCode reaches it from inside: the gateway's port and a per-run token.

    ``provider`` is the name that OpenCode uses, ``npm`` the SDK package it uses for it, whatever
    its catalogue says. ``is_known``: the catalogue has the model with its limits; ``facts`` is its
    entry there in the catalogue's own form, if it was read. ``small_model`` is a second model that
    may be used; "" means ``model`` itself.
    """

    provider: str
    model: str
    base_url: str
    token: str
    npm: str = "@ai-sdk/openai-compatible"
    is_known: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict, hash=False)
    small_model: str = ""


def make_config(
    access: ModelEndpoint, *, instructions: str, has_tools: bool = True
) -> dict[str, Any]:
    """Return OpenCode's whole configuration; without ``has_tools`` the agent can only answer."""
    permissions = PERMISSIONS if has_tools else NO_PERMISSIONS
    tools = {} if has_tools else {"tools": {"*": False}}
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
        "permission": dict(permissions),
        **tools,
        "provider": {access.provider: _provider(access)},
        "agent": {
            "title": {"disable": True},
            AGENT: {
                "mode": "primary",
                "description": "repairs failing tests",
                "prompt": instructions,
                "permission": dict(permissions),
                **tools,
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
        # Without variables of its own, no variable that the tests need makes OpenCode use the
        # special handling that it has for some providers.
        "env": [],
        # The gateway has its own, shorter limits; these only keep OpenCode from interfering.
        "options": {
            "baseURL": access.base_url,
            "apiKey": access.token,
            "headerTimeout": 1_800_000,
            "chunkTimeout": 1_800_000,
        },
        "models": models,
    }


def _model(model: str, *, is_known: bool) -> dict[str, Any]:
    """Return the entry of ``model`` with no more than OpenCode does not know already.

    Left alone, it drops models that its catalogue calls outdated, and renames some.
    """
    always = {"id": model, "status": "active"}
    if is_known:
        return always
    limit = {"context": CONTEXT_TOKENS, "output": OUTPUT_TOKENS}
    return {**always, "name": model, "tool_call": True, "limit": limit}


def make_catalogue(access: ModelEndpoint) -> bytes:
    """Return a catalogue of the one model used, in place of OpenCode's own of thousands.

    Reading those costs it more than a second of a processor and a hundred megabytes at its first
    prompt. The result is empty if the model is known but not its facts: OpenCode has to read its
    own catalogue then.
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
    """Return the environment of the OpenCode process: ``base`` and every switch to keep it quiet.

    ``home`` holds all of OpenCode's folders; each server has its own. Its database is in memory:
    what one session was told is in no file that the next one could read.
    ``has_catalogue``: the catalogue comes on standard input. OpenCode reads it once, and uses its
    own if there is nothing to read.
    """
    return {
        **base,
        **({"OPENCODE_MODELS_PATH": "/dev/stdin"} if has_catalogue else {}),
        "HOME": home,
        "XDG_DATA_HOME": f"{home}/.local/share",
        "XDG_CONFIG_HOME": f"{home}/.config",
        "XDG_CACHE_HOME": f"{home}/.cache",
        "XDG_STATE_HOME": f"{home}/.local/state",
        "OPENCODE_DB": ":memory:",
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


def list_folders(home: str) -> tuple[str, ...]:
    """Return the folders that OpenCode makes once, when it starts, and takes for granted."""
    data = f"{home}/.local/share/opencode"
    return (
        "/tmp/opencode",  # noqa: S108 - inside the sandbox
        f"{data}/log",
        f"{data}/repos",
        f"{home}/.config/opencode",
        f"{home}/.cache/opencode/bin",
        f"{home}/.local/state/opencode",
    )


def session_rules(locked: Sequence[str], *, has_tools: bool = True) -> list[dict[str, str]]:
    """Return the session's permission rules, which no file of the repository can override.

    ``locked`` are patterns of paths that the agent's edit tools may not write. This only spares
    the model wasted work: the policy drops such changes whatever wrote them. Without ``has_tools``
    everything is denied, and no tool is offered to the model.
    """
    permissions = PERMISSIONS if has_tools else NO_PERMISSIONS
    rules = [
        {"permission": name, "pattern": "*", "action": action}
        for name, action in permissions.items()
    ]
    return rules + [
        {"permission": "edit", "pattern": pattern, "action": "deny"} for pattern in locked
    ]
