"""Parses and renders server-sent events (pure)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NoReturn

DEPTH_LIMIT: Final = 60  # levels; no real client nests deeper


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One event: ``value`` is parsed if ``kind`` is ``json``, a text otherwise.

    ``name`` is the ``event:`` field, "" if there is none. A comment is not an event to a client,
    but shows that the connection is alive.
    """

    kind: Literal["json", "text", "comment"]
    value: Any
    name: str = ""


def parse_events(text: str) -> list[Event]:
    """Return the events of a stream; an incomplete one at its end is left out."""
    blocks = text.replace("\r\n", "\n").replace("\r", "\n").split("\n\n")
    *whole, rest = blocks
    events = [event for block in whole for event in _iter_block(block)]
    torn = [event for event in _iter_block(rest) if event.kind == "json" or _is_end(event)]
    return events + torn


def render_event(event: Event) -> bytes:
    """Return the event as bytes of a stream."""
    if event.kind == "comment":
        return _write_lines(":", event.value) + b"\n"
    name = _write_lines("event: ", event.name) if event.name else b""
    data = json.dumps(event.value) if event.kind == "json" else event.value
    return name + _write_lines("data: ", data) + b"\n"


def parse_json(text: str, depth: int = DEPTH_LIMIT) -> Any:
    """Return the JSON value in ``text``; raises ``ValueError``, also if it is too deep."""
    try:
        value = json.loads(text, parse_constant=_refuse_number, parse_float=_parse_float)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    check_depth(value, depth)
    return value


def check_depth(value: Any, limit: int = DEPTH_LIMIT) -> None:
    """Raise ``ValueError`` if ``value`` has more than ``limit`` levels."""
    level = [value]
    for _ in range(limit + 1):
        level = [inner for one in level for inner in list_children(one)]
        if not level:
            return
    raise ValueError("nested too deeply")


def _iter_block(block: str) -> Iterator[Event]:
    lines = [line for line in block.split("\n") if line]
    comments = [line[1:] for line in lines if line.startswith(":")]
    if comments:
        yield Event(kind="comment", value=comments[0])
    fields = [line.partition(":") for line in lines if not line.startswith(":")]
    values = [(name, value.removeprefix(" ")) for name, _, value in fields]
    data = [value for name, value in values if name == "data"]
    names = [value for name, value in values if name == "event"]
    if data:
        yield _make_event("\n".join(data), names[-1] if names else "")


def _make_event(data: str, name: str) -> Event:
    try:
        return Event(kind="json", value=parse_json(data), name=name)
    except ValueError:
        return Event(kind="text", value=data, name=name)


def _is_end(event: Event) -> bool:
    return bool(event.kind == "text" and event.value == "[DONE]")


def _write_lines(field: str, text: str) -> bytes:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "".join(f"{field}{line}\n" for line in lines).encode("utf-8", "replace")


def _refuse_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _parse_float(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        _refuse_number(text)
    return number


def list_children(value: Any) -> Sequence[Any]:
    """Return the direct children of a JSON value."""
    match value:
        case dict():
            return list(value.values())
        case list():
            return value
        case _:
            return ()
