"""The shortest complete answer of a model in each of the four protocols (pure).

Their forms follow the providers' API references.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_agentfix.gateway.providers.protocols import WireProtocol

_ID: Final = "warm-up"
_WORD: Final = "ok"


def make_answer(protocol: WireProtocol) -> bytes:
    """Return a complete streamed answer in ``protocol``: one word, a proper end, no tokens."""
    match protocol:
        case WireProtocol.CHAT:
            return _write(_CHAT, is_named=False) + b"data: [DONE]\n\n"
        case WireProtocol.RESPONSES:
            numbered = [{**event, "sequence_number": at} for at, event in enumerate(_RESPONSES)]
            return _write(numbered, is_named=True)
        case WireProtocol.MESSAGES:
            return _write(_MESSAGES, is_named=True)
        case WireProtocol.GENERATE:
            return _write([_GENERATE], is_named=False)


def _write(events: Sequence[Mapping[str, Any]], *, is_named: bool) -> bytes:
    """Return server-sent events, each with its type as its name if ``is_named``."""
    names = [f"event: {event['type']}\n" if is_named else "" for event in events]
    datas = [f"data: {json.dumps(event)}\n\n" for event in events]
    return "".join(name + data for name, data in zip(names, datas, strict=True)).encode()


def _chat(choices: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    head = {"id": _ID, "object": "chat.completion.chunk", "created": 0, "model": _ID}
    return {**head, "choices": choices, **more}


_CHAT: Final = [
    _chat([{"index": 0, "delta": {"role": "assistant", "content": _WORD}, "finish_reason": None}]),
    _chat([{"index": 0, "delta": {}, "finish_reason": "stop"}]),
    _chat([], usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}),
]

_MESSAGES: Final[list[dict[str, Any]]] = [
    {
        "type": "message_start",
        "message": {
            "id": _ID,
            "type": "message",
            "role": "assistant",
            "model": _ID,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        },
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": _WORD}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 0},
    },
    {"type": "message_stop"},
]

_PART: Final = {"type": "output_text", "annotations": [], "logprobs": [], "text": _WORD}
_ITEM: Final = {"id": "msg_warm_up", "type": "message", "role": "assistant"}
_DONE_ITEM: Final = {**_ITEM, "status": "completed", "content": [_PART]}
_PLACE: Final = {"output_index": 0, "item_id": _ITEM["id"], "content_index": 0}
_RESPONSE: Final[dict[str, Any]] = {
    "id": "resp_warm_up",
    "object": "response",
    "created_at": 0,
    "status": "in_progress",
    "error": None,
    "incomplete_details": None,
    "model": _ID,
    "output": [],
    "usage": None,
}
_NO_TOKENS: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 0,
}
_RESPONSES: Final[list[dict[str, Any]]] = [
    {"type": "response.created", "response": _RESPONSE},
    {
        "type": "response.output_item.added",
        "output_index": 0,
        "item": {**_ITEM, "status": "in_progress", "content": []},
    },
    {"type": "response.content_part.added", **_PLACE, "part": {**_PART, "text": ""}},
    {"type": "response.output_text.delta", **_PLACE, "delta": _WORD, "logprobs": []},
    {"type": "response.output_text.done", **_PLACE, "text": _WORD, "logprobs": []},
    {"type": "response.content_part.done", **_PLACE, "part": _PART},
    {"type": "response.output_item.done", "output_index": 0, "item": _DONE_ITEM},
    {
        "type": "response.completed",
        "response": {
            **_RESPONSE,
            "status": "completed",
            "output": [_DONE_ITEM],
            "usage": _NO_TOKENS,
        },
    },
]

_GENERATE: Final[dict[str, Any]] = {
    "candidates": [
        {
            "content": {"parts": [{"text": _WORD}], "role": "model"},
            "index": 0,
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {"promptTokenCount": 0, "candidatesTokenCount": 0, "totalTokenCount": 0},
    "modelVersion": _ID,
    "responseId": _ID,
}
