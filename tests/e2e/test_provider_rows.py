"""Every row of the table, with the real OpenCode: it asks for the one thing that the door lets by.

No engine and no key is needed. All rows are in one configuration, each with a path of its own on
one server that notes and refuses; variants for single models have servers of their own, because a
provider's name can be there only once.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import platformdirs
import pytest

from pytest_agentfix.agents.opencode.binary import find_opencode
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel, read_catalogue
from pytest_agentfix.gateway.providers.protocols import ProviderRow, WireProtocol
from pytest_agentfix.gateway.providers.registry import COMPATIBLE, PROVIDERS
from pytest_agentfix.gateway.providers.upstream import Upstream
from tests.kits.rows_kit import (
    TOKEN,
    Case,
    Seen,
    Stub,
    ask,
    make_joint_config,
    serve,
    wait_until_idle,
)

UNHEARD_OF = "a-model-nobody-knows"
VARIANT_MODELS = {  # one for each variant of a row, by provider
    "azure": ("claude-opus-5-5", "kimi-k2.6"),
    "opencode": ("gpt-6.1-sol", "claude-opus-5-5", "gemini-3.8-flash"),
    "opencode-go": ("grok-4.7", "minimax-m3", "gemini-x"),
}


@pytest.fixture(scope="module")
def binary() -> Path:
    cache = platformdirs.user_cache_path("pytest-agentfix")
    return find_opencode(configured=None, environ=os.environ, cache=cache).path


def make_case(row: ProviderRow, model: str, known: CatalogueModel | None) -> Case:
    fitted = row.adapt(model)
    upstream = Upstream(
        provider=row.name, model=model, base_url="", key="", key_source="", row=fitted
    )
    return Case(upstream, known)


def choose_model(binary: Path, row: ProviderRow) -> tuple[str, CatalogueModel | None]:
    """A model of the row's own protocol that the catalogue has, else one that nobody knows."""
    found = read_catalogue(binary, row.name)
    models = found.models.values() if found else ()
    fitting = [one for one in models if one.can_call_tools and row.adapt(one.id) == row]
    return (fitting[0].id, fitting[0]) if fitting else (UNHEARD_OF, None)


def list_variants(number: int) -> list[Case]:
    rows = [row for row in PROVIDERS if len(VARIANT_MODELS.get(row.name, ())) > number]
    return [make_case(row, VARIANT_MODELS[row.name][number], None) for row in rows]


def list_strangers() -> list[Case]:
    """Endpoints of the user's own, under names that OpenCode has loaders of its own for."""
    names = ("openai", "xai", "meta", "amazon-bedrock", "anthropic", "github-copilot")
    return [make_case(replace(COMPATIBLE, name=name), UNHEARD_OF, None) for name in names]


def ask_all(binary: Path, folder: Path, cases: list[Case]) -> dict[str, list[Seen]]:
    # A test of the user's may need such a variable; OpenCode must not take it for a key.
    names = {name for row in PROVIDERS for name in row.key_names}
    env = {"PATH": os.defpath, **dict.fromkeys(names, "from-the-environment")}
    with Stub() as stub:
        config = make_joint_config(cases, stub.port)
        with serve(binary, folder, config, env) as client:
            sessions = [ask(client, case) for case in cases]
            for case, session in zip(cases, sessions, strict=True):
                stub.wait_for(case.name)
                wait_until_idle(client, session)
        return {case.name: stub.list_seen(case) for case in cases}


def expect(case: Case) -> list[Seen]:
    upstream = case.upstream
    row = upstream.row
    in_path = row.protocol is WireProtocol.GENERATE
    return [
        Seen(
            method="POST",
            target=row.build_target(upstream.model),
            credential=row.format_key(TOKEN),
            model=None if in_path else upstream.model,
            is_streaming=True,
        )
    ]


def test_every_row_asks_for_what_the_door_lets_by(binary: Path, tmp_path: Path) -> None:
    cases = [make_case(row, *choose_model(binary, row)) for row in PROVIDERS]

    assert ask_all(binary, tmp_path, cases) == {case.name: expect(case) for case in cases}


@pytest.mark.parametrize("number", range(3))
def test_every_variant_does_so(binary: Path, tmp_path: Path, number: int) -> None:
    # A name of the user's own for another endpoint is the same thing to OpenCode.
    cases = [*list_variants(number), *(list_strangers() if number == 0 else [])]

    assert ask_all(binary, tmp_path, cases) == {case.name: expect(case) for case in cases}


def test_every_variant_has_its_model_here() -> None:
    rows = {row.name: row for row in PROVIDERS}
    found = {
        name: [rows[name].adapt(model) for model in models]
        for name, models in VARIANT_MODELS.items()
    }

    assert {name: [row.protocol for row in adapted] for name, adapted in found.items()} == {
        row.name: [variant.protocol for variant in row.variants]
        for row in PROVIDERS
        if row.variants
    }
