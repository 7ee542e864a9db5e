"""Converts an answer's body to the form that a cassette keeps, and back (pure)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pytest_agentfix.gateway.cassettes.path_placeholders import map_strings
from pytest_agentfix.gateway.sse.events import (
    Event,
    parse_events,
    parse_json,
    render_event,
)
from pytest_agentfix.gateway.sse.joining import check_pieces, join_events

Body = Mapping[str, Any]  # one entry: "events", "json" or "text"
Change = Callable[[str], str]

_STREAM: Final = "text/event-stream"
_KINDS: Final = ("json", "text", "comment")


def pack_body(raw: bytes, content_type: str, *, clean: Change, secrets: Sequence[str] = ()) -> Body:
    """Return ``raw`` in the stored form, with ``clean`` applied to all its texts.

    Raises ``CutSecretError`` if one of ``secrets`` is cut up so that ``clean`` could not see it.
    """
    text = raw.decode("utf-8", "replace")
    if content_type.lower().startswith(_STREAM):
        events = join_events(_slim(event) for event in parse_events(text))
        if raw and not events:  # some bytes came: this tells a break from an outage
            events = [Event(kind="comment", value=" torn off")]
        check_pieces(events, secrets)
        return {"events": [_pack_event(event, clean) for event in events]}
    try:
        return {"json": map_strings(parse_json(text), clean)}
    except ValueError:
        return {"text": clean(text)}


def unpack_body(body: Body, *, restore: Change) -> Iterator[bytes]:
    """Yield the bytes of a body, a stream event by event; ``restore`` undoes ``clean``."""
    match body:
        case {"events": events}:
            for event in events:
                yield render_event(_unpack_event(event, restore))
        case {"json": value}:
            yield json.dumps(map_strings(value, restore)).encode("ascii")
        case {"text": str(text)} if text:
            yield restore(text).encode("utf-8", "replace")


def check_body(body: object) -> Body:
    """Return ``body`` if it has the stored form; raises ``ValueError`` otherwise."""
    match body:
        case {"events": list(events), **rest} if not rest:
            for event in events:
                _check_event(event)
        case {"json": _, **rest} if not rest:
            pass
        case {"text": str(), **rest} if not rest:
            pass
        case _:
            raise ValueError("its body has no known form")
    assert isinstance(body, dict)
    return body


def _pack_event(event: Event, clean: Change) -> dict[str, Any]:
    packed: dict[str, Any] = {event.kind: map_strings(event.value, clean)}
    return {"event": event.name, **packed} if event.name else packed


def _unpack_event(packed: Mapping[str, Any], restore: Change) -> Event:
    kind = next(kind for kind in _KINDS if kind in packed)
    return Event(
        kind=kind,  # type: ignore[arg-type]
        value=map_strings(packed[kind], restore),
        name=packed.get("event", ""),
    )


def _check_event(packed: object) -> None:
    """Raise ``ValueError`` if ``packed`` is not an event."""
    if not isinstance(packed, dict) or not isinstance(packed.get("event", ""), str):
        raise ValueError("an event has no known form")  # noqa: TRY004 - one for all faults
    kinds = packed.keys() - {"event"}
    is_text = all(isinstance(packed[kind], str) for kind in kinds - {"json"})
    if len(kinds) != 1 or not kinds <= set(_KINDS) or not is_text:
        raise ValueError("an event has no known form")


def _slim(event: Event) -> Event:
    """Return the event without the prompt and the tools that the Responses protocol repeats."""
    response = event.value.get("response") if isinstance(event.value, dict) else None
    if isinstance(response, dict):
        slim: dict[str, Any] = {"instructions": None, "tools": []}
        response.update({key: slim[key] for key in slim if key in response})
    return event
