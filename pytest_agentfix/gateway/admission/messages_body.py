"""The allowed fields of a request in Anthropic's Messages protocol (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.gateway.admission.json_schema import schema
from pytest_agentfix.gateway.admission.media import (
    DOCUMENT_SOURCE,
    ELSEWHERE,
    IMAGE_SOURCE,
    cache_control,
)
from pytest_agentfix.gateway.admission.shapes import (
    DROPPED,
    Each,
    Fields,
    Kinds,
    Shape,
    TextOr,
    keep,
    one_of,
    plain,
    refusing,
    tool_name,
)

_HOSTED: Final = refusing(
    *("background", "container", "fallbacks", "mcp_servers", "models", "plugins", "route"),
    "skills",
)


def _part(**table: Shape) -> Fields:
    return Fields({**ELSEWHERE, "type": plain, "cache_control": cache_control, **table})


_READABLE: Final = {
    "text": _part(text=plain),
    "image": _part(source=IMAGE_SOURCE),
    "document": _part(
        source=DOCUMENT_SOURCE, title=plain, context=plain, citations=Fields({"enabled": plain})
    ),
}
_RESULT: Final = TextOr(Each(Kinds("A part of a tool's result", _READABLE)))
_PARTS: Final = Each(
    Kinds(
        "A content part",
        {
            **_READABLE,
            "thinking": _part(thinking=plain, signature=plain),
            "redacted_thinking": _part(data=plain),
            "tool_use": _part(id=plain, name=plain, input=keep),
            "tool_result": _part(tool_use_id=plain, content=_RESULT, is_error=plain),
        },
    )
)
_SYSTEM: Final = Each(Kinds("A part of the system prompt", {"text": _READABLE["text"]}))
_MESSAGE: Final = Fields({**ELSEWHERE, "role": plain, "content": TextOr(_PARTS)})
_TOOL: Final = Fields(
    {
        "type": plain,
        "name": tool_name,
        "description": plain,
        "input_schema": schema,
        "input_examples": keep,
        "strict": plain,
        "eager_input_streaming": plain,
        "cache_control": cache_control,
    }
)
_CHOICE: Final = Kinds(
    "A tool choice",
    dict.fromkeys(
        ("auto", "any", "none", "tool"),
        Fields({"type": plain, "name": tool_name, "disable_parallel_tool_use": plain}),
    ),
)
_THINKING: Final = Fields(
    {
        "type": plain,
        "display": plain,
        "budget_tokens": keep,  # see output_limits
        "block_binding": Fields({"prefix_mismatch_behavior": plain}),
    }
)
_FORMAT: Final = Fields({"type": plain, "schema": schema})
_AMOUNT: Final = Fields({"type": plain, "value": plain})
_EDIT: Final = Fields(
    {
        **dict.fromkeys(("type", "clear_tool_inputs", "exclude_tools"), plain),
        "trigger": _AMOUNT,
        "keep": TextOr(_AMOUNT),
        "clear_at_least": _AMOUNT,
    }
)
_EDIT_TYPES: Final = ("clear_tool_uses_20250919", "clear_thinking_20251015")


def _edit(value: Any) -> Any:
    """Return an edit that only removes content; drop one that costs a request for a summary."""
    copied = _EDIT(value)
    return copied if copied.get("type") in _EDIT_TYPES else DROPPED


MESSAGES: Final[Mapping[str, Shape]] = {
    **_HOSTED,
    **dict.fromkeys(("stream", "temperature", "top_p", "top_k", "stop_sequences"), plain),
    "model": plain,
    "messages": Each(_MESSAGE),
    "system": TextOr(_SYSTEM),
    "tools": Each(Kinds("A tool", {"custom": _TOOL}, default="custom")),
    "tool_choice": _CHOICE,
    "max_tokens": keep,  # see output_limits
    "thinking": _THINKING,
    "output_config": Fields({"effort": plain, "format": _FORMAT}),
    "output_format": _FORMAT,
    "cache_control": cache_control,
    "context_management": Fields({"edits": Each(_edit)}),
    "service_tier": one_of("auto", "standard_only"),
}
