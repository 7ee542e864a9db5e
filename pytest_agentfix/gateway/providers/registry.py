"""The table of model providers: address, protocol and key of each.

Names, URLs and variables are those of the catalogue in OpenCode's binary, if it has them; a test
compares every row. Providers that take no key in a header are in ``unsupported.py``.
"""

from __future__ import annotations

from typing import Final

from pytest_agentfix.gateway.providers.chat_providers import CHAT_PROVIDERS
from pytest_agentfix.gateway.providers.protocols import (
    ModelVariant,
    ProviderRow,
    WireProtocol,
    make_row,
)

__all__ = [
    "COMPATIBLE",
    "PROVIDERS",
    "ModelVariant",
    "ProviderRow",
    "WireProtocol",
    "find_by_package",
    "find_provider",
]

ANTHROPIC: Final = make_row(
    "anthropic",
    WireProtocol.MESSAGES,
    base_url="https://api.anthropic.com/v1",
    key_names=("ANTHROPIC_API_KEY",),
    default_model="claude-sonnet-5-5",
)
OPENAI: Final = make_row(
    "openai",
    WireProtocol.RESPONSES,
    base_url="https://api.openai.com/v1",
    key_names=("OPENAI_API_KEY",),
    default_model="gpt-6.1-sol",
)
GOOGLE: Final = make_row(
    "google",
    WireProtocol.GENERATE,
    base_url="https://generativelanguage.googleapis.com/v1beta",
    key_names=("GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY"),
    default_model="gemini-3.8-flash",
)
OPENROUTER: Final = make_row(
    "openrouter",
    WireProtocol.CHAT,
    npm="@openrouter/ai-sdk-provider",
    base_url="https://openrouter.ai/api/v1",
    key_names=("OPENROUTER_API_KEY",),
    default_model="anthropic/claude-sonnet-5.5",
)
COMPATIBLE: Final = make_row("openai-compatible", WireProtocol.CHAT)

# Azure has a header of its own for the key, and one resource serves three protocols.
_AZURE: Final = make_row(
    "azure",
    WireProtocol.RESPONSES,
    base_url="https://${AZURE_RESOURCE_NAME}.openai.azure.com/openai/v1",
    key_names=("AZURE_API_KEY",),
    sent_key_header="api-key",
    url_end="/v1",
    variants=(
        ModelVariant(
            pattern=r"claude-",
            protocol=WireProtocol.MESSAGES,
            base_url="https://${AZURE_RESOURCE_NAME}.services.ai.azure.com/anthropic/v1",
        ),
        ModelVariant(
            pattern=r"kimi-|deepseek-|llama-|mistral-|ministral-|phi-|codestral-|cohere-",
            protocol=WireProtocol.CHAT,
            sent_key_header="api-key",
        ),
    ),
)

# Each model has the protocol of its maker. Chosen only if the user names it.
_ZEN: Final = make_row(
    "opencode",
    WireProtocol.CHAT,
    base_url="https://opencode.ai/zen/v1",
    key_names=("OPENCODE_API_KEY",),
    variants=(
        ModelVariant(pattern=r"gpt-|muse-|grok-(?!code)", protocol=WireProtocol.RESPONSES),
        ModelVariant(
            pattern=r"claude-|qwen[\d.]+-(plus|flash)|minimax-.*-free",
            protocol=WireProtocol.MESSAGES,
        ),
        ModelVariant(pattern=r"gemini-", protocol=WireProtocol.GENERATE),
    ),
)
_GO: Final = make_row(
    "opencode-go",
    WireProtocol.CHAT,
    base_url="https://opencode.ai/zen/go/v1",
    key_names=("OPENCODE_API_KEY",),
    variants=(
        ModelVariant(pattern=r"gpt-|muse-|grok-", protocol=WireProtocol.RESPONSES),
        ModelVariant(pattern=r"claude-|qwen[\d.]+-flash|minimax-", protocol=WireProtocol.MESSAGES),
        ModelVariant(pattern=r"gemini-", protocol=WireProtocol.GENERATE),
    ),
)

_CLOUDFLARE: Final = make_row(
    "cloudflare-ai-gateway",
    WireProtocol.CHAT,
    base_url="https://gateway.ai.cloudflare.com/v1/${CLOUDFLARE_ACCOUNT_ID}/${CLOUDFLARE_GATEWAY_ID}/compat",
    key_names=("CLOUDFLARE_API_TOKEN", "CF_AIG_TOKEN"),
    sent_key_header="cf-aig-authorization",
)


def _make_messages_row(name: str, base_url: str, key_name: str) -> ProviderRow:
    return make_row(name, WireProtocol.MESSAGES, base_url=base_url, key_names=(key_name,))


PROVIDERS: Final[tuple[ProviderRow, ...]] = (
    ANTHROPIC,
    OPENAI,
    GOOGLE,
    OPENROUTER,
    _AZURE,
    _ZEN,
    _GO,
    _CLOUDFLARE,
    _make_messages_row("minimax", "https://api.minimax.io/anthropic/v1", "MINIMAX_API_KEY"),
    _make_messages_row("minimax-cn", "https://api.minimax.cn/anthropic/v1", "MINIMAX_API_KEY"),
    make_row(
        "meta",
        WireProtocol.RESPONSES,
        base_url="https://api.meta.ai/v1",
        key_names=("META_MODEL_API_KEY",),
    ),
    make_row(
        "perplexity",
        WireProtocol.CHAT,
        base_url="https://api.perplexity.ai",
        key_names=("PERPLEXITY_API_KEY",),
        fixed_fields={"disable_search": True},  # its models search the web by default
    ),
    make_row(
        "venice",
        WireProtocol.CHAT,
        base_url="https://api.venice.ai/api/v1",
        key_names=("VENICE_API_KEY",),
        # Scraping reads the URLs in a prompt.
        fixed_fields={
            "venice_parameters": {"enable_web_search": "off", "enable_web_scraping": False}
        },
    ),
    make_row(
        "deepinfra",
        WireProtocol.CHAT,
        base_url="https://api.deepinfra.com/v1/openai",
        key_names=("DEEPINFRA_API_KEY",),
        url_end="/openai",
    ),
    *CHAT_PROVIDERS,
)


def find_provider(name: str) -> ProviderRow | None:
    """Return the row called ``name``, ``None`` if there is none."""
    return next((row for row in PROVIDERS if row.name == name), None)


def find_by_package(npm: str) -> ProviderRow:
    """Return the row with the protocol of the OpenCode package ``npm``; chat if unknown."""
    return next((row for row in (ANTHROPIC, OPENAI, GOOGLE) if row.npm == npm), COMPATIBLE)
