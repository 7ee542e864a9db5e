from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.core.errors import (
    AgentFixError,
    KeyMissingError,
    ModelNotChosenError,
    ModelUnknownError,
    SettingError,
)
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.choosing import choose_upstream
from pytest_agentfix.gateway.providers.opencode_settings import read_opencode_settings
from pytest_agentfix.gateway.providers.upstream import Upstream

KEY = "sk-sentinel-0123456789"
GOOGLE_URL = "https://generativelanguage.googleapis.com/v1beta"
GEMINI_URL = f"{GOOGLE_URL}/models/gemini-x:streamGenerateContent?alt=sse"


def choose(
    home: Path, environ: dict[str, str] | None = None, *, marker: str | None = None, **settings: Any
) -> Upstream:
    return choose_upstream(Settings(**settings), environ=environ or {}, home=home, model=marker)


def write_config(home: Path, text: str | dict[str, Any], name: str = "opencode.json") -> Path:
    path = home / ".config" / "opencode" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text if isinstance(text, str) else json.dumps(text))
    return path


def write_auth(home: Path, entries: Any) -> Path:
    path = home / ".local" / "share" / "opencode" / "auth.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(entries))
    return path


def summarize(upstream: Upstream) -> tuple[str, str, str, str]:
    return upstream.name, upstream.url, upstream.key, upstream.key_source


