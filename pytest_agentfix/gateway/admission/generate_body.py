"""The allowed fields of a request in Google's generateContent protocol (pure).

Names may be in snake case as well; they are passed on in camel case.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from pytest_agentfix.gateway.admission.json_schema import schema
from pytest_agentfix.gateway.admission.media import ELSEWHERE, base64_data, media_type
from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.admission.shapes import (
    Each,
    Fields,
    Shape,
    keep,
    one_of,
    only_one,
    plain,
    quote,
    refusing,
    to_camel,
    tool_name,
)

_Fields: Final = partial(Fields, is_camel=True)
_HOSTED: Final = refusing("cachedContent", "model", "modelConfig", "routingConfig", "requests")

_BLOB: Final = _Fields(
    {**ELSEWHERE, "mimeType": media_type, "displayName": plain, "data": base64_data}
)
_INNER: Final[Mapping[str, Shape]] = {**ELSEWHERE, "text": plain, "inlineData": _BLOB}
_PLACE: Final = refusing("codeExecutionResult", "executableCode", "toolCall", "toolResponse")
_ANSWER: Final = _Fields(
    {
        **ELSEWHERE,
        "id": plain,
        "name": plain,
        "response": keep,
        "scheduling": plain,
        "parts": Each(_Fields({**_INNER, **_PLACE})),
    }
)
_PART: Final = _Fields(
    {
        **_INNER,
        **_PLACE,
        "thought": plain,
        "thoughtSignature": plain,
        "functionCall": _Fields({"id": plain, "name": plain, "args": keep}),
        "functionResponse": _ANSWER,
    }
)
_CONTENT: Final = _Fields({**ELSEWHERE, "role": plain, "parts": Each(_PART)})
_DECLARATION: Final = _Fields(
    {
        "name": tool_name,
        "description": plain,
        "behavior": plain,
        **dict.fromkeys(
            ("parameters", "parametersJsonSchema", "response", "responseJsonSchema"), schema
        ),
    }
)
_DECLARED: Final = _Fields({"functionDeclarations": Each(_DECLARATION)})


def _tool(value: Any) -> Any:
    """Return declarations of functions; refuse other kinds of tools, which run at the provider."""
    copied = _DECLARED(value)
    for name, entry in value.items():
        if to_camel(name) not in _DECLARED.table and entry is not None:
            raise RefusedError(403, f"A tool of the type {quote(name)} is not allowed here.")
    return copied


_CALLING: Final = _Fields(
    dict.fromkeys(("mode", "allowedFunctionNames", "streamFunctionCallArguments"), plain)
)
_CONFIG: Final = _Fields(
    {
        **refusing("cachedContent", "modelConfig", "routingConfig"),
        **dict.fromkeys(
            ("temperature", "topP", "topK", "seed", "frequencyPenalty", "presencePenalty"), plain
        ),
        **dict.fromkeys(("stopSequences", "responseMimeType", "responseLogprobs"), plain),
        "logprobs": plain,
        **dict.fromkeys(("responseSchema", "responseJsonSchema"), schema),
        "maxOutputTokens": keep,  # see output_limits
        "candidateCount": only_one,
        "thinkingConfig": _Fields(
            {"includeThoughts": plain, "thinkingLevel": plain, "thinkingBudget": keep}
        ),
    }
)
_TIERS: Final = ("standard", "flex", "SERVICE_TIER_STANDARD", "SERVICE_TIER_FLEX")
GENERATE: Final[Mapping[str, Shape]] = {
    **_HOSTED,
    "contents": Each(_CONTENT),
    "systemInstruction": _CONTENT,
    "tools": Each(_tool),
    "toolConfig": _Fields({"functionCallingConfig": _CALLING}),
    "safetySettings": Each(_Fields({"category": plain, "threshold": plain})),
    "generationConfig": _CONFIG,
    "serviceTier": one_of(*_TIERS),
}
