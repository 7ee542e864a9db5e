"""One table of model providers: where each lives, what it speaks, where its key is kept."""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from typing import Final


class Dialect(enum.Enum):
    """The protocol of a provider's one endpoint that the gateway lets through."""

    CHAT = "chat-completions"
    RESPONSES = "responses"
    MESSAGES = "messages"
    GENERATE = "generate-content"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """A provider. ``base_url`` includes the version segment and has no slash at its end.

    ``npm`` is the package OpenCode speaks to it with (all are bundled in its binary);
    ``sandbox_prefix`` is the version segment of the base URL OpenCode gets in the sandbox.
    ``default_model`` is only what is taken when the user named nothing; "" means "never chosen".
    """

    name: str
    dialect: Dialect
    npm: str
    base_url: str = ""
    key_names: tuple[str, ...] = ()
    default_model: str = ""
    sandbox_prefix: str = "/v1"
    key_header: str = "authorization"
    forwarded_headers: tuple[str, ...] = ("content-type", "accept")

    def format_key(self, key: str) -> str:
        """Return the value of ``key_header`` for ``key``."""
        return f"Bearer {key}" if self.key_header == "authorization" else key

    def build_endpoint(self, model: str) -> str:
        """Return the path (and query) below the base URL that answers for ``model``."""
        match self.dialect:
            case Dialect.CHAT:
                return "/chat/completions"
            case Dialect.RESPONSES:
                return "/responses"
            case Dialect.MESSAGES:
                return "/messages"
            case Dialect.GENERATE:
                return f"/models/{model}:streamGenerateContent?alt=sse"

    def build_target(self, model: str) -> str:
        """Return the one request target the sandbox may ask for."""
        return self.sandbox_prefix + self.build_endpoint(model)


def _chat(name: str, base_url: str, key_name: str = "", default_model: str = "") -> ProviderRow:
    """Return the row of a provider that speaks chat-completions."""
    return ProviderRow(
        name=name,
        dialect=Dialect.CHAT,
        npm="@ai-sdk/openai-compatible",
        base_url=base_url,
        key_names=(key_name,) if key_name else (),
        default_model=default_model,
    )


ANTHROPIC: Final = ProviderRow(
    name="anthropic",
    dialect=Dialect.MESSAGES,
    npm="@ai-sdk/anthropic",
    base_url="https://api.anthropic.com/v1",
    key_names=("ANTHROPIC_API_KEY",),
    default_model="claude-sonnet-5-5",
    key_header="x-api-key",
    forwarded_headers=("content-type", "accept", "anthropic-version", "anthropic-beta"),
)
OPENAI: Final = ProviderRow(
    name="openai",
    dialect=Dialect.RESPONSES,
    npm="@ai-sdk/openai",
    base_url="https://api.openai.com/v1",
    key_names=("OPENAI_API_KEY",),
    default_model="gpt-6.1-sol",
)
GOOGLE: Final = ProviderRow(
    name="google",
    dialect=Dialect.GENERATE,
    npm="@ai-sdk/google",
    base_url="https://generativelanguage.googleapis.com/v1beta",
    key_names=("GOOGLE_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY"),
    default_model="gemini-3.8-flash",
    sandbox_prefix="/v1beta",
    key_header="x-goog-api-key",
)
OPENROUTER: Final = ProviderRow(
    name="openrouter",
    dialect=Dialect.CHAT,
    npm="@openrouter/ai-sdk-provider",
    base_url="https://openrouter.ai/api/v1",
    key_names=("OPENROUTER_API_KEY",),
    default_model="anthropic/claude-sonnet-5.5",
)
COMPATIBLE: Final = _chat("openai-compatible", "")

PROVIDERS: Final[tuple[ProviderRow, ...]] = (
    ANTHROPIC,
    OPENAI,
    GOOGLE,
    OPENROUTER,
    _chat("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY"),
    _chat("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
    replace(
        _chat("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"), npm="@ai-sdk/mistral"
    ),
    _chat("xai", "https://api.x.ai/v1", "XAI_API_KEY"),
    _chat("togetherai", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    _chat("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
    _chat("moonshotai", "https://api.moonshot.ai/v1", "MOONSHOT_API_KEY"),
    _chat("ollama", "http://127.0.0.1:11434/v1"),
    _chat("lmstudio", "http://127.0.0.1:1234/v1"),
)


def find_provider(name: str) -> ProviderRow | None:
    """Return the row called ``name``, or ``None``."""
    return next((row for row in PROVIDERS if row.name == name), None)


def find_by_package(npm: str) -> ProviderRow:
    """Return the row whose protocol the OpenCode package ``npm`` speaks; chat when in doubt."""
    return next((row for row in (ANTHROPIC, OPENAI, GOOGLE) if row.npm == npm), COMPATIBLE)