@pytest.mark.parametrize(
    ("model", "variable", "url"),
    [
        ("anthropic/claude-x", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1/messages"),
        ("openai/gpt-x", "OPENAI_API_KEY", "https://api.openai.com/v1/responses"),
        (
            "google/gemini-x",
            "GEMINI_API_KEY",
            GEMINI_URL,
        ),
        (
            "openrouter/a/b:free",
            "OPENROUTER_API_KEY",
            "https://openrouter.ai/api/v1/chat/completions",
        ),
        ("groq/a/b", "GROQ_API_KEY", "https://api.groq.com/openai/v1/chat/completions"),
    ],
)
def test_known_providers(tmp_path: Path, model: str, variable: str, url: str) -> None:
    upstream = choose(tmp_path, {variable: f" {KEY}\n"}, model=model)

    assert summarize(upstream) == (model, url, KEY, variable)


def test_the_key_is_in_no_repr(tmp_path: Path) -> None:
    upstream = choose(tmp_path, {"OPENAI_API_KEY": KEY}, model="openai/gpt-x")
    write_auth(tmp_path, {"openai": {"type": "api", "key": KEY}})
    write_config(tmp_path, {"provider": {"a": {"options": {"apiKey": KEY}}}})

    read = read_opencode_settings(environ={}, home=tmp_path)

    assert KEY not in repr(upstream) + repr(read)


def test_a_markers_model_beats_the_option(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": KEY, "GROQ_API_KEY": KEY}

    assert choose(tmp_path, environ, marker="groq/a", model="openai/b").name == "groq/a"


def test_local_servers_need_no_key(tmp_path: Path) -> None:
    assert summarize(choose(tmp_path, model="ollama/qwen3-coder:30b")) == (
        "ollama/qwen3-coder:30b",
        "http://127.0.0.1:11434/v1/chat/completions",
        "",
        "",
    )


def test_any_name_goes_with_a_base_url(tmp_path: Path) -> None:
    upstream = choose(tmp_path, model="mine/some/model", base_url="http://gpu.lan:8000/v1/")

    assert summarize(upstream) == (
        "mine/some/model",
        "http://gpu.lan:8000/v1/chat/completions",
        "",
        "",
    )


def test_a_base_url_with_a_known_name_takes_its_key(tmp_path: Path) -> None:
    upstream = choose(
        tmp_path, {"OPENAI_API_KEY": KEY}, model="openai/x", base_url="https://proxy.example/v1"
    )

    assert summarize(upstream) == (
        "openai/x",
        "https://proxy.example/v1/chat/completions",
        KEY,
        "OPENAI_API_KEY",
    )


def test_a_named_variable_beats_the_usual_one(tmp_path: Path) -> None:
    environ = {"OPENAI_API_KEY": "other", "MY_KEY": KEY}

    upstream = choose(tmp_path, environ, model="openai/x", api_key_env="MY_KEY")

    assert (upstream.key, upstream.key_source) == (KEY, "MY_KEY")


def test_opencodes_own_model_and_key_are_found(tmp_path: Path) -> None:
    write_config(
        tmp_path,
        """{
          // my settings
          "model": "openai/gpt-x",
        }""",
        "opencode.jsonc",
    )
    write_config(tmp_path, {"model": "groq/never"}, "opencode.json")
    write_auth(tmp_path, {"openai": {"type": "api", "key": KEY}})

    assert summarize(choose(tmp_path)) == (
        "openai/gpt-x",
        "https://api.openai.com/v1/responses",
        KEY,
        "auth.json of OpenCode",
    )


def test_the_environment_beats_the_auth_file(tmp_path: Path) -> None:
    write_auth(tmp_path, {"openai": {"type": "api", "key": "stored"}})

    upstream = choose(tmp_path, {"OPENAI_API_KEY": KEY}, model="openai/x")

    assert upstream.key_source == "OPENAI_API_KEY"


def test_a_provider_of_the_users_config(tmp_path: Path) -> None:
    write_config(
        tmp_path,
        {
            "provider": {
                "lab": {
                    "npm": "@ai-sdk/openai-compatible",
                    "options": {"baseURL": "{env:LAB_URL}/v1", "apiKey": "{env:LAB_KEY}"},
                    "models": {"quick": {"id": "real/model-7b"}},
                }
            }
        },
    )
    environ = {"LAB_URL": "http://lab.example", "LAB_KEY": KEY}

    assert summarize(choose(tmp_path, environ, model="lab/quick")) == (
        "lab/real/model-7b",
        "http://lab.example/v1/chat/completions",
        KEY,
        "OpenCode's config",
    )


def test_a_key_file_of_the_users_config(tmp_path: Path) -> None:
    options = {"baseURL": "http://lab.example/v1", "apiKey": "{file:key.txt}"}
    path = write_config(tmp_path, {"provider": {"lab": {"options": options}}})
    (path.parent / "key.txt").write_text(KEY + "\n")

    assert choose(tmp_path, model="lab/x").key == KEY


def test_a_known_provider_behind_the_users_proxy(tmp_path: Path) -> None:
    options = {"baseURL": "https://proxy.example/anthropic/v1"}
    write_config(tmp_path, {"provider": {"anthropic": {"options": options}}})

    upstream = choose(tmp_path, {"ANTHROPIC_API_KEY": KEY}, model="anthropic/claude-x")

    assert upstream.url == "https://proxy.example/anthropic/v1/messages"


def test_a_custom_provider_that_speaks_anthropics_protocol(tmp_path: Path) -> None:
    entry = {"npm": "@ai-sdk/anthropic", "options": {"baseURL": "https://proxy.example/v1"}}
    write_config(tmp_path, {"provider": {"corp": entry}})

    upstream = choose(tmp_path, {"ANTHROPIC_API_KEY": KEY}, model="corp/claude-x")

    assert (upstream.url, upstream.key) == ("https://proxy.example/v1/messages", "")


def test_the_xdg_folders_are_honoured(tmp_path: Path) -> None:
    (tmp_path / "c" / "opencode").mkdir(parents=True)
    (tmp_path / "c" / "opencode" / "opencode.json").write_text('{"model": "openai/x"}')
    (tmp_path / "d" / "opencode").mkdir(parents=True)
    stored = json.dumps({"openai": {"type": "api", "key": KEY}})
    (tmp_path / "d" / "opencode" / "auth.json").write_text(stored)
    environ = {"XDG_CONFIG_HOME": str(tmp_path / "c"), "XDG_DATA_HOME": str(tmp_path / "d")}

    assert choose(tmp_path / "nowhere", environ).key == KEY


def test_the_first_provider_with_a_key_is_the_last_resort(tmp_path: Path) -> None:
    upstream = choose(tmp_path, {"GEMINI_API_KEY": KEY, "OPENROUTER_API_KEY": KEY})

    assert (upstream.provider, upstream.key_source) == ("google", "GEMINI_API_KEY")


def fail(home: Path, environ: dict[str, str] | None = None, **settings: Any) -> AgentFixError:
    with pytest.raises(AgentFixError) as caught:
        choose(home, environ, **settings)
    assert KEY not in str(caught.value) + repr(caught.value)
    assert caught.value.next_step
    return caught.value


def test_no_model_at_all(tmp_path: Path) -> None:
    error = fail(tmp_path)

    assert type(error) is ModelNotChosenError
    assert "--agent-fix-model PROVIDER/MODEL" in error.next_step


def test_an_empty_key_variable_chooses_nothing(tmp_path: Path) -> None:
    assert type(fail(tmp_path, {"ANTHROPIC_API_KEY": ""})) is ModelNotChosenError


def test_a_base_url_without_a_model(tmp_path: Path) -> None:
    assert type(fail(tmp_path, base_url="http://x/v1")) is ModelNotChosenError


@pytest.mark.parametrize(
    "model",
    ["gpt", "/gpt", "openai/", "openai/a b", "openai/../x", "openai/a//b", "a\nb/c", "openai/a?b"],
)
def test_malformed_models(tmp_path: Path, model: str) -> None:
    error = fail(tmp_path, model=model)

    assert type(error) is ModelUnknownError
    assert "PROVIDER/MODEL" in error.problem


def test_googles_models_have_no_slash(tmp_path: Path) -> None:
    assert type(fail(tmp_path, {"GEMINI_API_KEY": KEY}, model="google/a/b")) is ModelUnknownError


def test_an_unknown_provider_gets_a_hint(tmp_path: Path) -> None:
    error = fail(tmp_path, model="antropic/claude-x")

    assert type(error) is ModelUnknownError
    assert error.problem == "The provider 'antropic' is not known. Did you mean anthropic?"
    assert "openrouter" in error.next_step


def test_opencodes_own_service_is_never_a_default(tmp_path: Path) -> None:
    environ = {"OPENCODE_API_KEY": KEY}

    assert type(fail(tmp_path, environ)) is ModelNotChosenError
    assert type(fail(tmp_path, model="opencode/big-pickle")) is KeyMissingError


@pytest.mark.parametrize(
    ("model", "end"),
    [
        ("claude-x", "/messages"),
        ("gpt-x", "/responses"),
        ("gemini-x", "/models/gemini-x:streamGenerateContent?alt=sse"),
        ("kimi-x", "/chat/completions"),
    ],
)
def test_opencodes_own_service_when_the_user_names_it(tmp_path: Path, model: str, end: str) -> None:
    write_config(tmp_path, {"model": f"opencode/{model}"})

    assert summarize(choose(tmp_path, {"OPENCODE_API_KEY": KEY})) == (
        f"opencode/{model}",
        f"https://opencode.ai/zen/v1{end}",
        KEY,
        "OPENCODE_API_KEY",
    )


AZURE = {"AZURE_API_KEY": KEY, "AZURE_RESOURCE_NAME": "lab-7"}


@pytest.mark.parametrize(
    ("model", "url"),
    [
        ("gpt-x", "https://lab-7.openai.azure.com/openai/v1/responses"),
        ("kimi-x", "https://lab-7.openai.azure.com/openai/v1/chat/completions"),
        ("claude-x", "https://lab-7.services.ai.azure.com/anthropic/v1/messages"),
    ],
)
def test_azure_is_reached_through_its_resource(tmp_path: Path, model: str, url: str) -> None:
    upstream = choose(tmp_path, AZURE, model=f"azure/{model}")

    assert summarize(upstream) == (f"azure/{model}", url, KEY, "AZURE_API_KEY")


@pytest.mark.parametrize("value", ["", "a/b", "a.example/v1?x=", "x@evil.example", "a b"])
def test_a_resource_that_is_no_name(tmp_path: Path, value: str) -> None:
    error = fail(tmp_path, {**AZURE, "AZURE_RESOURCE_NAME": value}, model="azure/gpt-x")

    assert type(error) is KeyMissingError
    assert "AZURE_RESOURCE_NAME" in error.problem
    assert "export AZURE_RESOURCE_NAME=" in error.next_step


def test_a_host_with_its_scheme(tmp_path: Path) -> None:
    environ = {"DATABRICKS_TOKEN": KEY, "DATABRICKS_HOST": "https://lab.databricks.example/"}

    assert choose(tmp_path, environ, model="databricks/x").url == (
        "https://lab.databricks.example/ai-gateway/mlflow/v1/chat/completions"
    )


@pytest.mark.parametrize("end", ["", "/", "/v1"])
def test_the_users_own_azure_address_is_what_opencode_takes(tmp_path: Path, end: str) -> None:
    options = {"baseURL": f"https://corp.example/openai{end}", "apiKey": KEY}
    write_config(tmp_path, {"provider": {"azure": {"options": options}}})

    assert choose(tmp_path, model="azure/gpt-x").url == "https://corp.example/openai/v1/responses"


def test_the_users_own_package_goes_with_the_users_own_url(tmp_path: Path) -> None:
    entry = {"npm": "@ai-sdk/openai-compatible", "options": {"baseURL": "https://corp.example/v1"}}
    write_config(tmp_path, {"provider": {"openai": entry}})

    upstream = choose(tmp_path, {"OPENAI_API_KEY": KEY}, model="openai/gpt-x")

    assert upstream.url == "https://corp.example/v1/chat/completions"


def test_the_older_place_of_a_url(tmp_path: Path) -> None:
    write_config(tmp_path, {"provider": {"lab": {"api": "https://lab.example/v1"}}})

    assert choose(tmp_path, model="lab/x").url == "https://lab.example/v1/chat/completions"


@pytest.mark.parametrize("name", ["amazon-bedrock", "google-vertex", "github-copilot"])
def test_what_no_key_opens_is_refused_by_name(tmp_path: Path, name: str) -> None:
    error = fail(tmp_path, {"GITHUB_TOKEN": KEY}, model=f"{name}/x")

    assert type(error) is ModelUnknownError
    assert error.problem.startswith(f"The provider {name} cannot be used from a sandbox")


def test_a_stranger_that_is_bedrock_in_truth(tmp_path: Path) -> None:
    entry = {"npm": "@ai-sdk/amazon-bedrock", "options": {"baseURL": "https://corp.example"}}
    write_config(tmp_path, {"provider": {"corp": entry}})

    assert "SigV4" in fail(tmp_path, model="corp/x").problem


@pytest.mark.parametrize("base_url", [None, "https://proxy.example/v1"])
def test_a_model_that_searches_is_refused(tmp_path: Path, base_url: str | None) -> None:
    environ = {"OPENROUTER_API_KEY": KEY}

    error = fail(tmp_path, environ, model="openrouter/openai/gpt-x:online", base_url=base_url)

    assert type(error) is ModelUnknownError
    assert "--agent-fix-model openrouter/openai/gpt-x." in error.next_step


def test_a_key_command_that_is_not_there(tmp_path: Path) -> None:
    error = fail(tmp_path, {"PATH": "/nowhere"}, model="openai/x", api_key_command=("no-such",))

    assert (type(error), "agent_fix_api_key_command" in error.problem) == (KeyMissingError, True)


def test_a_local_server_with_a_key(tmp_path: Path) -> None:
    assert choose(tmp_path, {"LITELLM_API_KEY": KEY}, model="litellm/x").key == KEY
    assert choose(tmp_path, model="litellm/x").key_source == ""


@pytest.mark.parametrize(
    ("small", "expected"),
    [
        ("openai/gpt-mini", "gpt-mini"),
        ("openai/gpt-x", ""),
        ("groq/gpt-mini", ""),
        ("openai/o4-mini-deep-research", ""),
        ("openai/a b", ""),
        ("nothing", ""),
        ("", ""),
    ],
)
def test_the_small_model_of_the_users_config(tmp_path: Path, small: str, expected: str) -> None:
    write_config(tmp_path, {"model": "openai/gpt-x", "small_model": small})

    assert choose(tmp_path, {"OPENAI_API_KEY": KEY}).small_model == expected


def test_a_small_model_of_another_protocol_is_left_out(tmp_path: Path) -> None:
    write_config(tmp_path, {"small_model": "opencode/gpt-x"})
    environ = {"OPENCODE_API_KEY": KEY}

    assert choose(tmp_path, environ, model="opencode/claude-x").small_model == ""
    assert choose(tmp_path, environ, model="opencode/gpt-y").small_model == "gpt-x"


def test_a_small_model_under_a_name_of_the_config(tmp_path: Path) -> None:
    lab = {"options": {"baseURL": "http://lab/v1"}, "models": {"quick": {"id": "real-7b"}}}
    write_config(tmp_path, {"small_model": "lab/quick", "provider": {"lab": lab}})

    assert choose(tmp_path, model="lab/big").small_model == "real-7b"


@pytest.mark.parametrize("environ", [{}, {"MY_KEY": ""}, {"MY_KEY": " "}])
@pytest.mark.parametrize("base_url", [None, "http://x/v1"])
def test_a_bare_key_variable(tmp_path: Path, environ: dict[str, str], base_url: str | None) -> None:
    error = fail(tmp_path, environ, model="openai/x", api_key_env="MY_KEY", base_url=base_url)

    assert type(error) is KeyMissingError
    assert ("MY_KEY" in error.problem, "export MY_KEY=" in error.next_step) == (True, True)


def test_no_key(tmp_path: Path) -> None:
    error = fail(tmp_path, model="google/x")

    assert str(error) == (
        "No key for google was found. Set it as in `export GOOGLE_API_KEY=...`, name another"
        " variable with --agent-fix-api-key-env, have agent_fix_api_key_command print it, or store"
        " it with `opencode auth login`."
    )


def test_a_login_is_no_key(tmp_path: Path) -> None:
    write_auth(tmp_path, {"anthropic": {"type": "oauth", "refresh": KEY, "access": KEY}})

    error = fail(tmp_path, model="anthropic/x")

    assert type(error) is KeyMissingError
    assert "logged in to anthropic by oauth" in error.problem
    assert "--agent-fix-base-url URL" in error.next_step


@pytest.mark.parametrize("key", [f"{KEY} x", f"{KEY}\nX: y", f"{KEY}é"])
def test_a_key_that_is_none(tmp_path: Path, key: str) -> None:
    assert type(fail(tmp_path, {"OPENAI_API_KEY": key}, model="openai/x")) is KeyMissingError


@pytest.mark.parametrize(
    "url",
    [
        "gpu.lan/v1",
        "ftp://x/v1",
        "http:///v1",
        "http://u:p@x/v1",
        "http://x/v1?key=1",
        "http://x:port/v1",
        "http://x/ v1",
        "http://[::1/v1",
    ],
)
def test_bad_urls(tmp_path: Path, url: str) -> None:
    error = fail(tmp_path, model="a/b", base_url=url)

    assert (type(error), url in str(error)) == (SettingError, False)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": ' + KEY + "}", "\x00"])
def test_a_damaged_config_is_named(tmp_path: Path, text: str) -> None:
    path = write_config(tmp_path, text)

    error = fail(tmp_path, model="openai/x")

    assert (type(error), str(path) in error.problem) == (SettingError, True)


@pytest.mark.parametrize(
    "config",
    [
        {"model": 7, "provider": []},
        {"provider": {"openai": "x", "b": {"options": [], "models": 3}}},
        {"provider": {"c": {"options": {"baseURL": None, "apiKey": 5}}}},
    ],
)
def test_odd_but_valid_configs_say_nothing(tmp_path: Path, config: Any) -> None:
    write_config(tmp_path, config)
    write_auth(tmp_path, {"openai": "x", "b": {"type": "api"}, "c": None})

    assert choose(tmp_path, {"OPENAI_API_KEY": KEY}, model="openai/x").key == KEY


def test_an_unreadable_key_file_is_named(tmp_path: Path) -> None:
    options = {"baseURL": "http://x/v1", "apiKey": "{file:~/missing}"}
    write_config(tmp_path, {"provider": {"lab": {"options": options}}})

    assert str(tmp_path / "missing") in fail(tmp_path, model="lab/x").problem


def test_a_providers_switches_stay_off_at_an_address_of_the_users(tmp_path: Path) -> None:
    settings = Settings(model="perplexity/sonar-pro", base_url="https://api.perplexity.ai")
    upstream = choose_upstream(
        settings, environ={"PERPLEXITY_API_KEY": "pplx-0123456789"}, home=tmp_path
    )
    assert upstream.row.fixed_fields == {"disable_search": True}
    stranger = Settings(model="ours/coder", base_url="https://models.example/v1")
    assert choose_upstream(stranger, environ={}, home=tmp_path).row.fixed_fields == {}
