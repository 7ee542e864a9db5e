"""Settings that are refused before the first test because they would break a promise later."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.errors import KeyMissingError, ModelUnknownError, SettingError
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.runtime.bootstrap import choose_models
from pytest_agentfix.runtime.model_choice import choose_model, find_withheld, strip_key


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of OpenCode's but those of the test."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("GITHUB_TOKEN", "ghp-0123456789")
    monkeypatch.setenv("SAME_AGAIN", "ghp-0123456789")
    monkeypatch.setenv("ANOTHER", "else")


def choose(settings: Settings, model: str | None = None) -> Upstream:
    return choose_model(settings, model, os.environ)


def choose_for_review(settings: Settings) -> Upstream | None:
    return choose_models(settings, choose)[1]


@pytest.mark.parametrize("name", ["GITHUB_TOKEN", "SAME_AGAIN"])
def test_the_providers_key_enters_no_sandbox_under_any_name(name: str) -> None:
    settings = Settings(model="github-models/openai/gpt-4.1", env=("ANOTHER", name))
    with pytest.raises(SettingError, match=f"agent_fix_env names {name}, which is for github"):
        choose(settings)


def test_a_markers_model_has_a_key_too() -> None:
    settings = Settings(base_url="http://127.0.0.1:1/v1", model="a/b", env=("GITHUB_TOKEN",))
    assert choose(settings).key == ""
    settings = Settings(model="ollama/qwen3", env=("GITHUB_TOKEN",))
    with pytest.raises(SettingError, match="GITHUB_TOKEN"):
        choose(settings, "github-models/openai/gpt-4.1")


def test_other_variables_may_go_in() -> None:
    settings = Settings(model="github-models/openai/gpt-4.1", env=("ANOTHER",))
    assert choose(settings).key == "ghp-0123456789"


def test_no_other_model_is_chosen_for_reviews_by_the_same_one() -> None:
    settings = Settings(model="ollama/qwen3")
    upstream = choose(settings)
    assert choose_for_review(settings) is None
    assert choose_for_review(replace(settings, review="same")) is None
    other = choose_for_review(replace(settings, review="ollama/qwen4"))
    assert other is not None
    assert (other.name, other.base_url) == ("ollama/qwen4", upstream.base_url)


def test_reviews_by_another_provider_get_its_own_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable that names the run's key is for the run's own provider."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
    monkeypatch.delenv("GROQ_API_KEY", raising=False)
    settings = Settings(
        model="github-models/openai/gpt-4.1", api_key_env="ANOTHER", review="openai/gpt-6"
    )
    upstream = choose(settings)
    other = choose_for_review(settings)
    assert other is not None
    assert (upstream.key, other.key, other.key_source) == ("else", "sk-openai", "OPENAI_API_KEY")
    own = choose_for_review(replace(settings, review="github-models/x/y"))
    assert own is not None
    assert own.key == "else"
    with pytest.raises(
        KeyMissingError, match=r"review is groq/x\..*GROQ_API_KEY=.*github-models only"
    ):
        choose_for_review(replace(settings, review="groq/x"))


@pytest.mark.parametrize(("model", "words"), [("nobody/x", "not known"), ("a b/x", "of the form")])
def test_model_for_reviews_that_is_none(model: str, words: str) -> None:
    settings = Settings(model="ollama/qwen3", review=model)
    with pytest.raises(ModelUnknownError, match=f"agent_fix_review is {model}.*{words}"):
        choose_for_review(settings)


def test_key_for_reviews_enters_no_sandbox_either() -> None:
    settings = Settings(
        model="ollama/qwen3", env=("GITHUB_TOKEN",), review="github-models/openai/gpt-4.1"
    )
    with pytest.raises(SettingError, match="GITHUB_TOKEN"):
        choose_for_review(settings)


def test_no_key_is_told_before_the_repair_begins() -> None:
    environ = {
        "OPENAI_API_KEY": "no-form-at-all",
        "MINE": "also-mine",
        "CI_PASSWORD": "hunter-2-hunter",
        "PROXY": "http://user:pass-word-1@proxy:3128",
        "PATH": "/usr/bin",
        "SSH_AUTH_SOCK": "/run/agent.1",
        "GIT_AUTHOR_NAME": "A Tester",
    }
    settings = Settings(model="openai/gpt-6", api_key_env="MINE")
    upstream = choose_model(settings, None, environ)
    assert upstream.key == "also-mine"
    assert strip_key(upstream) == replace(upstream, key="")
    assert set(environ) - set(find_withheld(settings, environ)) == {
        "PATH",
        "SSH_AUTH_SOCK",
        "GIT_AUTHOR_NAME",
    }
