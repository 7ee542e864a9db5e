"""Providers and models refused by name, with the reason and the nearest alternative.

These are providers whose credential is not a key in a header, and models that do not only answer
but act at the provider: a hosted search or agent would be a way out of the sandbox.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.errors import ModelUnknownError

_BY_URL: Final = "--agent-fix-base-url URL and --agent-fix-api-key-env NAME"
ANY_PROXY: Final = f"Or put an OpenAI-compatible proxy, such as LiteLLM, in front: {_BY_URL}."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    """An unsupported provider; ``why`` completes a sentence that begins with its name."""

    why: str
    instead: str = ""


_VERTEX: Final = _Provider(
    why="takes short-lived tokens of a Google Cloud identity",
    instead="Use google/MODEL with GEMINI_API_KEY.",
)
_MACHINE: Final = _Provider(why="takes tokens that its own sign-in makes out of a service key")

_PROVIDERS: Final[dict[str, _Provider]] = {
    "amazon-bedrock": _Provider(
        why="signs each request with an AWS identity (SigV4)",
        instead="With a Bedrock API key, use its OpenAI-compatible endpoint:"
        " --agent-fix-base-url https://bedrock-runtime.REGION.amazonaws.com/openai/v1"
        " --agent-fix-api-key-env AWS_BEARER_TOKEN_BEDROCK.",
    ),
    "azure-cognitive-services": _Provider(
        why="is the older address of Azure's models", instead="Use azure/DEPLOYMENT."
    ),
    "github-copilot": _Provider(
        why="takes tokens of a Copilot login, which only OpenCode itself renews",
        instead="Use github-models/MODEL with GITHUB_TOKEN.",
    ),
    "gitlab": _Provider(
        why="runs its agents at GitLab (Duo), through a protocol of its own",
        instead="Use the model's own provider, such as anthropic/MODEL.",
    ),
    "google-vertex": _VERTEX,
    "google-vertex-anthropic": _Provider(
        why=_VERTEX.why, instead="Use anthropic/MODEL with ANTHROPIC_API_KEY."
    ),
    "sap-ai-core": _MACHINE,
    "watsonx": _Provider(why="takes short-lived tokens of IBM's identity service"),
    "snowflake-cortex": _Provider(
        why="wants requests rewritten in ways that only OpenCode's own loader knows",
        instead="Use the model's own provider, such as anthropic/MODEL.",
    ),
    "perplexity-agent": _Provider(
        why="runs agents with a web search of their own",
        instead="Use the model's own provider, such as anthropic/MODEL.",
    ),
    "merge-gateway": _Provider(why="speaks a protocol of its own"),
    "qvac": _Provider(why="runs models in a package that OpenCode would have to install"),
    "salad-cloud": _Provider(why="needs a package that OpenCode would have to install"),
}

# Packages in the user's own OpenCode config that mean one of the above.
_PACKAGES: Final[dict[str, str]] = {
    "@ai-sdk/amazon-bedrock": "amazon-bedrock",
    "@ai-sdk/amazon-bedrock/mantle": "amazon-bedrock",
    "@ai-sdk/google-vertex": "google-vertex",
    "@ai-sdk/google-vertex/anthropic": "google-vertex-anthropic",
    "@ai-sdk/github-copilot": "github-copilot",
    "gitlab-ai-provider": "gitlab",
    "@jerome-benoit/sap-ai-provider-v2": "sap-ai-core",
}

UNSUPPORTED: Final = tuple(sorted(_PROVIDERS))


def check_provider(name: str, npm: str = "") -> None:
    """Raise ``ModelUnknownError`` if the provider ``name`` does not take a key in a header.

    If ``npm`` is given, the package that the user's own OpenCode config has for it with a URL of
    the user's own, the package decides instead of the name.
    """
    entry = _PROVIDERS.get(_PACKAGES.get(npm, "") if npm else name)
    if entry is not None:
        raise ModelUnknownError(
            f"The provider {name} cannot be used from a sandbox: it {entry.why}.",
            f"{entry.instead} {ANY_PROXY}".strip(),
        )


def advise_instead(provider: str) -> str:
    """Return the nearest alternative to a login without a key."""
    entry = _PROVIDERS.get(provider)
    return f"{entry.instead} {ANY_PROXY}".strip() if entry else ANY_PROXY


@dataclass(frozen=True, slots=True, kw_only=True)
class _Family:
    """Models that act at the provider. ``pattern`` may match anywhere; ``providers`` () is all."""

    pattern: str
    why: str
    providers: tuple[str, ...] = ()
    spared: tuple[str, ...] = ()


_FAMILIES: Final[tuple[_Family, ...]] = (
    _Family(pattern=r"deep-?research", why="is a research agent that reads the web"),
    _Family(pattern=r"gpt-[\w.-]*-search", why="searches the web"),
    _Family(pattern=r"(^|[/-])sonar", why="searches the web", spared=("perplexity",)),
    _Family(pattern=r"(^|/)compound(-|$)", why="runs its own tools at the provider"),
    _Family(pattern=r"multi-agent", why="runs agents with tools of their own at the provider"),
    _Family(
        pattern=r"(^|/)fusion",
        why="asks several models, some with a web search",
        providers=("openrouter", "orcarouter"),
    ),
    _Family(pattern=r"computer-use", why="drives a browser and takes no other tools"),
)
_ONLINE: Final = ":online"


def check_model(provider: str, model: str) -> None:
    """Raise ``ModelUnknownError`` if ``model`` acts at the provider on its own."""
    if model.endswith(_ONLINE):
        plain = model.removesuffix(_ONLINE)
        raise ModelUnknownError(
            f"{provider}/{model} searches the web, which would be a way out of the sandbox.",
            f"Leave {_ONLINE} out: --agent-fix-model {provider}/{plain}.",
        )
    for family in _FAMILIES:
        is_meant = provider in (family.providers or (provider,)) and provider not in family.spared
        if is_meant and re.search(family.pattern, model, re.IGNORECASE):
            raise ModelUnknownError(
                f"{provider}/{model} {family.why}, which would be a way out of the sandbox.",
                "Name a model that only answers, with --agent-fix-model PROVIDER/MODEL.",
            )
