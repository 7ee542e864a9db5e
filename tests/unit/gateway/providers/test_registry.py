"""The table of providers against the catalogue of the real OpenCode, and the refusals."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.core.errors import ModelUnknownError
from pytest_agentfix.gateway.providers.catalogue import CatalogueProvider, read_catalogue
from pytest_agentfix.gateway.providers.protocols import ProviderRow, WireProtocol, make_row
from pytest_agentfix.gateway.providers.registry import PROVIDERS, find_by_package, find_provider
from pytest_agentfix.gateway.providers.unsupported import UNSUPPORTED, check_model, check_provider

# OpenCode's catalogue does not have these; all but one are servers of the user's own.
UNLISTED = {"github-models", "litellm", "llama.cpp", "ollama", "vllm"}
FURTHER_VARIABLES = {"cloudflare-ai-gateway": {"CF_AIG_TOKEN"}}  # of OpenCode's own loader
PACKAGES = {
    "": WireProtocol.CHAT,
    "@ai-sdk/openai-compatible": WireProtocol.CHAT,
    "@ai-sdk/openai": WireProtocol.RESPONSES,
    "@ai-sdk/anthropic": WireProtocol.MESSAGES,
    "@ai-sdk/google": WireProtocol.GENERATE,
}


@pytest.fixture(scope="module")
def binary() -> Path:
    cache = platformdirs.user_cache_path("pytest-agentfix")
    return find_opencode(configured=None, environ=os.environ, cache=cache).path


@pytest.fixture(scope="module")
def catalogue(binary: Path) -> dict[str, CatalogueProvider]:
    found = {row.name: read_catalogue(binary, row.name) for row in PROVIDERS}
    return {name: one for name, one in found.items() if one is not None}


def find(name: str) -> ProviderRow:
    row = find_provider(name)
    assert row is not None
    return row


def variables_of(row: ProviderRow) -> set[str]:
    return {*re.findall(r"\$\{(\w+)\}", row.base_url), *row.key_names}


def test_all_but_a_few_rows_are_in_the_catalogue(catalogue: dict[str, CatalogueProvider]) -> None:
    assert {row.name for row in PROVIDERS} - set(catalogue) == UNLISTED


def test_the_variables_are_the_catalogues(catalogue: dict[str, CatalogueProvider]) -> None:
    ours = {
        row.name: variables_of(row) - FURTHER_VARIABLES.get(row.name, set())
        for row in PROVIDERS
        if row.name in catalogue
    }

    assert ours == {name: set(found.env) for name, found in catalogue.items()}


def test_the_urls_are_the_catalogues(catalogue: dict[str, CatalogueProvider]) -> None:
    theirs = {name: found.api.rstrip("/") for name, found in catalogue.items() if found.api}

    assert {row.name: row.base_url for row in PROVIDERS if row.name in theirs} == theirs


@pytest.mark.parametrize("name", ["opencode", "opencode-go"])
def test_each_model_of_opencodes_own_service_is_spoken_to_as_opencode_does(
    catalogue: dict[str, CatalogueProvider], name: str
) -> None:
    row = find(name)
    models = catalogue[name].models.values()

    assert len(models) > 20
    assert {one.id: row.adapt(one.id).protocol for one in models} == {
        one.id: PACKAGES[one.npm] for one in models
    }


def test_azures_models_with_a_protocol_of_their_own(
    catalogue: dict[str, CatalogueProvider],
) -> None:
    row = find("azure")
    models = [one for one in catalogue["azure"].models.values() if one.npm]

    assert {one.id: row.adapt(one.id).protocol for one in models} == {
        one.id: PACKAGES[one.npm] for one in models
    }


def test_every_name_that_is_refused_is_a_provider(binary: Path) -> None:
    assert [name for name in UNSUPPORTED if read_catalogue(binary, name) is None] == []
    assert [name for name in UNSUPPORTED if find_provider(name)] == []


def test_the_table_holds_together() -> None:
    names = [row.name for row in PROVIDERS]

    assert len(set(names)) == len(names)
    assert all(not row.base_url.endswith("/") for row in PROVIDERS)
    assert all(row.key_names or row.is_key_optional for row in PROVIDERS)
    assert all(row.base_url.endswith(row.url_end) for row in PROVIDERS)
    assert [row.name for row in PROVIDERS if row.default_model] == [
        "anthropic",
        "openai",
        "google",
        "openrouter",
    ]


def test_only_servers_of_ones_own_are_asked_without_tls() -> None:
    plain = [row.name for row in PROVIDERS if not row.base_url.startswith("https://")]

    assert plain == [row.name for row in PROVIDERS if row.is_key_optional]


@pytest.mark.parametrize(
    ("name", "model", "inside", "outside"),
    [
        ("anthropic", "m", ("x-api-key", "K"), ("x-api-key", "K")),
        ("openai", "m", ("authorization", "Bearer K"), ("authorization", "Bearer K")),
        ("google", "m", ("x-goog-api-key", "K"), ("x-goog-api-key", "K")),
        ("azure", "gpt-x", ("authorization", "Bearer K"), ("api-key", "K")),
        ("azure", "kimi-x", ("authorization", "Bearer K"), ("api-key", "K")),
        ("azure", "claude-x", ("x-api-key", "K"), ("x-api-key", "K")),
        (
            "cloudflare-ai-gateway",
            "openai/x",
            ("authorization", "Bearer K"),
            ("cf-aig-authorization", "Bearer K"),
        ),
        ("opencode", "gemini-x", ("x-goog-api-key", "K"), ("x-goog-api-key", "K")),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_the_two_sides(
    name: str, model: str, inside: tuple[str, str], outside: tuple[str, str]
) -> None:
    row = find(name).adapt(model)

    assert (row.key_header, row.format_key("K")) == inside
    assert row.make_credential("K") == outside
    assert row.make_credential("") == (outside[0], "")


def test_a_row_is_itself_for_most_models() -> None:
    assert [row.name for row in PROVIDERS if row.adapt("some-model") != row] == []


def test_a_variant_is_the_plain_row_of_its_protocol() -> None:
    zen = find("opencode")
    plain = make_row("opencode", WireProtocol.MESSAGES, base_url=zen.base_url)

    assert zen.adapt("claude-x") == replace(plain, key_names=zen.key_names, variants=zen.variants)


def test_fields_that_are_always_sent() -> None:
    assert {row.name: row.fixed_fields for row in PROVIDERS if row.fixed_fields} == {
        "perplexity": {"disable_search": True},
        "venice": {"venice_parameters": {"enable_web_search": "off", "enable_web_scraping": False}},
    }


@pytest.mark.parametrize(
    ("npm", "protocol"),
    [*list(PACKAGES.items())[1:], ("something-else", WireProtocol.CHAT)],
    ids=[*list(PACKAGES)[1:], "unknown"],
)
def test_packages(npm: str, protocol: WireProtocol) -> None:
    assert find_by_package(npm).protocol is protocol


ACTORS = [
    "openrouter/perplexity/sonar-pro",
    "openrouter/openai/gpt-4o-mini-search-preview",
    "openrouter/openrouter/fusion",
    "openrouter/x-ai/grok-4.20-multi-agent",
    "groq/groq/compound",
    "groq/compound-mini",
    "google/deep-research-preview-04-2026",
    "google/gemini-2.5-computer-use-preview-10-2025",
    "openai/o3-deep-research",
    "perplexity/sonar-deep-research",
    "mine/openai/o4-mini-deep-research",
]


@pytest.mark.parametrize("name", ACTORS)
def test_models_that_act_at_the_provider_are_refused(name: str) -> None:
    provider, _, model = name.partition("/")

    with pytest.raises(ModelUnknownError, match="a way out of the sandbox") as caught:
        check_model(provider, model)

    assert caught.value.problem.startswith(f"{name} ")


def test_online_is_left_out() -> None:
    with pytest.raises(ModelUnknownError) as caught:
        check_model("openrouter", "openai/gpt-x:online")

    assert caught.value.next_step == (
        "Leave :online out: --agent-fix-model openrouter/openai/gpt-x."
    )


@pytest.mark.parametrize(
    "name",
    ["perplexity/sonar-pro", "groq/openai/gpt-oss-120b", "fireworks-ai/fusion-x", "a/research-1"],
)
def test_models_that_only_answer(name: str) -> None:
    provider, _, model = name.partition("/")

    check_model(provider, model)


def test_a_default_is_never_refused() -> None:
    for row in PROVIDERS:
        check_provider(row.name)
        check_model(row.name, row.default_model)


@pytest.mark.parametrize(
    ("name", "way"),
    [
        ("amazon-bedrock", "https://bedrock-runtime.REGION.amazonaws.com/openai/v1"),
        ("google-vertex", "google/MODEL with GEMINI_API_KEY"),
        ("google-vertex-anthropic", "anthropic/MODEL"),
        ("github-copilot", "github-models/MODEL"),
        ("sap-ai-core", "--agent-fix-base-url URL"),
    ],
)
def test_the_nearest_way(name: str, way: str) -> None:
    with pytest.raises(ModelUnknownError) as caught:
        check_provider(name)

    assert way in caught.value.next_step
    assert caught.value.problem.startswith(f"The provider {name} cannot be used from a sandbox:")


def test_the_users_own_package_decides() -> None:
    check_provider("amazon-bedrock", "@ai-sdk/openai-compatible")
    with pytest.raises(ModelUnknownError, match="SigV4"):
        check_provider("corporate", "@ai-sdk/amazon-bedrock")
