"""Token counts out of a provider's answer, read as it passes by (pure, bounded memory)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.gateway.providers.table import Dialect
from pytest_agentfix.model import Tokens

_LINE_LIMIT: Final = 4_000_000  # bytes; the Responses protocol repeats the whole answer in one
_COUNT_LIMIT: Final = 10**9
_MARKS: Final = (b'"usage', b'"error"', b'"response.failed"', b'"x_groq"')


class UsageScanner:
    """Feed it an answer's bytes in any pieces; it never fails, whatever they are.

    ``error`` is what the provider said in the middle of a stream that went wrong, "" otherwise;
    ``events`` counts the events, about one a token. ``is_complete``: the provider has said all
    that it has to say about tokens.
    """

    def __init__(self, dialect: Dialect, *, is_stream: bool = True) -> None:
        self._dialect = dialect
        self._is_stream = is_stream
        self._rest = bytearray()
        self._is_skipping = False
        self._usage: dict[str, int] = {}
        self.error = ""
        self.events = 0
        self.is_complete = False

    @property
    def has_prompt(self) -> bool:
        """Whether the provider said how many tokens the prompt had."""
        return "input" in self._usage

    @property
    def tokens(self) -> Tokens:
        """What was used according to all that was fed so far."""
        return Tokens(
            input=self._usage.get("input", 0),
            output=self._usage.get("output", 0),
            cached=self._usage.get("cached", 0),
            written=self._usage.get("written", 0),
        )

    def feed(self, data: bytes) -> None:
        """Take the next piece of the answer."""
        if not self._is_stream:
            self._keep(data)
            return
        if self._is_skipping:
            _, newline, data = data.partition(b"\n")
            self._is_skipping = not newline
        head, newline, tail = data.rpartition(b"\n")
        if newline:
            self._rest += head
            self._end_lines()
        self._keep(tail)

    def finish(self) -> None:
        """Take what has been fed for the whole answer."""
        if not self._is_stream and not self._is_skipping:
            self._read(bytes(self._rest))
        elif self._is_stream:
            self._end_lines()
        self._rest.clear()

    def _keep(self, data: bytes) -> None:
        if self._is_skipping or len(self._rest) + len(data) > _LINE_LIMIT:
            self._is_skipping = True
            self._rest.clear()
        else:
            self._rest += data

    def _end_lines(self) -> None:
        """Read whole lines. Most hold nothing of interest, so they are looked at in one go."""
        block = b"\n" + self._rest
        self._rest.clear()
        self.events += block.count(b"\ndata:")
        if any(mark in block for mark in _MARKS):
            for line in block.split(b"\n"):
                if line.startswith(b"data:") and any(mark in line for mark in _MARKS):
                    self._read(line[len(b"data:") :])

    def _read(self, raw: bytes) -> None:
        try:
            event = json.loads(raw)
        except (ValueError, RecursionError):
            return
        if isinstance(event, dict):
            found = _READERS[self._dialect](event)
            self._usage.update(found)
            self.is_complete = self.is_complete or _is_last_word(self._dialect, event, found)
            self.error = self.error or _find_error(event)


def _is_last_word(dialect: Dialect, event: Mapping[str, Any], found: Mapping[str, int]) -> bool:
    """Whether the counts in ``event`` are those of the whole answer.

    Anthropic's first event has a count of output too, which is of nothing yet; Google's counts
    grow with every event, until one says why it is the last.
    """
    if not found:
        return False
    if dialect is Dialect.MESSAGES:
        return event.get("type") != "message_start"
    if dialect is Dialect.GENERATE:
        candidates = event.get("candidates")
        entries = candidates if isinstance(candidates, list) else []
        return not entries or any(_object(entry).get("finishReason") for entry in entries)
    return True


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


def _split(total: object, cached: object, output: object, *, written: object = 0) -> dict[str, int]:
    """Return counts where the provider's ``total`` input includes what was cached."""
    hit = min(_count(cached), _count(total))
    put = min(_count(written), _count(total) - hit)
    rest = _count(total) - hit - put
    return {"input": rest, "output": _count(output), "cached": hit, "written": put}


def _read_chat(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _object(event.get("usage") or _object(event.get("x_groq")).get("usage"))
    if not usage:
        return {}
    details = _object(usage.get("prompt_tokens_details"))
    cached = details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens")
    written = details.get("cache_write_tokens") or details.get("cache_creation_tokens")
    return _split(
        usage.get("prompt_tokens"), cached, usage.get("completion_tokens"), written=written
    )


def _read_responses(event: Mapping[str, Any]) -> dict[str, int]:
    usage = _object(_object(event.get("response")).get("usage") or event.get("usage"))
    if not usage:
        return {}
    details = _object(usage.get("input_tokens_details"))
    cached, written = details.get("cached_tokens"), details.get("cache_write_tokens")
    return _split(usage.get("input_tokens"), cached, usage.get("output_tokens"), written=written)


def _read_messages(event: Mapping[str, Any]) -> dict[str, int]:
    """Read Anthropic's two-part counts: input at the start, output (a running total) at the end."""
    usage = _object(_object(event.get("message")).get("usage") or event.get("usage"))
    return {kind: _count(usage[name]) for kind, name in _MESSAGES_NAMES if name in usage}


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
    output = _count(usage.get("candidatesTokenCount")) + _count(usage.get("thoughtsTokenCount"))
    return _split(usage.get("promptTokenCount"), usage.get("cachedContentTokenCount"), output)


_READERS: Final = {
    Dialect.CHAT: _read_chat,
    Dialect.RESPONSES: _read_responses,
    Dialect.MESSAGES: _read_messages,
    Dialect.GENERATE: _read_generate,
}
