"""Reads the token counts in one event of an answer, protocol by protocol (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.gateway.providers.protocols import WireProtocol

_COUNT_LIMIT: Final = 10**9
_COST_LIMIT: Final = 1e6  # US dollars
_RESPONSE_ENDS: Final = ("response.completed", "response.incomplete", "response.failed")


def read_counts(protocol: WireProtocol, event: Mapping[str, Any]) -> dict[str, int]:
    """Return the counts in an event by kind ("input", "output", "cached", "written"), if any."""
    return _READERS[protocol](event)


def merge(old: dict[str, int], found: dict[str, int]) -> dict[str, int]:
    """Return the later counts, except those that are smaller: totals only grow."""
    merged = {**old, **found}
    if _add_prompt(merged) < _add_prompt(old):
        merged |= {kind: count for kind, count in old.items() if kind != "output"}
    if "output" in old:
        merged["output"] = max(old["output"], merged["output"])
    return merged


def _add_prompt(usage: Mapping[str, int]) -> int:
    return sum(count for kind, count in usage.items() if kind != "output")


def is_last_word(protocol: WireProtocol, event: Mapping[str, Any]) -> bool:
    """Tell whether counts in ``event`` cover the whole answer.

    Anthropic's first event has a count of output too, before there is any. Google's counts, and
    those of some OpenAI-compatible providers, grow with every event until the last.
    """
    match protocol:
        case WireProtocol.MESSAGES:
            return event.get("type") != "message_start"
        case WireProtocol.RESPONSES:
            return event.get("type", "response.completed") in _RESPONSE_ENDS
        case WireProtocol.CHAT:
            return not event.get("choices")
        case WireProtocol.GENERATE:
            candidates = event.get("candidates")
            entries = candidates if isinstance(candidates, list) else []
            return not entries or any(_object(entry).get("finishReason") for entry in entries)


def find_error(event: Mapping[str, Any]) -> str:
    """Return the message of an error event, "" for any other event."""
    found = event.get("error")
    if event.get("type") == "response.failed":
        found = _object(event.get("response")).get("error") or "response.failed"
    if not found and event.get("type") == "error":
        found = event.get("message") or "error"
    message = _object(found).get("message", found)
    return str(message) if found else ""


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    if isinstance(value, float) and not value.is_integer():
        return 0
    return max(0, min(int(value), _COUNT_LIMIT))


def _split(
    prompt: object, cached: object, output: object, *, written: object = 0, total: object = 0
) -> dict[str, int]:
    """Return counts from a ``prompt`` that includes the cached tokens, if it can.

    Tokens of ``total`` beyond that are thoughts: some providers do not count those as output.
    """
    given, hit, put, answer = (_count(value) for value in (prompt, cached, written, output))
    gap = max(0, _count(total) - given - answer)
    if hit + put > given or (gap and gap == hit + put):
        return {"input": given, "output": answer + max(0, gap - hit - put)} | _cache(hit, put)
    return {"input": given - hit - put, "output": answer + gap} | _cache(hit, put)


def _cache(hit: int, put: int) -> dict[str, int]:
    return {"cached": hit, "written": put}


def _read_chat(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _find_chat_usage(event)
    if not usage:
        return {}
    details = _object(usage.get("prompt_tokens_details"))
    names = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
    cached = details.get("cached_tokens") or _find(usage, *names)
    put = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
    written = _find(details, *put) or _find(usage, *put)
    return _split(
        usage.get("prompt_tokens"),
        cached,
        usage.get("completion_tokens"),
        written=written,
        total=usage.get("total_tokens"),
    )


def _find_chat_usage(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the usage object: beside the choices, or where Groq and Moonshot have put it."""
    choices = event.get("choices")
    first = _object(choices[0]) if isinstance(choices, list) and choices else {}
    return _object(
        event.get("usage") or _object(event.get("x_groq")).get("usage") or first.get("usage")
    )


def _find(holder: Mapping[str, Any], *names: str) -> object:
    return next((holder[name] for name in names if holder.get(name)), 0)


def read_cost(event: Mapping[str, Any]) -> float:
    """Return the cost in US dollars, with the upstream's bill if the user brought a key for it."""
    usage = _object(event.get("usage"))
    cost = usage.get("cost") or usage.get("estimated_cost")
    whole = _dollars(_object(cost).get("total_cost") if isinstance(cost, dict) else cost)
    if usage.get("is_byok"):
        whole += _dollars(_object(usage.get("cost_details")).get("upstream_inference_cost"))
    return whole


def _dollars(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0.0
    return float(value) if 0 <= value <= _COST_LIMIT else 0.0  # not for NaN


def _read_responses(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _object(_object(event.get("response")).get("usage") or event.get("usage"))
    if not usage:
        return {}
    details = _object(usage.get("input_tokens_details"))
    return _split(
        usage.get("input_tokens"),
        details.get("cached_tokens"),
        usage.get("output_tokens"),
        written=details.get("cache_write_tokens"),
        total=usage.get("total_tokens"),
    )


def _read_messages(event: Mapping[str, Any]) -> dict[str, int]:
    """Read Anthropic's two-part counts: input at the start, output (a running total) at the end."""
    usage = _object(_object(event.get("message")).get("usage") or event.get("usage"))
    return {
        kind: _count(usage[name]) for kind, name in _MESSAGES_NAMES if usage.get(name) is not None
    }


_MESSAGES_NAMES: Final = (
    ("input", "input_tokens"),
    ("written", "cache_creation_input_tokens"),
    ("cached", "cache_read_input_tokens"),
    ("output", "output_tokens"),
)


def _read_generate(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _object(event.get("usageMetadata"))
    if not usage:
        return {}
    prompt = _count(usage.get("promptTokenCount")) + _count(usage.get("toolUsePromptTokenCount"))
    output = _count(usage.get("candidatesTokenCount")) + _count(usage.get("thoughtsTokenCount"))
    return _split(
        prompt, usage.get("cachedContentTokenCount"), output, total=usage.get("totalTokenCount")
    )


_READERS: Final = {
    WireProtocol.CHAT: _read_chat,
    WireProtocol.RESPONSES: _read_responses,
    WireProtocol.MESSAGES: _read_messages,
    WireProtocol.GENERATE: _read_generate,
}
