"""Reads a cassette file: lines of JSON, first a header, then one exchange each.

A conversation grows by a turn with each request, so a request is stored as a prefix of an earlier
one and the turns that follow. A cassette may come from anybody, so nothing in it is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from pytest_agentfix.core.errors import SettingError
from pytest_agentfix.gateway.cassettes.bodies import Body, check_body
from pytest_agentfix.gateway.cassettes.canonical import CanonicalRequest, settle_turn
from pytest_agentfix.gateway.cassettes.validation import (
    End,
    check_end,
    check_headers,
    check_number,
    check_status,
    check_text,
    check_word,
)
from pytest_agentfix.gateway.sse.events import DEPTH_LIMIT, parse_json

VERSION: Final = 1
SIZE_LIMIT: Final = 64_000_000  # bytes of a whole file
VALUES_LIMIT: Final = 4_000_000  # JSON values, roughly: small ones take much memory
EXCHANGES_LIMIT: Final = 20_000
TURNS_LIMIT: Final = 1_000_000  # in all requests together, shared ones counted each time
WORDS_LIMIT: Final = 2000  # characters of the description of a missing answer
_QUOTE_LIMIT: Final = 200  # characters quoted of an error
_NEXT: Final = "Record one with --agent-fix-record FILE."


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The facts about all exchanges of a cassette. ``date`` is for people only."""

    provider: str
    model: str
    protocol: str
    date: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to a request. ``status`` is 0 if there was none; ``words`` say why."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Body = field(default_factory=lambda: {"text": ""})
    end: End = End.WHOLE
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredExchange:
    """One exchange of a cassette."""

    request: CanonicalRequest
    answer: Answer


def load_cassette(path: Path) -> tuple[Header, tuple[StoredExchange, ...]]:
    """Return the contents of the file; raises ``SettingError`` if it is not a cassette.

    An incomplete last line is left out: its run was killed.
    """
    first, *lines = _read_lines(path)
    header = _load_header(path, first)
    loaded: list[StoredExchange] = []
    turns = 0
    for number, line in enumerate(lines, start=2):
        try:
            loaded.append(_load_exchange(parse_json(line, DEPTH_LIMIT + 20), loaded))
        except ValueError as error:
            what = str(error)[:_QUOTE_LIMIT]
            raise _complain(path, f"line {number} is damaged ({what})") from None
        turns += len(loaded[-1].request.turns)
        if turns > TURNS_LIMIT:
            raise _complain(path, "it is longer than any run")
    if not loaded:
        raise _complain(path, "no exchange is in it")
    return header, tuple(loaded)


def _read_lines(path: Path) -> list[str]:
    """Return the complete lines; there is always a first one."""
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise _complain(path, error.strerror or "it cannot be read") from None
    if len(raw) > SIZE_LIMIT or count_values(raw) > VALUES_LIMIT:
        raise _complain(path, "it is too large")
    try:
        *lines, rest = raw.decode("utf-8").split("\n")
    except UnicodeDecodeError:
        raise _complain(path, "it is no text") from None
    if len(lines) > EXCHANGES_LIMIT:
        raise _complain(path, "it is longer than any run")
    return lines or [rest]


def count_values(raw: bytes) -> int:
    """Return an upper bound on the number of JSON values in ``raw``, without parsing it."""
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


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
    try:
        provider, model, protocol, date = (
            check_word(found.get(name)) for name in ("provider", "model", "dialect", "date")
        )
        return Header(provider=provider, model=model, protocol=protocol, date=date)
    except ValueError:
        raise _complain(path, "its first line is not a cassette's") from None


def _load_exchange(found: Any, earlier: Sequence[StoredExchange]) -> StoredExchange:
    """Return the exchange in a line; raises ``ValueError`` that says what is wrong."""
    if not isinstance(found, dict):
        raise ValueError("it is no object")  # noqa: TRY004 - one error for all of the file's faults
    answer = Answer(
        status=check_status(found.get("status")),
        headers=check_headers(found.get("headers")),
        body=check_body(found.get("body")),
        end=check_end(found.get("end")),
        words=check_text(found.get("words", ""), WORDS_LIMIT),
    )
    has_none = answer.end is End.UNREACHED
    may_have_none = has_none or answer.end is End.GIVEN_UP
    if has_none > (answer.status == 0) or (answer.status == 0) > may_have_none:
        raise ValueError("its status and its end do not go together")
    return StoredExchange(request=_load_request(found, earlier), answer=answer)


def _load_request(found: Mapping[str, Any], earlier: Sequence[StoredExchange]) -> CanonicalRequest:
    turns = found.get("turns")
    if not isinstance(turns, list):
        raise ValueError("its turns are no list")  # noqa: TRY004 - as above
    if "base" not in found:
        tools = found.get("tools")
        names = tools if isinstance(tools, list) else [None]
        return CanonicalRequest(
            model=check_text(found.get("model")),
            tools=tuple(check_text(name) for name in names),
            turns=tuple(map(settle_turn, turns)),
        )
    base = earlier[check_number(found["base"], len(earlier) - 1)].request
    keep = check_number(found.get("keep"), len(base.turns))
    return CanonicalRequest(
        model=base.model, tools=base.tools, turns=(*base.turns[:keep], *map(settle_turn, turns))
    )


def _complain(path: Path, what: str) -> SettingError:
    return SettingError(f"{str(path)!r} is no cassette that can be replayed: {what}.", _NEXT)
