"""Errors for a request that was not recorded: which one it is and how it differs (pure).

Quotations come from the sandbox and from a file of unknown origin, so they are cut and cleaned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.gateway.cassettes.canonical import CanonicalRequest, CanonicalTurn
from pytest_agentfix.gateway.cassettes.request_diff import (
    QUOTE_LIMIT,
    clean_line,
    count_shared,
    list_lines,
    name_role,
)
from pytest_agentfix.gateway.redaction import HIDDEN

_T = TypeVar("_T")

_RATED: Final = 4000  # characters of a turn that are compared to rate similarity
_PLACEHOLDER: Final = re.compile(r"@\{([a-z0-9_-]+)\}")
_NEXT: Final = (
    "Record it again with --agent-fix-record FILE, or check out the revision it was recorded on."
)
_WHERE: Final = " The log has the whole difference (--log-file=FILE --log-file-level=INFO)."
_ON_ORDER: Final = (
    " (These are the same characters in another order; that of sets is by chance unless"
    " PYTHONHASHSEED is set.)"
)
_ON_HIDDEN: Final = (
    " (*** stands for what looked like a secret where it was recorded, by the environment there"
    " or by its form.)"
)


class CassetteMismatch(ProviderTrouble):
    """The run made a request that is not in the cassette; final, as all clusters will."""

    def __init__(self, problem: str, more: str = "") -> None:
        super().__init__(problem, _NEXT + more, is_final=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A recorded request that is still unused; ``number`` counts from 1."""

    number: int
    request: CanonicalRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The first difference: its place, the recorded text and the present one."""

    where: str
    recorded: str
    now: str


def describe_mismatch(number: int, request: CanonicalRequest, near: Candidate) -> CassetteMismatch:
    """Return the error for the run's request ``number``; ``near`` is the most similar one."""
    found = find_difference(near.request, request)
    is_hidden = (HIDDEN in found.recorded) != (HIDDEN in found.now)
    is_order = sorted(found.recorded) == sorted(found.now)
    return CassetteMismatch(
        f"Request {number} of this run is not in the cassette. It differs from recorded request"
        f" {near.number} in {found.where}: recorded was {found.recorded}, now it is {found.now}."
        f"{_ON_HIDDEN if is_hidden else ''}{_ON_ORDER if is_order else ''}",
        _WHERE,
    )


def describe_excess(number: int, times: int, *, is_given_up: bool) -> CassetteMismatch:
    """Return the error for a request that is made more often than it was recorded."""
    often = "once" if times == 1 else f"{times} times"
    ending = ", and the recorded run did not wait for the last answer's end" if is_given_up else ""
    return CassetteMismatch(
        f"Request {number} of this run is in the cassette {often}{ending};"
        " this run makes it once more."
    )


def describe_end(number: int, count: int) -> CassetteMismatch:
    """Return the error for a request after the last recorded one."""
    return CassetteMismatch(
        f"Request {number} of this run is not in the cassette:"
        f" all {count} recorded requests have been used."
    )


def find_nearest(request: CanonicalRequest, candidates: Sequence[Candidate]) -> Candidate | None:
    """Return the candidate that shares the longest beginning, the first among equals."""
    return max(candidates, key=lambda one: _rate(one.request, request), default=None)


def find_difference(recorded: CanonicalRequest, now: CanonicalRequest) -> Difference:
    """Return the first difference between two unequal requests."""
    if recorded.model != now.model:
        return Difference(where="the model", recorded=_quote(recorded.model), now=_quote(now.model))
    if recorded.tools != now.tools:
        return Difference(
            where="the tools",
            recorded=_list_others(recorded.tools, now.tools),
            now=_list_others(now.tools, recorded.tools),
        )
    place = count_shared(recorded.marks, now.marks) - 1  # the first is of model and tools
    pair = (_get(recorded.turns, place), _get(now.turns, place))
    role = next((name_role(turn) for turn in pair if turn is not None), "")
    old, new = _find_lines(*pair)
    return Difference(where=f"message {place + 1}{role}", recorded=old, now=new)


def _quote(text: str) -> str:
    return f"'{clean_line(_PLACEHOLDER.sub(_show_place, text).strip())}'"


def _show_place(found: re.Match[str]) -> str:
    return f"<{found[1]}>"


def _rate(recorded: CanonicalRequest, now: CanonicalRequest) -> tuple[bool, bool, int, int]:
    """Return a sort key for the similarity of two requests."""
    marks = ([turn.mark for turn in request.turns] for request in (recorded, now))
    place = count_shared(*marks)
    old, new = _get(recorded.turns, place), _get(now.turns, place)
    letters = count_shared(old.text[:_RATED], new.text[:_RATED]) if old and new else 0
    return recorded.model == now.model, recorded.tools == now.tools, place, letters


def _get(entries: Sequence[_T], place: int) -> _T | None:
    return entries[place] if place < len(entries) else None


def _list_others(names: Sequence[str], others: Sequence[str]) -> str:
    own = [name for name in names if names.count(name) > others.count(name)]
    return f"with {_quote(', '.join(own))}" if own else "without them"


def _find_lines(recorded: CanonicalTurn | None, now: CanonicalTurn | None) -> tuple[str, str]:
    """Return the first differing lines of two turns, or a substitute for a missing turn."""
    if recorded is None or now is None:
        return _quote_turn(recorded), _quote_turn(now)
    old, new = list(list_lines(recorded.value)), list(list_lines(now.value))
    place = count_shared(old, new)
    first, second = _get(old, place), _get(new, place)
    if first is None and second is None:  # the same texts under other names
        return _quote_pair(recorded.text, now.text)
    if first is None or second is None:
        return _quote_end(first), _quote_end(second)
    return _quote_pair(first, second)


def _quote_pair(first: str, second: str) -> tuple[str, str]:
    """Quote two texts so that their difference is visible, even if it is only white space."""
    # In a long line, the part long before the difference is left out.
    start = max(0, count_shared(first, second) - QUOTE_LIMIT // 2)
    cut = "…" if start else ""
    ends = [text[start : start + QUOTE_LIMIT] for text in (first, second)]
    if clean_line(ends[0]).split() == clean_line(ends[1]).split():
        return cut + json.dumps(ends[0]), cut + json.dumps(ends[1])
    return _quote(cut + first[start:]), _quote(cut + second[start:])


def _quote_turn(turn: CanonicalTurn | None) -> str:
    return "not there" if turn is None else _quote(" ".join(list_lines(turn.value)))


def _quote_end(line: str | None) -> str:
    return "at its end" if line is None else _quote(line)
