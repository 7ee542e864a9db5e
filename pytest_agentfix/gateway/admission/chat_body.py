"""The allowed fields of a chat-completions request, in all flavours of OpenCode (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.gateway.admission.json_schema import schema
from pytest_agentfix.gateway.admission.media import (
    ELSEWHERE,
    base64_data,
    cache_control,
    data_url,
    file_data,
    image_object,
    media_object,
)
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
    tool_name,
)

_HOSTED: Final = refusing(
    *("agent", "background", "container", "conversation", "documents", "fallbacks"),
    *("mcp_servers", "models", "plugins", "preset", "previous_response_id", "prompt", "route"),
    # Web search, as each provider calls it.
    *("compound_custom", "enable_search", "search", "search_options", "search_parameters"),
    *("search_settings", "web_search", "web_search_options"),
)


def _part(**table: Shape) -> Fields:
    return Fields({**ELSEWHERE, "type": plain, "cache_control": cache_control, **table})


_TEXT: Final = _part(text=plain)
_AUDIO: Final = Fields({**ELSEWHERE, "data": base64_data, "format": plain})
_FILE: Final = Fields({**ELSEWHERE, "filename": plain, "file_data": file_data})
_THOUGHT: Final = TextOr(Each(Kinds("A thought", {"text": _TEXT})))
_PARTS: Final = Each(
    Kinds(
        "A content part",
        {
            "text": _TEXT,
            "refusal": _part(refusal=plain),
            "image_url": _part(image_url=image_object),
            "video_url": _part(video_url=media_object),
            "input_audio": _part(input_audio=_AUDIO),
            "file": _part(file=_FILE),
            "document_url": _part(document_url=data_url),  # Mistral's
            "thinking": _part(thinking=_THOUGHT, signature=plain, closed=plain),  # Mistral's
        },
    )
)
_CALL: Final = Fields(
    {
        "id": plain,
        "index": plain,
        "type": plain,
        "function": Fields({"name": plain, "arguments": plain}),
        "custom": Fields({"name": plain, "input": plain}),
        # Gemini's signature of a thought; it rejects a history without it.
        "extra_content": Fields({"google": Fields({"thought_signature": plain})}),
    }
)
_DETAIL: Final = Fields(
    dict.fromkeys(
        ("type", "id", "index", "format", "text", "summary", "data", "signature"),
        plain,
    )
)
_MESSAGE: Final = Fields(
    {
        **ELSEWHERE,
        **dict.fromkeys(("role", "name", "tool_call_id", "refusal", "prefix"), plain),
        **dict.fromkeys(("reasoning", "reasoning_content", "reasoning_text"), plain),
        "content": TextOr(_PARTS),
        "tool_calls": Each(_CALL),
        "reasoning_details": Each(_DETAIL),
        "cache_control": cache_control,
    }
)
_FUNCTION: Final = Fields(
    {"name": tool_name, "description": plain, "parameters": schema, "strict": plain}
)
_CUSTOM: Final = Fields({"name": tool_name, "description": plain, "format": keep})
_OWN: Final[Mapping[str, Shape]] = {
    "type": plain,
    "function": _FUNCTION,
    "custom": _CUSTOM,
    "cache_control": cache_control,
    "eager_input_streaming": plain,
}
_NAMED: Final = Fields({"name": tool_name})


def choice_word(value: Any) -> Any:
    """Return ``value`` if it is one of the words that choose whether to call tools."""
    return Kinds("A tool choice", dict.fromkeys(("auto", "none", "required", "any"), keep))(
        {"type": value}
    )["type"]


def _choice(value: Any) -> Any:
    return choice_word(value) if isinstance(value, str) else _CHOSEN(value)


_CHOSEN: Final = Kinds(
    "A tool choice",
    {
        "function": Fields({"type": plain, "function": _NAMED}),
        "custom": Fields({"type": plain, "custom": _NAMED}),
    },
)
_FORMAT: Final = Fields(
    {
        "type": plain,
        "json_schema": Fields(
            {"name": plain, "description": plain, "schema": schema, "strict": plain}
        ),
    }
)
_REASONING: Final = Fields(
    {
        "effort": plain,
        "enabled": plain,
        "exclude": plain,
        "summary": plain,
        "max_tokens": keep,  # see output_limits
    }
)
_PLAIN: Final = (
    *("stream", "temperature", "top_p", "top_k", "top_a", "min_p", "stop", "seed", "random_seed"),
    *("frequency_penalty", "presence_penalty", "repetition_penalty", "logprobs", "top_logprobs"),
    *("parallel_tool_calls", "parallel_function_calling", "safe_prompt", "prompt_cache_key"),
    *("reasoning_effort", "reasoning_format", "include_reasoning", "verbosity", "enable_thinking"),
)
CHAT: Final[Mapping[str, Shape]] = {
    **_HOSTED,
    **dict.fromkeys(_PLAIN, plain),
    **dict.fromkeys(("max_tokens", "max_completion_tokens", "thinking_budget"), keep),
    "model": plain,
    "messages": Each(_MESSAGE),
    "tools": Each(Kinds("A tool", {"function": Fields(_OWN), "custom": Fields(_OWN)})),
    "tool_choice": _choice,
    "stream_options": Fields({"include_usage": plain}),
    "usage": Fields({"include": plain}),
    "response_format": _FORMAT,
    "reasoning": _REASONING,
    "thinking": Fields({"type": plain, "budget_tokens": keep, "clear_thinking": plain}),
    "chat_template_args": Fields({"enable_thinking": plain}),
    "chat_template_kwargs": Fields({"enable_thinking": plain, "thinking": plain}),
    "service_tier": one_of("auto", "default", "flex"),
    "n": only_one,
    "best_of": only_one,
    "store": always(value=False),
}
