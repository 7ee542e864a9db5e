"""Generates the whole configuration and environment of OpenCode 2.x, in its native form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_agentfix.agents.opencode.config import (
    AGENT,
    CONTEXT_TOKENS,
    OUTPUT_TOKENS,
    ModelEndpoint,
    make_environ,
)

HOME: Final = "/tmp/home-2x"  # noqa: S108 - inside the sandbox; 1.x would share its database
CONFIG_FOLDER: Final = f"{HOME}/.config/opencode"
CONFIG_FILE: Final = f"{CONFIG_FOLDER}/opencode.json"

# The last rule that matches counts, and where none does, OpenCode asks: the first fits everything.
# Subagents run in the background from 2.3 on, where ``run`` may end before they do.
DENIED: Final = (
    "subagent",
    "question",
    "skill",
    "doom_loop",
    "webfetch",
    "websearch",
    "todowrite",
    "glob",
    "grep",
    "list",
)

Rule = dict[str, str]


def make_rules(locked: Sequence[str] = (), *, has_tools: bool = True) -> list[Rule]:
    """Return the permissions: a list with a rule for everything, so that nothing is ever asked.

    ``locked`` are patterns of paths that the edit tools may not write. Without ``has_tools``
    everything is denied.
    """
    if not has_tools:
        return [_rule("*", "*", "deny")]
    return [
        _rule("*", "*", "allow"),
        *(_rule(action, "*", "deny") for action in DENIED),
        *(_rule("edit", pattern, "deny") for pattern in locked),
    ]


def _rule(action: str, resource: str, effect: str) -> Rule:
    return {"action": action, "resource": resource, "effect": effect}


def make_config(
    access: ModelEndpoint,
    *,
    instructions: str,
    locked: Sequence[str] = (),
    has_tools: bool = True,
) -> dict[str, Any]:
    """Return the content of ``CONFIG_FILE``."""
    rules = make_rules(locked, has_tools=has_tools)
    limit = {"context": CONTEXT_TOKENS, "output": OUTPUT_TOKENS}
    model = {} if access.is_known else {"name": access.model, "limit": limit}
    return {
        "$schema": "https://opencode.ai/config.json",
        "autoupdate": False,
        "snapshots": False,
        "model": f"{access.provider}/{access.model}",
        "permissions": rules,
        "providers": {
            access.provider: {
                "name": access.provider,
                "package": f"aisdk:{access.npm}",
                "settings": {"baseURL": access.base_url, "apiKey": access.token},
                "models": {access.model: model},
            }
        },
        "agents": {
            AGENT: {
                "mode": "primary",
                "description": "repairs failing tests",
                "system": instructions,
                "permissions": rules,
            }
        },
    }


def make_environment(base: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the process: ``base``, its own folders, and what keeps it quiet."""
    environ = make_environ({}, base, home=HOME)
    del environ["OPENCODE_CONFIG_CONTENT"]  # the file is all of the configuration
    return environ
