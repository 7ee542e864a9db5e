"""Selects the sandbox's headers that are passed on to the provider (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_PLAIN: Final = re.compile(r"[\x20-\x7e]{1,1000}")
_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    # A request for HTML might get HTML, and the provider's URL would look wrong.
    "accept": re.compile(r"(?:(?:\*/\*|application/json|text/event-stream)(?:, ?(?!\Z)|\Z)){1,3}"),
    "anthropic-version": re.compile(r"\d{4}-\d{2}-\d{2}"),
}
# The sandbox's credentials are never passed on, whatever a table says.
_CREDENTIALS: Final = frozenset(
    {"api-key", "authorization", "cf-aig-authorization", "cookie", "proxy-authorization"}
    | {"x-api-key", "x-goog-api-key"}
)
# Each is followed by a date. Betas that are missing here run tools at the provider (code-execution,
# mcp-client, skills, files-api), cost more (context-1m, fast-mode, extended-cache-ttl, compact), or
# use another model (server-side-fallback).
_BETAS: Final = (
    "context-management",
    "effort",
    "fine-grained-tool-streaming",
    "interleaved-thinking",
    "output-128k",
    "prompt-caching",
    "structured-outputs",
    "thinking-binding-controls",
    "token-efficient-tools",
    "tool-examples",
)
_BETA: Final = re.compile(rf"(?:{'|'.join(_BETAS)})-\d{{4}}-\d{{2}}-\d{{2}}")
_BETA_LIMIT: Final = 20


def iter_forwarded(
    headers: Sequence[tuple[str, str]], *, allowed: Sequence[str]
) -> Iterator[tuple[str, str]]:
    """Yield the ``headers`` (names in lower case) that are ``allowed`` and have good values.

    A header that occurs twice is left out, except ``anthropic-beta``, which is a list.
    """
    for name in allowed:
        values = [value for header, value in headers if header == name]
        if name == "anthropic-beta":
            values = [betas] if (betas := _sift_betas(values)) else []
        elif name == "content-type" and values:
            values = ["application/json"]
        is_good = len(values) == 1 and _FORMS.get(name, _PLAIN).fullmatch(values[0])
        if is_good and name not in _CREDENTIALS:
            yield name, values[0]


def _sift_betas(values: Sequence[str]) -> str:
    asked = [beta.strip() for value in values for beta in value.split(",")]
    found = dict.fromkeys(beta for beta in asked if _BETA.fullmatch(beta))
    return ",".join(list(found)[:_BETA_LIMIT])
