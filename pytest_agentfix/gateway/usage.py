"""Token counts out of a provider's answer, read as it passes by (pure, bounded memory)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.gateway.providers import Dialect
from pytest_agentfix.model import Tokens

_LINE_LIMIT: Final = 4_000_000  # bytes; the Responses protocol repeats the whole answer in one
_COUNT_LIMIT: Final = 10**9
_MARKS: Final = (b'"usage', b'"error"', b'"response.failed"', b'"x_groq"')


class UsageScanner:
    """Feed it an answer's bytes in any pieces; it never fails, whatever they are.

    ``error`` is what the provider said in the middle of a stream that went wrong, "" otherwise;
    ``events`` counts the events, about one a token.
    """

    def __init__(self, dialect: Dialect, *, is_stream: bool = True) -> None:
        self._dialect = dialect
        self._is_stream = is_stream
        self._rest = bytearray()
        self._is_skipping = False
        self._usage: dict[str, int] = {}
        self.error = ""
        self.events = 0

    @property
    def has_usage(self) -> bool:
        """Whether the provider said anything about tokens."""
        return bool(self._usage)

    @property
    def tokens(self) -> Tokens:
        """What was used according to all that was fed so far."""
        return Tokens(
            input=self._usage.get("input", 0),
            output=self._usage.get("output", 0),
            cached=self._usage.get("cached", 0),
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece of the answer."""
        if not self._is_stream:
            self._keep(data)
            return
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._keep(line)
            self._end_line()
        self._keep(rest)

    def finish(self) -> None:
        """Take what has been fed for the whole answer."""
        if not self._is_stream and not self._is_skipping:
            self._read(bytes(self._rest))
        elif self._is_stream:
            self._end_line()
        self._rest.clear()

    def _keep(self, data: bytes) -> None:
        if self._is_skipping or len(self._rest) + len(data) > _LINE_LIMIT:
            self._is_skipping = True
            self._rest.clear()
        else:
            self._rest += data

    def _end_line(self) -> None:
        line, self._is_skipping = bytes(self._rest), False
        self._rest.clear()
        if not line.startswith(b"data:"):
            return
        self.events += 1
        if any(mark in line for mark in _MARKS):
            self._read(line[len(b"data:") :])

    def _read(self, raw: bytes) -> None:
        try:
            event = json.loads(raw)
        except (ValueError, RecursionError):
            return
        if isinstance(event, dict):
            self._usage.update(_READERS[self._dialect](event))
            self.error = self.error or _find_error(event)


def _find_error(event: Mapping[str, Any]) -> str:
    """Return the words of an error event, "" for any other."""
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
    is_count = isinstance(value, int) and not isinstance(value, bool)
    return max(0, min(int(value), _COUNT_LIMIT)) if is_count else 0  # type: ignore[call-overload]


def _split(total: object, cached: object, output: object) -> dict[str, int]:
    """Return counts where the provider's ``total`` input includes what was cached."""
    hit = min(_count(cached), _count(total))
    return {"input": _count(total) - hit, "output": _count(output), "cached": hit}


def _read_chat(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _object(event.get("usage") or _object(event.get("x_groq")).get("usage"))
    if not usage:
        return {}
    details = _object(usage.get("prompt_tokens_details"))
    cached = details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    return _split(usage.get("prompt_tokens"), cached, usage.get("completion_tokens"))


def _read_responses(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _object(_object(event.get("response")).get("usage") or event.get("usage"))
    if not usage:
        return {}
    cached = _object(usage.get("input_tokens_details")).get("cached_tokens")
    return _split(usage.get("input_tokens"), cached, usage.get("output_tokens"))


def _read_messages(event: Mapping[str, Any]) -> dict[str, int]:
    """Read Anthropic's two-part counts: input at the start, output (a running total) at the end."""
    usage = _object(_object(event.get("message")).get("usage") or event.get("usage"))
    counts: dict[str, int] = {}
    if "input_tokens" in usage:
        written = _count(usage.get("cache_creation_input_tokens"))
        counts["input"] = _count(usage["input_tokens"]) + written
        counts["cached"] = _count(usage.get("cache_read_input_tokens"))
    if "output_tokens" in usage:
        counts["output"] = _count(usage["output_tokens"])
    return counts


def _read_generate(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _object(event.get("usageMetadata"))
    if not usage:
        return {}
    output = _count(usage.get("candidatesTokenCount")) + _count(usage.get("thoughtsTokenCount"))
    return _split(usage.get("promptTokenCount"), usage.get("cachedContentTokenCount"), output)


_READERS: Final = {
    Dialect.CHAT: _read_chat,
    Dialect.RESPONSES: _read_responses,
    Dialect.MESSAGES: _read_messages,
    Dialect.GENERATE: _read_generate,
}
