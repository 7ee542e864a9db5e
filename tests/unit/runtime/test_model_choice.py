"""The variables that stay away from the repair process until the repair begins."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.settings import Settings
from pytest_agentfix.runtime.model_choice import find_withheld

SECRET = "sk-" + "0123456789abcdef" * 2


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    folder = tmp_path / "opencode"
    folder.mkdir()
    (folder / "opencode.json").write_text(
        '{"provider": {"own": {"options": {"apiKey": "{env:MY_LLM}"}}}}', "utf-8"
    )
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "OUR_NAME", "MY_LLM", "SOME_TOKEN"])
def test_keys_are_withheld(config: dict[str, str], name: str) -> None:
    """By the providers' names, the setting's, OpenCode's own settings, and by their form."""
    environ = {**config, name: SECRET, "HOME": "/home/somebody"}
    assert find_withheld(Settings(api_key_env="OUR_NAME"), environ) == {name: SECRET}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HTTPS_PROXY", "http://bob:s3cretpw9@proxy:3128"),
        ("https_proxy", "http://bob:s3cretpw9@proxy:3128"),
        ("NPM_TOKEN", SECRET),
        ("npm_config__authtoken", SECRET),
        ("GIT_CONFIG_KEY_0", "url.git@github.com:.insteadOf"),
        ("GIT_CONFIG_VALUE_0", "https://bob:s3cretpw9@example.org/"),
        ("DOCKER_AUTH_TOKEN", SECRET),
    ],
)
def test_what_git_npm_and_the_engine_need_is_there_from_the_start(
    config: dict[str, str], name: str, value: str
) -> None:
    assert find_withheld(Settings(), {**config, name: value}) == {}
