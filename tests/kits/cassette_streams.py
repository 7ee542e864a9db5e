"""Answers in the providers' own forms, cut up as they come: some text, and a tool call.

With ``tool`` "" there is no call.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

MODEL = "test-model"


def frame(value: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value)}\n\n".encode()


def cut(text: str, size: int = 7) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def stream_chat(text: str, arguments: str, tool: str = "read") -> bytes:
    """Return a stream of chat completions, with OpenRouter's comments in between."""
    comment = b": OPENROUTER PROCESSING\n\n"
    first = {"index": 0, "id": "call_a", "type": "function"}
    named = {**first, "function": {"name": tool, "arguments": ""}}
    pieces: list[dict[str, Any]] = [
        {"index": 0, "function": {"arguments": piece}} for piece in cut(arguments)
    ]
    call = [_chunk({"tool_calls": [one]}) for one in (named, *pieces)] if tool else []
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    return b"".join(
        [
            comment,
            _chunk({"role": "assistant", "content": "", "refusal": None}),
            *(_chunk({"content": piece}) for piece in cut(text)),
            comment,
            *call,
            _chunk({}, "tool_calls" if tool else "stop"),
            frame({"choices": [], "usage": usage}),
            b"data: [DONE]\n\n",
        ]
    )


def _chunk(delta: Any, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL}
    return frame({**head, "choices": [choice], "usage": None, "obfuscation": "xyz"})


def stream_messages(text: str, arguments: str, tool: str = "read") -> bytes:
    """Return a stream of Anthropic's, with a ping in the middle of the text."""
    usage = {"input_tokens": 10, "output_tokens": 1}
    message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant"}
    message |= {"model": MODEL, "content": [], "stop_reason": None, "usage": usage}
    call = {"type": "tool_use", "id": "toolu_1", "name": tool, "input": {}}
    texts = [{"type": "text_delta", "text": piece} for piece in cut(text)]
    parts = [{"type": "input_json_delta", "partial_json": one} for one in ["", *cut(arguments)]]
    reason = "tool_use" if tool else "end_turn"
    return b"".join(
        [
            _event("message_start", message=message),
            *_iter_block(0, {"type": "text", "text": ""}, texts),
            *(_iter_block(1, call, parts) if tool else []),
            _event("message_delta", delta={"stop_reason": reason}, usage={"output_tokens": 5}),
            _event("message_stop"),
        ]
    )


def _event(kind: str, **values: Any) -> bytes:
    return frame({"type": kind, **values}, kind)


def _iter_block(index: int, block: Any, deltas: Sequence[Any]) -> Iterator[bytes]:
    yield _event("content_block_start", index=index, content_block=block)
    for number, delta in enumerate(deltas):
        yield _event("content_block_delta", index=index, delta=delta)
        if not number:
            yield _event("ping")
    yield _event("content_block_stop", index=index)


def stream_responses(text: str, arguments: str, tool: str = "read") -> bytes:
    """Return a stream of OpenAI's Responses protocol."""
    response = {"id": "resp_1", "created_at": 1, "model": MODEL, "output": [],
                "instructions": "You are OpenCode.", "tools": [{"type": "function"}]}  # fmt: skip
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    parts = [
        ("response.created", {"response": response}),
        *_iter_text_parts(text),
        *(_iter_call_parts(tool, arguments) if tool else ()),
        ("response.completed", {"response": {**response, "usage": usage}}),
    ]
    numbers = itertools.count()
    return b"".join(_event(kind, sequence_number=next(numbers), **one) for kind, one in parts)


def _iter_text_parts(text: str) -> Iterator[tuple[str, Any]]:
    item = {"id": "msg_1", "type": "message", "role": "assistant"}
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    content = [{"type": "output_text", "text": text, "annotations": []}]
    yield "response.output_item.added", {"output_index": 0, "item": {**item, "content": []}}
    for piece in cut(text):
        yield "response.output_text.delta", {"delta": piece, "obfuscation": "ab", **place}
    yield "response.output_text.done", {"text": text, **place}
    yield "response.output_item.done", {"output_index": 0, "item": {**item, "content": content}}


def _iter_call_parts(tool: str, arguments: str) -> Iterator[tuple[str, Any]]:
    item = {"id": "fc_1", "type": "function_call", "call_id": "call_a", "name": tool}
    place = {"item_id": "fc_1", "output_index": 1}
    done = {**item, "arguments": arguments, "status": "completed"}
    yield "response.output_item.added", {"output_index": 1, "item": {**item, "arguments": ""}}
    for piece in cut(arguments):
        yield "response.function_call_arguments.delta", {"delta": piece, **place}
    yield "response.function_call_arguments.done", {"arguments": arguments, **place}
    yield "response.output_item.done", {"output_index": 1, "item": done}


def stream_generate(text: str, arguments: str, tool: str = "read") -> bytes:
    """Return a stream of Google's: CR LF line ends, running counts in each event."""
    args = json.loads(arguments) if arguments else {}
    call = [{"functionCall": {"name": tool, "args": args}}] if tool else [{"text": ""}]
    texts = [{"text": piece} for piece in cut(text)]
    return b"".join(
        [
            _candidate(0, {"text": "I think", "thought": True}),
            *(_candidate(number, part) for number, part in enumerate(texts)),
            *(_candidate(9, part, finishReason="STOP") for part in call),
        ]
    )


def _candidate(number: int, part: Any, **values: Any) -> bytes:
    candidate = {"content": {"parts": [part], "role": "model"}, "index": 0, **values}
    usage = {"promptTokenCount": 10, "candidatesTokenCount": number, "totalTokenCount": 20}
    found = {"candidates": [candidate], "usageMetadata": usage, "responseId": "r"}
    return frame(found).replace(b"\n", b"\r\n")


Stream = Callable[..., bytes]
STREAMS: dict[str, Stream] = {
    "chat": stream_chat,
    "messages": stream_messages,
    "responses": stream_responses,
    "generate": stream_generate,
}
