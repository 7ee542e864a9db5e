"""Anthropic's messages protocol, as far as a scripted model speaks it (pure).

Its form is that of the provider's API reference, "Streaming Messages".
"""

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
from pytest_agentfix.testing.scripted_model.replies import ScriptedUsage


def iter_frames(asked: Asked, reply: Answer, *, is_open: bool) -> Iterator[bytes]:
    """Yield the answer as server-sent events; ``is_open`` leaves out the end.

    The tokens of the input come at the start, those of the output at the end. A reply without
    usage leaves out both, which OpenCode's client treats as an invalid answer.
    """
    for event in _iter_events(asked, reply, is_open=is_open):
        yield frame(event, event=str(event["type"]))


def make_completion(asked: Asked, reply: Answer) -> dict[str, Any]:
    """Return the answer to a request that does not stream."""
    blocks: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    blocks += [
        {**block, "input": dict(call.arguments)}
        for block, call in zip(_list_uses(asked, reply), list_calls(reply), strict=True)
    ]
    message = {**_describe(asked), "content": blocks, "stop_reason": _stop_reason(reply)}
    usage = count(asked, reply)
    counts = {**_describe_input(usage), "output_tokens": usage.completion_tokens} if usage else {}
    return {**message, "usage": counts} if usage else message


def _iter_events(asked: Asked, reply: Answer, *, is_open: bool) -> Iterator[dict[str, Any]]:
    usage = count(asked, reply)
    # One token is out by then, as with the provider, if there is one; the end has the total.
    first = min(1, usage.completion_tokens) if usage else 0
    start = {"usage": {**_describe_input(usage), "output_tokens": first}} if usage else {}
    yield {"type": "message_start", "message": {**_describe(asked), **start}}
    yield {"type": "ping"}
    yield from _iter_blocks(asked, reply, is_open=is_open)
    if is_open:
        return
    end = {"usage": {"output_tokens": usage.completion_tokens}} if usage else {}
    delta = {"stop_reason": _stop_reason(reply), "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, **end}
    yield {"type": "message_stop"}


def _iter_blocks(asked: Asked, reply: Answer, *, is_open: bool) -> Iterator[dict[str, Any]]:
    first = 0
    if reply.text:
        first = 1
        deltas = [{"type": "text_delta", "text": piece} for piece in cut(reply.text)]
        yield from _iter_block(0, {"type": "text", "text": ""}, deltas, is_open=is_open)
    uses = zip(_list_uses(asked, reply), list_calls(reply), strict=True)
    for index, (block, call) in enumerate(uses, start=first):
        pieces = ["", *cut(dump_arguments(call))]  # the provider starts with an empty one
        deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
        yield from _iter_block(index, block, deltas, is_open=is_open)


def _iter_block(
    index: int, block: dict[str, Any], deltas: list[dict[str, str]], *, is_open: bool
) -> Iterator[dict[str, Any]]:
    yield {"type": "content_block_start", "index": index, "content_block": block}
    for delta in deltas:
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    if not is_open:
        yield {"type": "content_block_stop", "index": index}


def _list_uses(asked: Asked, reply: Answer) -> list[dict[str, Any]]:
    """Return the blocks of the tool calls as they are at their start, without their input."""
    return [
        {
            "type": "tool_use",
            "id": f"toolu_{asked.number}_{index}",
            "name": call.tool,
            "input": {},
        }
        for index, call in enumerate(list_calls(reply))
    ]


def _describe(asked: Asked) -> dict[str, Any]:
    return {
        "id": f"msg_scripted_{asked.number}",
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
    }


def _stop_reason(reply: Answer) -> str:
    return "tool_use" if list_calls(reply) else "end_turn"


def _describe_input(usage: ScriptedUsage) -> dict[str, int]:
    """Return the counts of the input, three that do not overlap."""
    return {
        "input_tokens": usage.prompt_tokens - usage.cached_tokens - usage.written_tokens,
        "cache_creation_input_tokens": usage.written_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
    }
