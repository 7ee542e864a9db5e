"""Settings that are refused before the first test because they would break a promise later."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.runtime.bootstrap import _choose


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of OpenCode's but those of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("GITHUB_TOKEN", "ghp-0123456789")
    monkeypatch.setenv("SAME_AGAIN", "ghp-0123456789")
    monkeypatch.setenv("ANOTHER", "else")


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "SAME_AGAIN"])
def test_the_providers_key_enters_no_sandbox_under_any_name(name: str) -> None:
    settings = Settings(model="github-models/openai/gpt-4.1", env=("ANOTHER", name))
    with pytest.raises(SettingError, match=f"agent_fix_env names {name}, which is for github"):
        _choose(settings, None)


def test_a_markers_model_has_a_key_too() -> None:
    settings = Settings(base_url="http://127.0.0.1:1/v1", model="a/b", env=("GITHUB_TOKEN",))
    assert _choose(settings, None).key == ""
    settings = Settings(model="ollama/qwen3", env=("GITHUB_TOKEN",))
    with pytest.raises(SettingError, match="GITHUB_TOKEN"):
        _choose(settings, None, "github-models/openai/gpt-4.1")


def test_other_variables_may_go_in() -> None:
    settings = Settings(model="github-models/openai/gpt-4.1", env=("ANOTHER",))
    assert _choose(settings, None).key == "ghp-0123456789"
