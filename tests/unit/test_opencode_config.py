"""OpenCode's configuration: complete, quiet, and nothing ever left at "ask"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_agentfix.agents.opencode_config import (
    AGENT,
    PERMISSIONS,
    make_config,
    make_environ,
    session_rules,
)
from tests.unit.opencode_kit import ACCESS


def leaves(value: Any) -> Iterator[Any]:
    """Every single value in ``value``."""
    inner = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    if inner is None:
        yield value
    else:
        for part in inner:
            yield from leaves(part)


def test_nothing_is_ever_asked() -> None:
    config = make_config(ACCESS, instructions="Repair it.")
    assert "ask" not in set(leaves(config))
    assert "ask" not in set(leaves(session_rules(["tests/**"])))
    assert set(PERMISSIONS.values()) == {"allow", "deny"}
    for place in (config["permission"], config["agent"][AGENT]["permission"]):
        assert place == PERMISSIONS
        assert next(iter(place)) == "*"  # the last rule that fits wins: the widest comes first


def test_what_has_no_use_is_denied() -> None:
    denied = {name for name, action in PERMISSIONS.items() if action == "deny"}
    assert {"webfetch", "websearch", "task", "skill", "question", "doom_loop"} <= denied


def test_one_model_for_everything() -> None:
    config = make_config(ACCESS, instructions="Repair it.")
    assert config["model"] == config["small_model"] == "anthropic/m-1"
    assert config["enabled_providers"] == list(config["provider"]) == ["anthropic"]
    assert config["default_agent"] == AGENT
    assert config["agent"][AGENT]["prompt"] == "Repair it."
    assert config["agent"]["title"] == {"disable": True}
    assert (config["share"], config["autoupdate"]) == ("disabled", False)
    assert config["compaction"] == {"auto": False}


def test_a_provider_that_opencode_knows() -> None:
    provider = make_config(ACCESS, instructions="")["provider"]["anthropic"]
    assert set(provider) == {"options"}
    assert provider["options"]["baseURL"] == "http://127.0.0.1:4601/v1"
    assert provider["options"]["apiKey"] == "secret-token"


def test_a_provider_that_it_does_not_know() -> None:
    access = replace(ACCESS, provider="mine", npm="@ai-sdk/openai-compatible")
    provider = make_config(access, instructions="")["provider"]["mine"]
    assert provider["npm"] == "@ai-sdk/openai-compatible"
    assert provider["models"] == {
        "m-1": {
            "name": "m-1",
            "tool_call": True,
            "limit": {"context": 128_000, "output": 16_000},
        }
    }


def test_the_environment_is_quiet_and_its_own() -> None:
    base = {"PATH": "/bin", "HOME": "/root", "OPENCODE_CONFIG_CONTENT": "{}", "A": "b"}
    config = make_config(ACCESS, instructions="ä")
    env = make_environ(config, base, home="/tmp/home")
    assert json.loads(env["OPENCODE_CONFIG_CONTENT"]) == config
    assert (env["PATH"], env["A"], env["HOME"]) == ("/bin", "b", "/tmp/home")
    assert all(env[name].startswith("/tmp/home/") for name in env if name.startswith("XDG_"))
    for name in ("PROJECT_CONFIG", "MODELS_FETCH", "AUTOUPDATE", "LSP_DOWNLOAD", "SHARE"):
        assert env[f"OPENCODE_DISABLE_{name}"] == "1"
    assert (env["GIT_CONFIG_COUNT"], env["GIT_CONFIG_KEY_0"]) == ("1", "safe.directory")
    assert base["HOME"] == "/root"


def test_locked_paths_come_last() -> None:
    rules = session_rules(["tests/**", "conftest.py"])
    assert rules[: len(PERMISSIONS)] == [
        {"permission": name, "pattern": "*", "action": action}
        for name, action in PERMISSIONS.items()
    ]
    assert rules[len(PERMISSIONS) :] == [
        {"permission": "edit", "pattern": "tests/**", "action": "deny"},
        {"permission": "edit", "pattern": "conftest.py", "action": "deny"},
    ]
