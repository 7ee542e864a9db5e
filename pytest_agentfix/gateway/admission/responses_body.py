"""The allowed fields of a request in OpenAI's Responses protocol (pure).

Ids of items are left out: nothing is stored, so an id could only lead to what others stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.gateway.admission.chat_body import choice_word
from pytest_agentfix.gateway.admission.json_schema import schema
from pytest_agentfix.gateway.admission.media import ELSEWHERE, base64_data, file_data, image_url
from pytest_agentfix.gateway.admission.shapes import (
    Each,
    Fields,
    Kinds,
    Shape,
    TextOr,
    always,
    keep,
    one_of,
    only_one,
    plain,
    refusing,
    sift,
    tool_name,
)

_HOSTED: Final = refusing(
    *("background", "container", "conversation", "fallbacks", "mcp_servers", "models"),
    *("plugins", "previous_response_id", "prompt", "route", "search_parameters"),
    "web_search_options",
)


def _part(**table: Shape) -> Fields:
    return Fields({**ELSEWHERE, "type": plain, **table})


_TEXT: Final = _part(text=plain)
_AUDIO: Final = Fields({**ELSEWHERE, "data": base64_data, "format": plain})
_PARTS: Final = Each(
    Kinds(
        "A content part",
        {
            "input_text": _TEXT,
            "output_text": _TEXT,
            "refusal": _part(refusal=plain),
            "input_image": _part(image_url=image_url, detail=plain),
            "input_file": _part(filename=plain, file_data=file_data),
            "input_audio": _part(input_audio=_AUDIO),
        },
    )
)
_SUMMARY: Final = Each(Kinds("A summary", {"summary_text": _TEXT}))
_THOUGHTS: Final = Each(Kinds("A thought", {"reasoning_text": _TEXT}))
_MESSAGE: Final = _part(role=plain, content=TextOr(_PARTS), status=plain, phase=plain)
_OUTPUT: Final = _part(call_id=plain, output=TextOr(_PARTS), status=plain)
_ITEMS: Final = Each(
    Kinds(
        "An item",
        {
            "message": _MESSAGE,
            "reasoning": _part(
                summary=_SUMMARY, content=_THOUGHTS, encrypted_content=plain, status=plain
            ),
            "function_call": _part(call_id=plain, name=plain, arguments=plain, status=plain),
            "function_call_output": _OUTPUT,
            "custom_tool_call": _part(call_id=plain, name=plain, input=plain, status=plain),
            "custom_tool_call_output": _OUTPUT,
        },
        default="message",
    )
)
_TOOLS: Final = Each(
    Kinds(
        "A tool",
        {
            "function": Fields(
                {
                    "type": plain,
                    "name": tool_name,
                    "description": plain,
                    "parameters": schema,
                    "strict": plain,
                }
            ),
            "custom": Fields(
                {"type": plain, "name": tool_name, "description": plain, "format": keep}
            ),
        },
    )
)
_NAMED: Final = Fields({"type": plain, "name": tool_name})
_CHOSEN: Final = Kinds("A tool choice", {"function": _NAMED, "custom": _NAMED})


def _choice(value: Any) -> Any:
    return choice_word(value) if isinstance(value, str) else _CHOSEN(value)


_FORMAT: Final = Fields(
    {"type": plain, "name": plain, "description": plain, "schema": schema, "strict": plain}
)
_PLAIN: Final = (
    *("instructions", "stream", "temperature", "top_p", "top_logprobs", "parallel_tool_calls"),
    *("max_tool_calls", "prompt_cache_key", "truncation"),
)
RESPONSES: Final[Mapping[str, Shape]] = {
    **_HOSTED,
    **dict.fromkeys(_PLAIN, plain),
    "model": plain,
    "input": TextOr(_ITEMS),
    "tools": _TOOLS,
    "tool_choice": _choice,
    "max_output_tokens": keep,  # see output_limits
    "stream_options": Fields({"include_obfuscation": plain}),
    # Its "mode" may be one that costs many times as much.
    "reasoning": Fields({"effort": plain, "summary": plain, "generate_summary": plain}),
    "text": Fields({"verbosity": plain, "format": _FORMAT}),
    "include": sift("reasoning.encrypted_content", "message.output_text.logprobs"),
    "service_tier": one_of("auto", "default", "flex"),
    "n": only_one,
    "store": always(value=False),
}
