"""A request that was not recorded, in words for the user: which, where it differs, and how (pure).

What is quoted comes from the sandbox and from a file of somebody else's: it is cut and cleaned.
"""

from __future__ import annotations

import difflib
import itertools
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from pytest_agentfix.errors import ProviderTrouble
from pytest_agentfix.gateway.cassettes.canonical import CanonicalRequest, Turn

_T = TypeVar("_T")

_QUOTE_LIMIT: Final = 200  # characters
_DIFF_LINES: Final = 300  # of each side: comparing takes the square of it
_RATED: Final = 4000  # characters of a turn that tell how near it is to another
_LEAD: Final = 20  # lines of the diff before the first difference
_PLACEHOLDER: Final = re.compile(r"@\{([a-z0-9_-]+)\}")
_NEXT: Final = (
    "Record it again with --agent-fix-record FILE, or check out the revision it was recorded on."
)


class CassetteMismatch(ProviderTrouble):
    """The run asked for something that is not in the cassette; so it will for all clusters."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, _NEXT, is_final=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A recorded request that was not used yet; ``number`` counts from 1."""

    number: int
    request: CanonicalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first thing that is not alike: where, what was recorded there, what is there now."""

    where: str
    recorded: str
    now: str


def describe_mismatch(number: int, request: CanonicalRequest, near: Candidate) -> CassetteMismatch:
    """Return the error for the run's request ``number``, which ``near`` is the most like."""
    found = find_difference(near.request, request)
    return CassetteMismatch(
        f"Request {number} of this run is not in the cassette. It differs from recorded request"
        f" {near.number} in {found.where}: recorded was {found.recorded}, now it is {found.now}."
    )


def describe_excess(number: int, times: int, *, is_given_up: bool) -> CassetteMismatch:
    """Return the error for a request that was recorded, but less often than it is made."""
    often = "once" if times == 1 else f"{times} times"
    ending = ", and the recorded run did not wait for the last answer's end" if is_given_up else ""
    return CassetteMismatch(
        f"Request {number} of this run is in the cassette {often}{ending};"
        " this run makes it once more."
    )


def describe_end(number: int, count: int) -> CassetteMismatch:
    """Return the error for a request after all that were recorded."""
    return CassetteMismatch(
        f"Request {number} of this run is not in the cassette:"
        f" all {count} recorded requests have been used."
    )


def find_nearest(request: CanonicalRequest, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate that shares the longest beginning, of equal ones the first."""
    return max(candidates, key=lambda one: _rate(one.request, request), default=None)


def find_difference(recorded: CanonicalRequest, now: CanonicalRequest) -> Difference:
    """Return the first difference of two requests that are not alike."""
    if recorded.model != now.model:
        return Difference(where="the model", recorded=_quote(recorded.model), now=_quote(now.model))
    if recorded.tools != now.tools:
        return Difference(
            where="the tools",
            recorded=_list_others(recorded.tools, now.tools),
            now=_list_others(now.tools, recorded.tools),
        )
    place = _count_shared(recorded.marks, now.marks) - 1  # the first is of model and tools
    pair = (_get(recorded.turns, place), _get(now.turns, place))
    role = next((_name_role(turn) for turn in pair if turn is not None), "")
    old, new = _find_lines(*pair)
    return Difference(where=f"message {place + 1}{role}", recorded=old, now=new)


def diff_requests(recorded: CanonicalRequest, now: CanonicalRequest) -> str:
    """Return a unified diff from shortly before the first difference on, for a log."""
    old, new = (list(_list_request(one)) for one in (recorded, now))
    start = max(0, _count_shared(old, new) - _LEAD)
    sides = [lines[start : start + _DIFF_LINES] for lines in (old, new)]
    return "\n".join(difflib.unified_diff(sides[0], sides[1], "recorded", "now", lineterm=""))


def clean_line(text: str) -> str:
    """Return the beginning of ``text`` as printable characters of one line."""
    printable = "".join(char if char.isprintable() else " " for char in text[: 2 * _QUOTE_LIMIT])
    return printable if len(printable) <= _QUOTE_LIMIT else printable[: _QUOTE_LIMIT - 1] + "…"


def _quote(text: str) -> str:
    return f"'{clean_line(_PLACEHOLDER.sub(_show_place, text).strip())}'"


def _show_place(found: re.Match[str]) -> str:
    return f"<{found[1]}>"


def _rate(recorded: CanonicalRequest, now: CanonicalRequest) -> tuple[bool, bool, int, int]:
    """Return how much alike two requests are, to be compared."""
    marks = ([turn.mark for turn in request.turns] for request in (recorded, now))
    place = _count_shared(*marks)
    old, new = _get(recorded.turns, place), _get(now.turns, place)
    letters = _count_shared(old.text[:_RATED], new.text[:_RATED]) if old and new else 0
    return recorded.model == now.model, recorded.tools == now.tools, place, letters


def _count_shared(first: Sequence[Any], second: Sequence[Any]) -> int:
    pairs = zip(first, second, strict=False)
    return sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))


def _get(entries: Sequence[_T], place: int) -> _T | None:
    return entries[place] if place < len(entries) else None


def _name_role(turn: Turn) -> str:
    value = turn.value
    role = value.get("role") or value.get("type") if isinstance(value, dict) else "user"
    return f" ({clean_line(role)[:30]})" if isinstance(role, str) else ""


def _list_others(names: Sequence[str], others: Sequence[str]) -> str:
    own = [name for name in names if name not in others]
    return f"with {_quote(', '.join(own))}" if own else "without them"


def _find_lines(recorded: Turn | None, now: Turn | None) -> tuple[str, str]:
    """Return the first lines that differ of two turns, or what stands for one that is not there."""
    if recorded is None or now is None:
        return _quote_turn(recorded), _quote_turn(now)
    old, new = list(_list_lines(recorded.value)), list(_list_lines(now.value))
    place = _count_shared(old, new)
    first, second = _get(old, place), _get(new, place)
    if first is None or second is None:
        return _quote_end(first), _quote_end(second)
    # What comes long before the difference in a long line is left out.
    start = max(0, _count_shared(first, second) - _QUOTE_LIMIT // 2)
    cut = "…" if start else ""
    return _quote(cut + first[start:]), _quote(cut + second[start:])


def _quote_turn(turn: Turn | None) -> str:
    return "not there" if turn is None else _quote(" ".join(_list_lines(turn.value)))


def _quote_end(line: str | None) -> str:
    return "at its end" if line is None else _quote(line)


def _list_request(request: CanonicalRequest) -> Iterator[str]:
    yield f"model: {clean_line(request.model)}"
    yield f"tools: {clean_line(', '.join(request.tools))}"
    for number, turn in enumerate(request.turns, start=1):
        yield f"message {number}{_name_role(turn)}"
        yield from (clean_line(line) for line in _list_lines(turn.value))


def _list_lines(value: Any, name: str = "") -> Iterator[str]:
    """Yield the texts in a turn line by line, with their names."""
    match value:
        case dict():
            for key, entry in value.items():
                yield from _list_lines(entry, key)
        case list():
            for entry in value:
                yield from _list_lines(entry, name)
        case str():
            first, *rest = value.split("\n")
            yield f"{name}: {first}" if name else first
            yield from rest
        case _:
            yield f"{name}: {json.dumps(value)}"
