"""The catalogue in OpenCode's binary, compared with what OpenCode itself says."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.agents.opencode.config import make_environ
from pytest_agentfix.gateway.providers.catalogue import (
    CatalogueModel,
    read_catalogue,
)
from pytest_agentfix.gateway.providers.prices import Price


@pytest.fixture(scope="module")
def binary() -> Path:
    cache = platformdirs.user_cache_path("pytest-agentfix")
    return find_opencode(configured=None, environ=os.environ, cache=cache).path


def list_models(binary: Path, folder: Path, provider: str, variable: str) -> dict[str, Any]:
    """Return the output of ``opencode models PROVIDER --verbose``: objects by model name."""
    env = make_environ({}, {"PATH": os.defpath, variable: "x"}, home=str(folder / "home"))
    listing = folder / "listing"
    with listing.open("wb") as file:  # it exits before a pipe has got all of it
        subprocess.run(
            [str(binary), "models", provider, "--verbose"],
            env=env,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=file,
            timeout=60,
            check=True,
        )
    found = {}
    rest = listing.read_text()
    while rest.strip():
        name, _, rest = rest.lstrip().partition("\n")
        entry, end = json.JSONDecoder().raw_decode(rest)
        found[name.removeprefix(f"{provider}/")] = entry
        rest = rest[end:]
    return found


def as_opencode_says(model: CatalogueModel) -> dict[str, Any]:
    cost: dict[str, Any] = {"base": (0, 0, 0, 0), "tiers": []}
    if model.prices:
        tiers = [[size, flatten(price)] for size, price in model.prices.tiers]
        cost = {"base": flatten(model.prices.base), "tiers": tiers}
    return {**cost, "limit": (model.context_limit, model.output_limit)}


def flatten(price: Price) -> tuple[float, float, float, float]:
    """Return the prices, those of the cache 0 if they equal the input's, as OpenCode has them."""
    read, write = (
        0 if one == price.input else one for one in (price.cache_read, price.cache_write)
    )
    return price.input, price.output, read, write


def theirs(entry: dict[str, Any]) -> dict[str, Any]:
    cost = entry["cost"]
    return {
        "base": flatten_theirs(cost),
        "tiers": [[tier["tier"]["size"], flatten_theirs(tier)] for tier in cost.get("tiers", ())],
        "limit": (entry["limit"]["context"], entry["limit"]["output"]),
    }


def flatten_theirs(cost: dict[str, Any]) -> tuple[float, float, float, float]:
    read, write = (
        0 if one == cost["input"] else one
        for one in (cost["cache"]["read"], cost["cache"]["write"])
    )
    return cost["input"], cost["output"], read, write


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("openai", "OPENAI_API_KEY"),
        ("google", "GEMINI_API_KEY"),
    ],
)
def test_it_says_what_opencode_says(
    binary: Path, tmp_path: Path, provider: str, variable: str
) -> None:
    found = read_catalogue(binary, provider)
    listed = list_models(binary, tmp_path, provider, variable)
    # A mode of a model, such as "fast", is the same model with other fields in its requests.
    plain = {name: entry for name, entry in listed.items() if entry["api"]["id"] == name}

    assert found is not None
    assert len(plain) > 10
    assert variable in found.env
    assert {name: as_opencode_says(found.models[name]) for name in plain} == {
        name: theirs(entry) for name, entry in plain.items()
    }


def test_a_quoted_name(binary: Path) -> None:
    found = read_catalogue(binary, "302ai")

    assert found is not None
    assert (found.id, found.api, found.npm, found.env) == (
        "302ai",
        "https://api.302.ai/v1",
        "@ai-sdk/openai-compatible",
        ("302AI_API_KEY",),
    )
    assert len(found.models) > 50


def test_a_model_with_a_package_of_its_own(binary: Path) -> None:
    found = read_catalogue(binary, "opencode")

    assert found is not None
    assert found.models["claude-opus-5-5"].npm == "@ai-sdk/anthropic"
