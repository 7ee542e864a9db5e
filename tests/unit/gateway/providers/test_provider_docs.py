"""docs/providers.md agrees with the tables in the code."""

from __future__ import annotations

from pytest_agentfix.gateway.providers.registry import PROVIDERS, ProviderRow
from pytest_agentfix.gateway.providers.unsupported import UNSUPPORTED
from tests.kits.places import REPOSITORY

PAGE = (REPOSITORY / "docs" / "providers.md").read_text("utf-8")


def render_row(row: ProviderRow) -> str:
    keys = ", ".join(f"`{name}`" for name in row.key_names) or "none"
    optional = " (optional)" if row.is_key_optional and row.key_names else ""
    protocols = dict.fromkeys([row.protocol, *(variant.protocol for variant in row.variants)])
    spoken = ", ".join(protocol.value for protocol in protocols)
    return f"| `{row.name}` | {spoken} | {keys}{optional} | `{row.base_url}` |"


def read_table(heading: str) -> list[str]:
    lines = PAGE.split("\n")
    start = lines.index(heading) + 2
    end = lines.index("", start)
    return lines[start:end]


def test_every_provider_is_listed() -> None:
    heading = "| provider | protocol | key | base URL |"
    assert read_table(heading) == [render_row(row) for row in PROVIDERS]


def test_every_refused_provider_is_listed() -> None:
    names = [line.split("`")[1] for line in read_table("| provider | why | instead |")]
    assert sorted(names) == sorted(UNSUPPORTED)
