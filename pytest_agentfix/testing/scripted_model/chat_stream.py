"""The chat-completions protocol, as far as a scripted model speaks it (pure)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pytest_agentfix.testing.scripted_model.events import (
    Answer,
    Asked,
    count,
    cut,
    dump_arguments,
    frame,
    list_calls,
)
from pytest_agentfix.testing.scripted_model.replies import Call, ScriptedUsage


def iter_frames(asked: Asked, reply: Answer, *, is_open: bool) -> Iterator[bytes]:
    """Yield the answer as server-sent events; ``is_open`` leaves out the end."""
    head = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": asked.created,
        "model": asked.model,
    }
    for delta in _iter_deltas(reply, number=asked.number):
        yield frame({**head, "choices": [_choice(delta, None)]})
    if is_open:
        return
    yield frame({**head, "choices": [_choice({}, _finish_reason(reply))]})
    usage = count(asked, reply)
    if usage and (asked.body.get("stream_options") or {}).get("include_usage"):
        yield frame({**head, "choices": [], "usage": _describe_usage(usage)})
    yield b"data: [DONE]\n\n"


def make_completion(asked: Asked, reply: Answer) -> dict[str, Any]:
    """Return the answer to a request that does not stream."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text}
    if calls := list_calls(reply):
        message["tool_calls"] = [
            _describe(f"call_{index}", index, call, dump_arguments(call))
            for index, call in enumerate(calls)
        ]
    completion = {
        "id": "chatcmpl-scripted",
        "object": "chat.completion",
        "created": asked.created,
        "model": asked.model,
        "choices": [{"index": 0, "message": message, "finish_reason": _finish_reason(reply)}],
    }
    usage = count(asked, reply)
    return {**completion, "usage": _describe_usage(usage)} if usage else completion


def _iter_deltas(reply: Answer, *, number: int) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant", "content": ""}
    for piece in cut(reply.text):
        yield {"content": piece}
    for index, call in enumerate(list_calls(reply)):
        yield {"tool_calls": [_describe(f"call_{number}_{index}", index, call, "")]}
        for piece in cut(dump_arguments(call)):
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}


def _describe(identity: str, index: int, call: Call, arguments: str) -> dict[str, Any]:
    function = {"name": call.tool, "arguments": arguments}
    return {"index": index, "id": identity, "type": "function", "function": function}


def _choice(delta: dict[str, Any], finish_reason: str | None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _finish_reason(reply: Answer) -> str:
    return "tool_calls" if list_calls(reply) else "stop"


def _describe_usage(usage: ScriptedUsage) -> dict[str, Any]:
    details = {"cached_tokens": usage.cached_tokens}
    if usage.written_tokens:  # as OpenRouter says it; others do not
        details["cache_write_tokens"] = usage.written_tokens
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "prompt_tokens_details": details,
    }
