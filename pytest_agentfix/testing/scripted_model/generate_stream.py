"""Google's generateContent protocol, as far as a scripted model speaks it (pure).

Its form is that of the provider's API reference, "GenerateContentResponse".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from pytest_agentfix.testing.scripted_model.events import (
    Answer,
    Asked,
    count,
    cut,
    frame,
    list_calls,
)
from pytest_agentfix.testing.scripted_model.replies import ScriptedUsage

# Opaque to clients, which have to send it back with the call it came with.
_SIGNATURE: Final = "c2NyaXB0ZWQ="


def iter_frames(asked: Asked, reply: Answer, *, is_open: bool) -> Iterator[bytes]:
    """Yield the answer as server-sent events; ``is_open`` leaves out the end.

    Calls come in one piece, lines end in CR LF like the provider's, and every event has the usage
    so far.
    """
    chunks = [[part] for part in _list_parts(reply)] or [[{"text": ""}]]
    usage = count(asked, reply)
    for number, parts in enumerate(chunks, start=1):
        is_last = number == len(chunks) and not is_open
        # Counts of an answer in progress stay below those of its end.
        done = usage and _scale(usage, number, len(chunks) + is_open)
        yield frame(_describe(asked, parts, done, is_last=is_last), end="\r\n")


def make_completion(asked: Asked, reply: Answer) -> dict[str, Any]:
    """Return the answer to a request that does not stream."""
    parts = _list_parts(reply) or [{"text": ""}]
    return _describe(asked, parts, count(asked, reply), is_last=True)


def _list_parts(reply: Answer) -> list[dict[str, Any]]:
    texts: list[dict[str, Any]] = [{"text": piece} for piece in cut(reply.text)]
    calls: list[dict[str, Any]] = [
        {"functionCall": {"name": call.tool, "args": dict(call.arguments)}}
        for call in list_calls(reply)
    ]
    for part in calls[:1]:  # of calls side by side, the first alone is signed
        part["thoughtSignature"] = _SIGNATURE
    return texts + calls


def _describe(
    asked: Asked, parts: list[dict[str, Any]], usage: ScriptedUsage | None, *, is_last: bool
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
    if is_last:
        candidate["finishReason"] = "STOP"  # after tool calls, too
    counts = {"usageMetadata": _describe_usage(usage)} if usage else {}
    return {
        "candidates": [candidate],
        **counts,
        "modelVersion": asked.model,
        "responseId": f"scripted-{asked.number}",
    }


def _scale(usage: ScriptedUsage, number: int, total: int) -> ScriptedUsage:
    """Return the usage at ``number`` of ``total`` events."""
    return ScriptedUsage(
        prompt_tokens=usage.prompt_tokens,
        completion_tokens=usage.completion_tokens * number // total,
        cached_tokens=usage.cached_tokens,
    )


def _describe_usage(usage: ScriptedUsage) -> dict[str, int]:
    """Return the counts; tokens written to a cache have no place of their own here."""
    return {
        "promptTokenCount": usage.prompt_tokens,
        "candidatesTokenCount": usage.completion_tokens,
        "totalTokenCount": usage.prompt_tokens + usage.completion_tokens,
        "cachedContentTokenCount": usage.cached_tokens,
    }
