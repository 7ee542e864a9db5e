"""Joins the pieces of a text that a provider spreads over several events (pure).

A path that is cut in two by events cannot be found in either. So events that only continue the
text of the one before become one event: a provider may well give that answer, too.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from pytest_agentfix.gateway.sse.events import Event, list_children

_Path = tuple[str | int, ...]

# Texts that later events continue; everything else in an event has to be the same.
_GROWING: Final = frozenset(
    {"content", "text", "arguments", "partial_json", "delta", "refusal", "transcript"}
    | {"thinking", "reasoning", "reasoning_content", "reasoning_text"}
)
# Only in the last event: with the last piece of the text, or alone.
_SAID_LAST: Final = frozenset(
    {"finish_reason", "native_finish_reason", "finishReason", "finishMessage", "safetyRatings"}
    | {"citationMetadata", "groundingMetadata", "avgLogprobs", "tokenCount"}
)
# Only in the first event.
_SAID_ONCE: Final = frozenset({"id", "type", "name", "role", "object"})
_USAGE: Final = frozenset({"usage", "usageMetadata", "x_groq"})  # running totals: the last counts
_VOLATILE: Final = _USAGE | {
    *("created", "created_at", "timestamp", "sequence_number", "system_fingerprint"),
    *("obfuscation", "p", "logprobs"),
}
_WHOLE: Final = frozenset({"functionCall", "functionResponse", "executableCode", "inlineData"})


class CutSecretError(ValueError):
    """An answer contains a secret in pieces, none of which shows it."""


def join_events(events: Iterable[Event]) -> list[Event]:
    """Return the events with the pieces of each text joined."""
    groups: list[_Group] = []
    current: _Group | None = None
    for event in events:
        if current and current.take(event):
            continue
        groups.append(_Group(event))
        if not _is_neutral(event):
            current = groups[-1]
    return [group.join() for group in groups]


def check_pieces(events: Sequence[Event], secrets: Sequence[str]) -> None:
    """Raise ``CutSecretError`` if texts of several events together contain one of ``secrets``."""
    pieces = [piece for event in events for piece in iter_pieces(event)]
    whole = "".join(pieces)
    for secret in filter(None, secrets):
        found = whole.count(secret)
        if found and found > sum(piece.count(secret) for piece in pieces):
            raise CutSecretError


def iter_pieces(event: Event) -> Iterator[str]:
    """Yield the texts of an event that a later one may continue."""
    if event.kind == "text":
        yield event.value
    for path in _iter_growing(event.value):
        yield _find(event.value, path) or ""


class _Group:
    """An event, and later ones that only continue its texts."""

    def __init__(self, first: Event) -> None:
        self._first = first
        self._rest: list[Event] = []
        self._paths = frozenset(_iter_growing(first.value)) if first.kind == "json" else None

    def take(self, event: Event) -> bool:
        """Add ``event`` if it continues this one, and return whether it does."""
        if event.kind != "json" or self._paths is None or event.name != self._first.name:
            return False
        if not _is_piece(event.value) or not _agrees(self._first.value, event.value, is_top=True):
            return False
        paths = frozenset(_iter_growing(event.value))
        if paths and self._paths and paths != self._paths:
            return False  # one text is over and the next begins
        if not all(_can_put(self._first.value, path) for path in paths):
            return False
        self._paths = paths or self._paths
        self._rest.append(event)
        return True

    def join(self) -> Event:
        """Return one event with the joined texts."""
        if not self._rest:
            return self._first
        events = (self._first, *self._rest)
        value = copy.deepcopy(self._first.value)
        for path in self._paths or ():
            _put(value, path, "".join(_find(event.value, path) or "" for event in events))
        for event in self._rest:
            value.update({key: event.value[key] for key in _USAGE if event.value.get(key)})
            _add_last(value, event.value)
        return replace(self._first, value=value)


def _is_neutral(event: Event) -> bool:
    """Tell whether the event only shows that the connection is alive, so that texts go on."""
    return event.kind == "comment" or event.name == "ping"


def _is_piece(value: Any) -> bool:
    """Tell whether a later event may be a piece of text; its type, if given, must agree."""
    if not isinstance(value, dict):
        return False
    kind = value.get("type")
    is_delta = not isinstance(kind, str) or kind.endswith("delta")
    entries = list(_iter_entries(value))
    has_text = any(name in _GROWING and isinstance(entry, str) for name, entry in entries)
    return is_delta and has_text and not any(name in _WHOLE for name, _ in entries)


def _iter_entries(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the fields of all objects in ``value``."""
    if isinstance(value, dict):
        yield from value.items()
    for child in list_children(value):
        yield from _iter_entries(child)


def _agrees(first: Any, later: Any, *, is_top: bool = False) -> bool:
    """Tell whether ``later`` adds nothing but pieces of the growing texts."""
    match first, later:
        case dict(), dict():
            names = {*first, *later} - _VOLATILE - ({"id"} if is_top else set())
            return all(_agrees_entry(name, first, later) for name in names)
        case list(), list():
            return len(first) == len(later) and all(map(_agrees, first, later))
        case _:
            return type(first) is type(later) and bool(first == later)


def _agrees_entry(name: str, first: dict[str, Any], later: dict[str, Any]) -> bool:
    old, new = first.get(name), later.get(name)
    if name in _GROWING and _is_text(old) and _is_text(new):
        return name in first or not new
    if not new and (name in _SAID_ONCE or not old):
        return True  # not repeated
    if not old and name in _SAID_LAST:
        return True
    return name in first and name in later and _agrees(old, new)


def _add_last(value: Any, later: Any) -> None:
    """Copy the fields of the last event from ``later``, which agrees with ``value``."""
    if isinstance(value, list) and isinstance(later, list):
        for one, other in zip(value, later, strict=False):
            _add_last(one, other)
    elif isinstance(value, dict) and isinstance(later, dict):
        value.update({name: later[name] for name in _SAID_LAST if later.get(name)})
        for name in value.keys() & later.keys() - _SAID_LAST - _VOLATILE:
            _add_last(value[name], later[name])


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _iter_growing(value: Any, path: _Path = ()) -> Iterator[_Path]:
    """Yield the paths of the non-empty growing texts in ``value``."""
    if isinstance(value, list):
        for number, entry in enumerate(value):
            yield from _iter_growing(entry, (*path, number))
    elif isinstance(value, dict):
        for name, entry in value.items():
            if name in _GROWING and isinstance(entry, str) and entry:
                yield (*path, name)
            elif name not in _VOLATILE | _SAID_LAST:
                yield from _iter_growing(entry, (*path, name))


def _find(value: Any, path: _Path) -> str | None:
    """Return the text at ``path``, ``None`` if this piece has none."""
    for step in path:
        is_there = step in value if isinstance(value, dict) else isinstance(step, int)
        value = value[step] if is_there and value is not None else None
        if value is None:
            return None
    return value if isinstance(value, str) else None


def _can_put(value: Any, path: _Path) -> bool:
    """Tell whether ``value`` has the containers that ``path`` leads through."""
    try:
        for step in path[:-1]:
            value = value[step]
    except (LookupError, TypeError):
        return False
    return isinstance(value, dict)


def _put(value: Any, path: _Path, text: str) -> None:
    *steps, last = path
    for step in steps:
        value = value[step]
    value[last] = text
