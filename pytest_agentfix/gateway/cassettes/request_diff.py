"""Renders requests as readable lines, and the difference between two (pure).

The texts come from the sandbox and from a file of unknown origin, so they are cut and cleaned.
"""

from __future__ import annotations

import difflib
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from pytest_agentfix.gateway.cassettes.canonical import CanonicalRequest, CanonicalTurn

QUOTE_LIMIT: Final = 200  # characters
_PIECE: Final = 160  # characters of a line of the diff; longer ones are cut up
_DIFF_LINES: Final = 300  # of each side; comparing takes quadratic time
_LEAD: Final = 20  # lines of the diff before the first difference


def diff_requests(recorded: CanonicalRequest, now: CanonicalRequest) -> str:
    """Return a unified diff that starts shortly before the first difference, for the log."""
    old, new = (list(_list_request(one)) for one in (recorded, now))
    start = max(0, count_shared(old, new) - _LEAD)
    sides = [lines[start : start + _DIFF_LINES] for lines in (old, new)]
    return "\n".join(difflib.unified_diff(sides[0], sides[1], "recorded", "now", lineterm=""))


def clean_line(text: str) -> str:
    """Return the beginning of ``text`` as one printable line."""
    printable = "".join(char if char.isprintable() else " " for char in text[: 2 * QUOTE_LIMIT])
    return printable if len(printable) <= QUOTE_LIMIT else printable[: QUOTE_LIMIT - 1] + "…"


def count_shared(first: Sequence[Any], second: Sequence[Any]) -> int:
    """Return the number of equal entries at the beginning of two sequences."""
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def name_role(turn: CanonicalTurn) -> str:
    """Return the role of ``turn`` in brackets, "" if it has none."""
    value = turn.value
    role = value.get("role") or value.get("type") if isinstance(value, dict) else "user"
    return f" ({clean_line(role)[:30]})" if isinstance(role, str) else ""


def _list_request(request: CanonicalRequest) -> Iterator[str]:
    yield from _cut_line(f"model: {request.model}")
    yield from _cut_line(f"tools: {', '.join(request.tools)}")
    for number, turn in enumerate(request.turns, start=1):
        yield f"message {number}{name_role(turn)}"
        for line in list_lines(turn.value):
            yield from _cut_line(line)


def _cut_line(line: str) -> Iterator[str]:
    """Yield ``line`` in printable pieces of readable length."""
    starts = range(0, len(line) or 1, _PIECE)
    yield from (clean_line(line[start : start + _PIECE]) for start in starts)


def list_lines(value: Any, name: str = "") -> Iterator[str]:
    """Yield the texts in a turn line by line, with their names."""
    match value:
        case dict():
            for key, entry in value.items():
                yield from list_lines(entry, key)
        case list():
            for entry in value:
                yield from list_lines(entry, name)
        case str():
            first, *rest = value.split("\n")
            yield f"{name}: {first}" if name else first
            yield from rest
        case _:
            yield f"{name}: {json.dumps(value)}"
