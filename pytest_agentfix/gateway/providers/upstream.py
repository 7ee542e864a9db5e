"""The model that a run talks to, with its address, protocol and key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from pytest_agentfix.gateway.providers.registry import ProviderRow

OUTPUT_LIMIT: Final = 32_000  # tokens; what OpenCode asks for at most


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """The model that a run talks to. ``key`` is "" if the endpoint needs none.

    ``base_url`` is the provider's, with the version segment and no trailing slash. ``key_source``
    tells messages where the key came from. ``output_limit`` is the most tokens of one answer.

    With ``key_command``, ``key`` is "" until ``unlock`` has run the command. ``small_model`` is a
    second model at the same endpoint that OpenCode may use for side tasks; "": ``model`` itself.
    """

    provider: str
    model: str
    base_url: str
    key: str = field(repr=False)
    key_source: str
    row: ProviderRow
    output_limit: int = OUTPUT_LIMIT
    key_command: tuple[str, ...] = field(default=(), repr=False)
    small_model: str = ""

    @property
    def name(self) -> str:
        """The model as the user writes it: ``provider/model``."""
        return f"{self.provider}/{self.model}"

    @property
    def url(self) -> str:
        """The URL that requests are sent to."""
        return self.base_url + self.row.build_endpoint(self.model)
