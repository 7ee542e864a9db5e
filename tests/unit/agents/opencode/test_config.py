"""OpenCode's configuration: complete, quiet, and nothing ever left at "ask"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pytest_agentfix.agents.opencode.config import (
    AGENT,
    PERMISSIONS,
    ModelEndpoint,
    make_catalogue,
    make_config,
    make_environ,
    session_rules,
)
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel
from pytest_agentfix.gateway.providers.registry import find_by_package
from pytest_agentfix.runtime.cluster_scope import model_access
from tests.kits.gateway_kit import make_upstream
from tests.kits.opencode_kit import ACCESS


def leaves(value: Any) -> Iterator[Any]:
    """Return every leaf of ``value``."""
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
        assert next(iter(place)) == "*"  # the last matching rule wins, so the widest comes first


def test_what_has_no_use_is_denied() -> None:
    denied = {name for name, action in PERMISSIONS.items() if action == "deny"}
    assert {"webfetch", "websearch", "task", "skill", "question", "doom_loop"} <= denied
    assert {"glob", "grep", "list"} <= denied


def test_one_that_only_answers_may_do_nothing() -> None:
    config = make_config(ACCESS, instructions="Answer.", has_tools=False)
    for place in (config, config["agent"][AGENT]):
        assert place["tools"] == {"*": False}
        assert next(iter(place["permission"])) == "*"
        assert set(place["permission"].values()) == {"deny"}
    rules = session_rules((), has_tools=False)
    assert {(rule["pattern"], rule["action"]) for rule in rules} == {("*", "deny")}
    assert "tools" not in make_config(ACCESS, instructions="Repair it.")


def test_one_model_for_everything() -> None:
    config = make_config(ACCESS, instructions="Repair it.")
    assert config["model"] == config["small_model"] == "anthropic/m-1"
    assert config["enabled_providers"] == list(config["provider"]) == ["anthropic"]
    assert config["default_agent"] == AGENT
    assert config["agent"][AGENT]["prompt"] == "Repair it."
    assert config["agent"]["title"] == {"disable": True}
    assert (config["share"], config["autoupdate"]) == ("disabled", False)
    assert config["compaction"] == {"auto": False}


LIMITS = {"tool_call": True, "limit": {"context": 128_000, "output": 16_000}}


def test_the_provider_is_ours_alone() -> None:
    access = replace(ACCESS, npm="@ai-sdk/anthropic")
    assert make_config(access, instructions="")["provider"] == {
        "anthropic": {
            "npm": "@ai-sdk/anthropic",
            "name": "anthropic",
            "env": [],
            "options": {
                "baseURL": "http://127.0.0.1:4601/v1",
                "apiKey": "secret-token",
                "headerTimeout": 1_800_000,
                "chunkTimeout": 1_800_000,
            },
            "models": {"m-1": {"id": "m-1", "status": "active", "name": "m-1", **LIMITS}},
        }
    }


def test_a_model_that_opencode_knows_keeps_its_limits() -> None:
    access = replace(ACCESS, is_known=True)
    provider = make_config(access, instructions="")["provider"]["anthropic"]
    assert provider["models"] == {"m-1": {"id": "m-1", "status": "active"}}


def test_the_catalogue_has_the_one_model() -> None:
    facts = {"id": "m-1", "limit": {"context": 1000}}
    access = replace(ACCESS, npm="@ai-sdk/anthropic", is_known=True, facts=facts)
    assert json.loads(make_catalogue(access)) == {
        "anthropic": {
            "id": "anthropic",
            "name": "anthropic",
            "env": [],
            "npm": "@ai-sdk/anthropic",
            "models": {"m-1": facts},
        }
    }
    assert json.loads(make_catalogue(ACCESS))["anthropic"]["models"] == {}


def test_where_facts_are_missing_opencode_takes_its_own_catalogue() -> None:
    assert make_catalogue(replace(ACCESS, is_known=True)) == b""
    assert "OPENCODE_MODELS_PATH" not in make_environ({}, {}, home="/h")
    with_one = make_environ({}, {}, home="/h", has_catalogue=True)
    assert with_one["OPENCODE_MODELS_PATH"] == "/dev/stdin"


def test_a_small_model_beside_it() -> None:
    access = replace(ACCESS, is_known=True, small_model="m-0")
    config = make_config(access, instructions="")
    assert (config["model"], config["small_model"]) == ("anthropic/m-1", "anthropic/m-0")
    assert config["provider"]["anthropic"]["models"] == {
        "m-1": {"id": "m-1", "status": "active"},
        "m-0": {"id": "m-0", "status": "active", "name": "m-0", **LIMITS},
    }


def test_how_an_upstream_is_reached_from_inside() -> None:
    row = find_by_package("@ai-sdk/google")
    upstream = make_upstream(
        "https://real.example/v1beta", provider="google", model="g-2", row=row, small_model="g-1"
    )
    access = ModelEndpoint(
        provider="google",
        model="g-2",
        base_url="http://127.0.0.1:4601/v1beta",
        token="run-token",
        npm="@ai-sdk/google",
        small_model="g-1",
    )
    assert model_access(upstream, "run-token") == access
    known = CatalogueModel(id="g-2", entry={"id": "g-2"})
    assert model_access(upstream, "run-token", known) == replace(
        access, is_known=True, facts={"id": "g-2"}
    )


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
