"""The file of a cassette: lines of JSON, a header first, then one exchange each.

A conversation grows by a turn with each request, so a request is written as "what that earlier one
had up to there, and this". A cassette may come from anybody: nothing in it is believed.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.errors import SettingError
from pytest_agentfix.gateway.cassettes.bodies import Body, check_body
from pytest_agentfix.gateway.cassettes.canonical import DEPTH_LIMIT, CanonicalRequest, Turn
from pytest_agentfix.gateway.cassettes.events import parse_json

VERSION: Final = 1
SIZE_LIMIT: Final = 256_000_000  # bytes of a whole file
EXCHANGES_LIMIT: Final = 20_000
TURNS_LIMIT: Final = 1_000_000  # in all requests together, the shared ones counted each time
_WORD_LIMIT: Final = 1000  # characters of a value that is read
HEADERS: Final = frozenset({"content-type", "retry-after"})
_NEXT: Final = "Record one with --agent-fix-record FILE."
_STATUSES: Final = range(200, 600)


class End(enum.Enum):
    """How an exchange ended."""

    WHOLE = "whole"
    BROKEN = "broken"  # the provider's side, in the middle of the answer
    GIVEN_UP = "given-up"  # our side did not want the rest, or did not wait any longer
    UNREACHED = "unreached"  # there was no answer at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What is said of all exchanges. ``date`` is for people only."""

    provider: str
    model: str
    dialect: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came for a request. ``status`` is 0 where nothing came; ``words`` say why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=lambda: {"text": ""})
    end: End = End.WHOLE
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taped:
    """One exchange as it is on the tape."""

    request: CanonicalRequest
    answer: Answer


def load_tape(path: Path) -> tuple[Header, tuple[Taped, ...]]:
    """Return what is in the file; raises ``SettingError`` for anything that is no cassette.

    A last line that was not written to its end is left out: its run was killed.
    """
    first, *lines = _read_lines(path)
    header = _load_header(path, first)
    loaded: list[Taped] = []
    turns = 0
    for number, line in enumerate(lines, start=2):
        try:
            loaded.append(_load_exchange(parse_json(line, DEPTH_LIMIT + 20), loaded))
        except ValueError as error:
            raise _complain(path, f"line {number} is damaged ({error})") from None
        turns += len(loaded[-1].request.turns)
        if turns > TURNS_LIMIT:
            raise _complain(path, "it is longer than any run")
    if not loaded:
        raise _complain(path, "no exchange is in it")
    return header, tuple(loaded)


def _read_lines(path: Path) -> list[str]:
    """Return the whole lines; the first one always is there."""
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise _complain(path, error.strerror or "it cannot be read") from None
    if len(raw) > SIZE_LIMIT:
        raise _complain(path, "it is too large")
    try:
        *lines, rest = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise _complain(path, "it is no text") from None
    if len(lines) > EXCHANGES_LIMIT:
        raise _complain(path, "it is longer than any run")
    return lines or [rest]


def _load_header(path: Path, line: str) -> Header:
    try:
        found = parse_json(line)
    except ValueError:
        found = None
    if not isinstance(found, dict) or "cassette" not in found:
        raise _complain(path, "its first line is not a cassette's")
    version = found["cassette"]
    if type(version) is not int or version != VERSION:
        raise SettingError(
            f"{str(path)!r} is a cassette of another version of pytest-agentfix.",
            "Record it again with --agent-fix-record FILE, or use the version it was made with.",
        )
    values = {name: found.get(name) for name in ("provider", "model", "dialect", "date")}
    try:
        return Header(**{name: _check_word(value) for name, value in values.items()})
    except ValueError:
        raise _complain(path, "its first line is not a cassette's") from None


def _load_exchange(found: Any, earlier: Sequence[Taped]) -> Taped:
    """Return the exchange in a line; raises ``ValueError`` with words that say what is wrong."""
    if not isinstance(found, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - one error for all of the file's faults
    answer = Answer(
        status=_check_status(found.get("status")),
        headers=_check_headers(found.get("headers")),
        body=check_body(found.get("body")),
        end=End(found.get("end")),
        words=_check_text(found.get("words", "")),
    )
    has_none = answer.end is End.UNREACHED
    may_have_none = has_none or answer.end is End.GIVEN_UP
    if has_none > (answer.status == 0) or (answer.status == 0) > may_have_none:
        raise ValueError("its status and its end do not go together")
    return Taped(request=_load_request(found, earlier), answer=answer)


def _load_request(found: Mapping[str, Any], earlier: Sequence[Taped]) -> CanonicalRequest:
    turns = found.get("turns")
    if not isinstance(turns, list):
        raise ValueError("its turns are no list")  # noqa: TRY004 - as above
    if "base" not in found:
        tools = found.get("tools")
        names = tools if isinstance(tools, list) else [None]
        return CanonicalRequest(
            model=_check_text(found.get("model")),
            tools=tuple(_check_text(name) for name in names),
            turns=tuple(map(Turn, turns)),
        )
    base = earlier[_check_number(found["base"], len(earlier) - 1)].request
    keep = _check_number(found.get("keep"), len(base.turns))
    return CanonicalRequest(
        model=base.model, tools=base.tools, turns=(*base.turns[:keep], *map(Turn, turns))
    )


def _check_number(value: object, largest: int) -> int:
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError("it refers to something that is not there")
    return value


def _check_status(value: object) -> int:
    if type(value) is not int or (value not in _STATUSES and value != 0):
        raise ValueError("its status is none of HTTP's")
    return value


def _check_headers(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not value.keys() <= HEADERS:
        raise ValueError("its headers are not those of a cassette")
    return {name: _check_word(entry) for name, entry in value.items()}


def _check_word(value: object) -> str:
    """Return a short text that can stand in a header, and on a terminal."""
    text = _check_text(value)
    if len(text) > _WORD_LIMIT or not text.isascii() or not text.isprintable():
        raise ValueError("a value is not printable")
    return text


def _check_text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is missing")  # noqa: TRY004 - as above
    return value


def _complain(path: Path, what: str) -> SettingError:
    return SettingError(f"{str(path)!r} is no cassette that can be replayed: {what}.", _NEXT)
