"""Reads token counts from a provider's answer while it streams (pure, bounded memory)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.gateway.spending.usage_by_protocol import (
    find_error,
    is_last_word,
    merge,
    read_cost,
    read_counts,
)

_LINE_LIMIT: Final = 4_000_000  # bytes; the Responses protocol repeats the whole answer in one line
_MARKS: Final = (b'"usage', b'"error"', b'"response.failed"', b'"x_groq"')
# An answer that ended at its limit, as each protocol says it: a quick mark, and the whole form.
_CUT_OFF: Final[Mapping[WireProtocol, tuple[bytes, re.Pattern[bytes]]]] = {
    WireProtocol.CHAT: (b'"length"', re.compile(rb'"finish_reason"\s*:\s*"length"')),
    WireProtocol.RESPONSES: (
        b'"max_output_tokens"',
        re.compile(rb'"incomplete_details"\s*:\s*\{\s*"reason"\s*:\s*"max_output_tokens"'),
    ),
    WireProtocol.MESSAGES: (b'"max_tokens"', re.compile(rb'"stop_reason"\s*:\s*"max_tokens"')),
    WireProtocol.GENERATE: (b'"MAX_TOKENS"', re.compile(rb'"finishReason"\s*:\s*"MAX_TOKENS"')),
}
# Neither can occur inside the text of an answer, where quotes and line ends are escaped.
_CHAT_END: Final = re.compile(rb'"finish_reason"\s*:\s*"|\ndata:\s*\[DONE\]')
# Providers that report a cost in US dollars beside their counts.
_DOLLAR_PROVIDERS: Final = frozenset({"deepinfra", "kilo", "openrouter", "perplexity"})


class UsageScanner:
    """Takes an answer's bytes in any pieces, and never fails, whatever they are.

    ``error`` is the provider's message in a stream that went wrong, "" otherwise; ``is_cut_off``
    becomes true when the answer has ended at the limit of its tokens; ``events`` counts
    the events, about one per token; ``cost`` is the cost of the answer in US dollars that the
    provider itself reports, 0 if it reports none.
    """

    def __init__(
        self, protocol: WireProtocol, *, is_stream: bool = True, provider: str = ""
    ) -> None:
        self._protocol = protocol
        self._is_stream = is_stream
        self._has_cost = provider in _DOLLAR_PROVIDERS
        self._rest = bytearray()
        self._is_skipping = False
        self._usage: dict[str, int] = {}
        self._is_told = False
        self._has_ended = False
        self.error = ""
        self.is_cut_off = False
        self.events = 0
        self.cost = 0.0

    @property
    def is_complete(self) -> bool:
        """True once the provider has reported its final counts."""
        return self._is_told or (self._has_ended and bool(self._usage))

    @property
    def has_prompt(self) -> bool:
        """True once the provider has reported the tokens of the prompt."""
        return "input" in self._usage

    @property
    def tokens(self) -> Tokens:
        """The tokens used, according to the bytes fed so far."""
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
        """Read the rest: the answer is complete."""
        if not self._is_stream and not self._is_skipping:
            self._look_for_cut(self._rest)
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
        """Read complete lines. Most hold no counts, so they are searched as one block first."""
        block = b"\n" + self._rest
        self._rest.clear()
        self.events += block.count(b"\ndata:")
        self._look_for_cut(block)
        if self._protocol is WireProtocol.CHAT and not self._has_ended:
            may_end = b'"finish_reason"' in block or b"[DONE]" in block  # a quick look first
            self._has_ended = may_end and _CHAT_END.search(block) is not None
        if any(mark in block for mark in _MARKS):
            for line in block.split(b"\n"):
                if line.startswith(b"data:") and any(mark in line for mark in _MARKS):
                    self._read(line[len(b"data:") :])

    def _look_for_cut(self, data: bytes | bytearray) -> None:
        mark, form = _CUT_OFF[self._protocol]
        if mark in data and form.search(data):
            self.is_cut_off = True

    def _read(self, raw: bytes) -> None:
        try:
            event = json.loads(raw)
        except (ValueError, RecursionError):
            return
        if isinstance(event, dict):
            found = read_counts(self._protocol, event)
            self._usage = merge(self._usage, found)
            is_last = not self._is_stream or is_last_word(self._protocol, event)
            self._is_told = self._is_told or (is_last and bool(found))
            self.error = self.error or find_error(event)
            if self._has_cost:
                self.cost = max(self.cost, read_cost(event))
