"""Which of the sandbox's headers go on to the provider, and which values of them (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

_PLAIN: Final = re.compile(r"[\x20-\x7e]{1,1000}")
_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    # Whoever asked for HTML could get it, and would make the provider look like a wrong URL.
    "accept": re.compile(r"(?:(?:\*/\*|application/json|text/event-stream)(?:, ?(?!\Z)|\Z)){1,3}"),
    "anthropic-version": re.compile(r"\d{4}-\d{2}-\d{2}"),
}
# Whatever a table says: the sandbox's credentials end here.
_CREDENTIALS: Final = frozenset(
    {"api-key", "authorization", "cf-aig-authorization", "cookie", "proxy-authorization"}
    | {"x-api-key", "x-goog-api-key"}
)
# Each followed by a date. What is not here runs things at the provider (code-execution, mcp-client,
# skills, files-api), spends more (context-1m, fast-mode, extended-cache-ttl, compact), or takes
# another model (server-side-fallback).
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
    """Yield those of ``headers`` (names in lower case) that are ``allowed`` and have good values.

    A header that is there twice is left out, but for ``anthropic-beta``, which is a list.
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
