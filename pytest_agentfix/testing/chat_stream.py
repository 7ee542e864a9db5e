"""The chat-completions protocol, as far as a scripted model speaks it (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pytest_agentfix.testing.replies import Call, Calls, Say, ScriptedUsage

_PIECE = 20  # characters of text or arguments per chunk: several chunks even for short answers
_LETTERS_PER_TOKEN = 4


def iter_frames(
    body: Mapping[str, Any], reply: Say | Call | Calls, *, is_open: bool, created: int
) -> Iterator[bytes]:
    """Yield the answer as server-sent events; ``is_open`` leaves out everything of an end."""
    head = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": created,
        "model": body.get("model", "scripted"),
    }
    for delta in _iter_deltas(reply, number=_count_messages(body)):
        yield _frame({**head, "choices": [_choice(delta, None)]})
    if is_open:
        return
    yield _frame({**head, "choices": [_choice({}, _finish_reason(reply))]})
    if (body.get("stream_options") or {}).get("include_usage"):
        yield _frame({**head, "choices": [], "usage": _count(body, reply)})
    yield b"data: [DONE]\n\n"


def make_completion(body: Any, reply: Say | Call | Calls) -> dict[str, Any]:
    """Return the answer to a request that does not stream."""
    asked = body if isinstance(body, dict) else {}
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if calls := _list_calls(reply):
        message["tool_calls"] = [
            _describe(f"call_{index}", index, call, _dump_arguments(call))
            for index, call in enumerate(calls)
        ]
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "model": asked.get("model", "scripted"),
        "choices": [{"index": 0, "message": message, "finish_reason": _finish_reason(reply)}],
        "usage": _count(asked, reply),
    }


def _dump_arguments(call: Call) -> str:
    """Return a call's arguments in the form the protocol wants them in."""
    return json.dumps(dict(call.arguments))


def _count_messages(body: Mapping[str, Any]) -> int:
    messages = body.get("messages")
    return len(messages) if isinstance(messages, list) else 0


def _iter_deltas(reply: Say | Call | Calls, *, number: int) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in _cut(reply.text):
        yield {"content": piece}
    for index, call in enumerate(_list_calls(reply)):
        yield {"tool_calls": [_describe(f"call_{number}_{index}", index, call, "")]}
        for piece in _cut(_dump_arguments(call)):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _describe(identity: str, index: int, call: Call, arguments: str) -> dict[str, Any]:
    function = {"name": call.tool, "arguments": arguments}
    return {"index": index, "id": identity, "type": "function", "function": function}


def _list_calls(reply: Say | Call | Calls) -> Sequence[Call]:
    match reply:
        case Call():
            return [reply]
        case Calls():
            return reply.calls
        case Say():
            return []


def _cut(text: str) -> list[str]:
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def _choice(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _finish_reason(reply: Say | Call | Calls) -> str:
    return "tool_calls" if _list_calls(reply) else "stop"


def _count(body: Mapping[str, Any], reply: Say | Call | Calls) -> dict[str, Any]:
    """Return the usage object: what the reply says, or a guess by length."""
    usage = reply.usage or ScriptedUsage(
        prompt_tokens=len(json.dumps(body.get("messages", []))) // _LETTERS_PER_TOKEN,
        completion_tokens=_measure(reply) // _LETTERS_PER_TOKEN + 1,
    )
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def _measure(reply: Say | Call | Calls) -> int:
    return len(reply.text) + sum(len(_dump_arguments(call)) for call in _list_calls(reply))


def _frame(payload: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(payload).encode() + b"\n\n"
