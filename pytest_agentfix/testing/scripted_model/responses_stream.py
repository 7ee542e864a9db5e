"""OpenAI's responses protocol, as far as a scripted model speaks it (pure).

Its form is that of the provider's API reference, "Streaming events".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    """Yield the answer as server-sent events; ``is_open`` leaves out the end.

    Only the last event has the usage. A reply without usage has ``null`` there, and OpenCode's
    client then does not recognise the end and sends the request once more.
    """
    events = _iter_events(asked, reply, is_open=is_open)
    for number, event in enumerate(events):
        numbered = {**event, "sequence_number": number}
        yield frame(numbered, event=str(event["type"]))


def make_completion(asked: Asked, reply: Answer) -> dict[str, Any]:
    """Return the answer to a request that does not stream: the response when it is complete."""
    usage = count(asked, reply)
    return {
        **_describe(asked),
        "status": "completed",
        "output": [_finish(item) for item in _list_items(asked, reply)],
        "usage": _describe_usage(usage) if usage else None,
    }


def _iter_events(asked: Asked, reply: Answer, *, is_open: bool) -> Iterator[dict[str, Any]]:
    for name in ("response.created", "response.in_progress"):
        yield {"type": name, "response": _describe(asked)}
    for index, item in enumerate(_list_items(asked, reply)):
        place = {"output_index": index, "item_id": item["id"]}
        yield {
            "type": "response.output_item.added",
            "output_index": index,
            "item": _start(item),
        }
        is_text = item["type"] == "message"
        iterate = _iter_text if is_text else _iter_arguments
        yield from iterate(item, place, is_open=is_open)
        if not is_open:
            done = {"output_index": index, "item": _finish(item)}
            yield {"type": "response.output_item.done", **done}
    if not is_open:
        yield {"type": "response.completed", "response": make_completion(asked, reply)}


def _iter_text(
    item: Mapping[str, Any], place: Mapping[str, Any], *, is_open: bool
) -> Iterator[dict[str, Any]]:
    [part] = item["content"]
    place = {**place, "content_index": 0}
    yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
    for piece in cut(part["text"]):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    if not is_open:
        text = {"text": part["text"], "logprobs": []}
        yield {"type": "response.output_text.done", **place, **text}
        yield {"type": "response.content_part.done", **place, "part": part}


def _iter_arguments(
    item: Mapping[str, Any], place: Mapping[str, Any], *, is_open: bool
) -> Iterator[dict[str, Any]]:
    name = "response.function_call_arguments"
    for piece in cut(item["arguments"]):
        yield {"type": f"{name}.delta", **place, "delta": piece}
    if not is_open:
        yield {"type": f"{name}.done", **place, "arguments": item["arguments"]}


def _list_items(asked: Asked, reply: Answer) -> list[dict[str, Any]]:
    """Return the answer's complete items, except for their status."""
    message = {
        "id": f"msg_scripted_{asked.number}",
        "type": "message",
        "role": "assistant",
        "content": [{"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}],
    }
    calls = [
        _describe_call(f"{asked.number}_{index}", call)
        for index, call in enumerate(list_calls(reply))
    ]
    return [message, *calls] if reply.text or not calls else calls


def _describe_call(number: str, call: Call) -> dict[str, Any]:
    return {
        "id": f"fc_{number}",
        "type": "function_call",
        "call_id": f"call_{number}",
        "name": call.tool,
        "arguments": dump_arguments(call),
    }


def _start(item: Mapping[str, Any]) -> dict[str, Any]:
    empty: dict[str, Any] = {"content": []} if item["type"] == "message" else {"arguments": ""}
    return {**item, **empty, "status": "in_progress"}


def _finish(item: Mapping[str, Any]) -> dict[str, Any]:
    return {**item, "status": "completed"}


def _describe(asked: Asked) -> dict[str, Any]:
    """Return the response as it is at its start."""
    return {
        "id": f"resp_scripted_{asked.number}",
        "object": "response",
        "created_at": asked.created,
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "model": asked.model,
        "output": [],
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "store": False,
        "usage": None,
        "metadata": {},
    }


def _describe_usage(usage: ScriptedUsage) -> dict[str, Any]:
    details = {"cached_tokens": usage.cached_tokens}
    if usage.written_tokens:
        details["cache_write_tokens"] = usage.written_tokens
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": details,
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }
