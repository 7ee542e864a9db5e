"""The configuration of OpenCode 2.x: everything has a rule, and nothing is shared with 1.x."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase

import pytest

from pytest_agentfix.agents.opencode import config as config_1
from pytest_agentfix.agents.opencode2.config import (
    HOME,
    Rule,
    make_config,
    make_environment,
    make_rules,
)
from tests.kits.opencode_kit import ACCESS


def decide(rules: list[Rule], action: str, resource: str) -> str:
    """Return the effect as documented: the last rule that matches, and ``ask`` where none does."""
    for rule in reversed(rules):
        if fnmatchcase(action, rule["action"]) and fnmatchcase(resource, rule["resource"]):
            return rule["effect"]
    return "ask"


ACTIONS = ("read", "edit", "shell", "external_directory", "mcp_something", "subagent", "question")


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("resource", ["src/calc.py", ".env", "/etc/passwd", "rm -rf x", ""])
def test_nothing_is_ever_asked(action: str, resource: str) -> None:
    expected = "deny" if action in ("subagent", "question") else "allow"
    assert decide(make_rules(), action, resource) == expected
    assert decide(make_rules(has_tools=False), action, resource) == "deny"


def test_locked_paths_cannot_be_edited_but_read() -> None:
    rules = make_rules(["tests/test_one.py"])
    assert decide(rules, "edit", "tests/test_one.py") == "deny"
    assert decide(rules, "read", "tests/test_one.py") == "allow"
    assert decide(rules, "edit", "src/calc.py") == "allow"


def test_configuration_is_in_the_native_form() -> None:
    config = make_config(ACCESS, instructions="Repair it.", locked=["tests/*"])
    assert config["permissions"] == make_rules(["tests/*"])
    assert config["agents"]["fixer"]["system"] == "Repair it."
    assert config["agents"]["fixer"]["permissions"] == config["permissions"]
    provider = config["providers"]["anthropic"]
    assert provider["package"] == "aisdk:@ai-sdk/openai-compatible"
    assert provider["settings"] == {"baseURL": ACCESS.base_url, "apiKey": ACCESS.token}
    assert config["model"] == "anthropic/m-1"
    assert not {"permission", "provider", "agent", "snapshot", "small_model"} & set(config)
    json.dumps(config)


def test_folders_are_not_those_of_1_x() -> None:
    environ = make_environment({"PATH": "/bin", "HOME": "/root"})
    assert "OPENCODE_CONFIG_CONTENT" not in environ
    folders = [environ[name] for name in environ if name.startswith("XDG_") or name == "HOME"]
    assert len(folders) == 5
    assert all(f"{folder}/".startswith(f"{HOME}/") for folder in folders)
    theirs = config_1.make_environ({}, {}, home="/tmp/home")
    assert not set(folders) & {theirs["HOME"], theirs["XDG_DATA_HOME"]}
