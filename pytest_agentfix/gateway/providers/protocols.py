"""The protocol and the credential of each provider, on both sides of the gateway."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final


class WireProtocol(enum.Enum):
    """The protocol of the one endpoint of a provider that the gateway lets through."""

    CHAT = "chat-completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    GENERATE = "generate-content"


# Packages that cap chat completions by ``max_completion_tokens`` only.
_COMPLETION_CAPS: Final = frozenset({"@ai-sdk/openai", "@ai-sdk/xai"})
_BEARER_HEADERS: Final = frozenset({"authorization", "cf-aig-authorization"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVariant:
    """The differences for models whose id ``pattern`` matches (from its start)."""

    pattern: str
    protocol: WireProtocol
    base_url: str = ""  # "": the row's own
    sent_key_header: str = ""  # "": the protocol's own


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """A provider. ``base_url`` includes the version segment and has no slash at its end.

    There are two sides. In the sandbox, OpenCode talks to the gateway with the SDK package ``npm``
    (all are bundled in its binary) below ``sandbox_prefix``, and sends the run's token in
    ``key_header``. To the provider, the gateway sends the real key in ``sent_key_header`` ("": the
    same header) and sets ``fixed_fields`` in each body, whatever the sandbox sent.

    ``base_url`` may contain variables, as in ``https://${NAME}.example``, which the user must set.
    ``default_model`` is only used if the user named no model; "" means "never chosen".
    """

    name: str
    protocol: WireProtocol
    npm: str
    base_url: str = ""
    key_names: tuple[str, ...] = ()
    default_model: str = ""
    sandbox_prefix: str = "/v1"
    key_header: str = "authorization"
    sent_key_header: str = ""
    forwarded_headers: tuple[str, ...] = ("content-type", "accept")
    fixed_fields: Mapping[str, Any] = field(default_factory=dict, hash=False)
    variants: tuple[ModelVariant, ...] = ()
    url_end: str = ""  # of ``base_url``; OpenCode's package appends it by itself
    is_key_optional: bool = False  # a server of the user's own may not want one

    @property
    def has_completion_cap(self) -> bool:
        """True if the provider is known to apply ``max_completion_tokens``."""
        return self.npm in _COMPLETION_CAPS

    def format_key(self, key: str) -> str:
        """Return the value of ``key_header`` for ``key``, as the sandbox sends it."""
        return _format(self.key_header, key)

    def make_credential(self, key: str) -> tuple[str, str]:
        """Return the header that carries ``key`` to the provider, and its value; "" for no key."""
        header = self.sent_key_header or self.key_header
        return header, _format(header, key) if key else ""

    def build_endpoint(self, model: str) -> str:
        """Return the path (and query) of the endpoint for ``model``, below the base URL."""
        match self.protocol:
            case WireProtocol.CHAT:
                return "/chat/completions"
            case WireProtocol.RESPONSES:
                return "/responses"
            case WireProtocol.MESSAGES:
                return "/messages"
            case WireProtocol.GENERATE:
                return f"/models/{model}:streamGenerateContent?alt=sse"

    def build_target(self, model: str) -> str:
        """Return the only request target that the sandbox may use."""
        return self.sandbox_prefix + self.build_endpoint(model)

    def adapt(self, model: str) -> ProviderRow:
        """Return the row for ``model``: some providers use several protocols."""
        for variant in self.variants:
            if re.match(variant.pattern, model):
                row = self.speak(variant.protocol)
                base_url = variant.base_url or self.base_url
                return replace(row, base_url=base_url, sent_key_header=variant.sent_key_header)
        return self

    def speak(self, protocol: WireProtocol) -> ProviderRow:
        """Return the row with every field that depends on ``protocol`` set for it."""
        plain = make_row(self.name, protocol)
        return replace(
            self,
            protocol=protocol,
            npm=plain.npm,
            sandbox_prefix=plain.sandbox_prefix,
            key_header=plain.key_header,
            sent_key_header="",
            url_end="",
            forwarded_headers=plain.forwarded_headers,
        )


def make_row(name: str, protocol: WireProtocol, **more: Any) -> ProviderRow:
    """Return a row with the defaults of ``protocol``, as its inventor uses it."""
    return ProviderRow(**{"name": name, "protocol": protocol, **_DEFAULTS[protocol], **more})


_DEFAULTS: Final[Mapping[WireProtocol, Mapping[str, Any]]] = {
    WireProtocol.CHAT: {"npm": "@ai-sdk/openai-compatible"},
    WireProtocol.RESPONSES: {"npm": "@ai-sdk/openai"},
    WireProtocol.MESSAGES: {
        "npm": "@ai-sdk/anthropic",
        "key_header": "x-api-key",
        "forwarded_headers": ("content-type", "accept", "anthropic-version", "anthropic-beta"),
    },
    WireProtocol.GENERATE: {
        "npm": "@ai-sdk/google",
        "key_header": "x-goog-api-key",
        "sandbox_prefix": "/v1beta",
    },
}


def _format(header: str, key: str) -> str:
    return f"Bearer {key}" if header in _BEARER_HEADERS else key
