"""Shapes of JSON values: small functions that copy the known parts and nothing else (pure).

A shape takes a value and returns its replacement for upstream, ``DROPPED`` to leave it out, or
raises ``RefusedError``. Since known parts are copied, a part nobody thought of is never sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, NoReturn

from pytest_agentfix.gateway.admission.refusal import RefusedError

_QUOTE_LIMIT: Final = 60  # characters quoted of the sandbox's values
_NOTES_LIMIT: Final = 20  # names of fields that are logged for one body
# Names of the agent's tools; providers call theirs "$web_search", "openrouter:web_search" etc.
_TOOL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,128}")
_SNAKE: Final = re.compile(r"_([a-z0-9])")

Shape = Callable[[Any], Any]

DROPPED: Final = object()

_notes: Final[ContextVar[list[str] | None]] = ContextVar("left_out", default=None)


@contextmanager
def noting_left_out() -> Iterator[list[str]]:
    """Yield a list that collects the names of fields left out in the block, the first few.

    The sandbox can send a million of them, and all would be logged.
    """
    notes: list[str] = []
    before = _notes.set(notes)
    try:
        yield notes
    finally:
        _notes.reset(before)


def _note(name: str) -> None:
    notes = _notes.get()
    if notes is not None and len(notes) < _NOTES_LIMIT:
        notes.append(quote(name))


def keep(value: Any) -> Any:
    """Return any value as it is: for JSON that only the model and the agent's tools read."""
    return value


def plain(value: Any) -> Any:
    """Return text, numbers, and lists of them; drop nested values."""
    entries = value if isinstance(value, list) else [value]
    return DROPPED if any(isinstance(entry, (dict, list)) for entry in entries) else value


def tool_name(value: Any) -> Any:
    """Return a valid name of an agent's tool; refuse any other."""
    if not isinstance(value, str) or not _TOOL_NAME.fullmatch(value):
        raise RefusedError(403, f"A tool cannot have the name {quote(value)} here.")
    return value


def only_one(value: Any) -> Any:
    """Drop a number of answers of one, which is the default; refuse any other."""
    if value is None or (type(value) is int and value == 1):
        return DROPPED
    raise RefusedError(403, "Only one answer per request is allowed here.")


def one_of(*allowed: str) -> Shape:
    """Return the shape of a word in ``allowed``; others are dropped."""
    return lambda value: value if isinstance(value, str) and value in allowed else DROPPED


def always(*, value: Any) -> Shape:
    """Return the shape that replaces any value by ``value``."""
    return lambda _: value


def sift(*allowed: str) -> Shape:
    """Return the shape of a list of words that keeps those in ``allowed``."""

    def copy(value: Any) -> Any:
        entries = value if isinstance(value, list) else []
        found = [entry for entry in entries if isinstance(entry, str) and entry in allowed]
        return found or DROPPED

    return copy


def refusing(*names: str) -> dict[str, Shape]:
    """Return fields that are refused unless they are empty or false; ``{}`` is refused as well.

    OpenAI's ``web_search_options`` and Google's ``googleSearch`` are switched on by ``{}``.
    """
    return {name: _Refusing(f"{name!r} is not allowed here.") for name in names}


def refusing_with(message: str, *names: str) -> dict[str, Shape]:
    """Return refused fields whose refusal gives ``message`` instead of their names."""
    return {name: _Refusing(message) for name in names}


@dataclass(frozen=True, slots=True)
class _Refusing:
    """The shape of a refused field."""

    message: str

    def __call__(self, value: Any) -> Any:
        if value is None or value is False or value in ("", []):
            return DROPPED
        raise RefusedError(403, self.message)


@dataclass(frozen=True, slots=True)
class Fields:
    """An object of which only the fields in ``table`` are copied; nulls stay as they are.

    ``is_camel``: names may be in snake case too, as in Google's protocol; they are copied in
    camel case. A field in both spellings is refused, because the provider would choose one.
    """

    table: Mapping[str, Shape]
    is_camel: bool = False

    def __call__(self, value: Any) -> dict[str, Any]:
        """Return the copy."""
        if not isinstance(value, dict):
            complain_of_form()
        copied: dict[str, Any] = {}
        for name, entry in self._iter_named(value):
            shape = self.table.get(name)
            if shape is None:
                _note(name)
            elif entry is None and not isinstance(shape, _Refusing):
                copied[name] = None
            elif (clean := shape(entry)) is not DROPPED:
                copied[name] = clean
        return copied

    def _iter_named(self, value: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        if not self.is_camel:
            return value.items()
        named = [(to_camel(name), entry) for name, entry in value.items()]
        if len(dict(named)) != len(named):
            raise RefusedError(400, "A field is given in two spellings.")
        return named


@dataclass(frozen=True, slots=True)
class Each:
    """A list whose entries all have one shape; dropped entries leave no gap."""

    shape: Shape

    def __call__(self, value: Any) -> list[Any]:
        """Return the copy."""
        if not isinstance(value, list):
            complain_of_form()
        copies = [self.shape(entry) for entry in value]
        return [copy for copy in copies if copy is not DROPPED]


@dataclass(frozen=True, slots=True)
class TextOr:
    """Text, or a value of another shape."""

    shape: Shape

    def __call__(self, value: Any) -> Any:
        """Return the copy."""
        return value if isinstance(value, str) else self.shape(value)


@dataclass(frozen=True, slots=True)
class Kinds:
    """An object whose shape depends on its ``type``; without one, ``default``, "" to refuse it.

    ``what`` names such objects in the refusal of an unknown type.
    """

    what: str
    kinds: Mapping[str, Shape]
    default: str = ""

    def __call__(self, value: Any) -> Any:
        """Return the copy."""
        if not isinstance(value, dict):
            complain_of_form()
        kind = value.get("type")
        kind = self.default if kind is None else kind
        if not isinstance(kind, str) or kind not in self.kinds:
            raise RefusedError(403, f"{self.what} of the type {quote(kind)} is not allowed here.")
        return self.kinds[kind](value)


def to_camel(name: str) -> str:
    """Return ``some_name`` as ``someName``."""
    return _SNAKE.sub(lambda match: match[1].upper(), name)


def quote(value: object) -> str:
    """Return ``value`` for a message: one short line of ASCII."""
    text = value if isinstance(value, str) else type(value).__name__  # a nested value may be huge
    return ascii(text[:_QUOTE_LIMIT])[:_QUOTE_LIMIT]


def complain_of_form() -> NoReturn:
    """Raise ``RefusedError`` for a value that is not the object or list it has to be."""
    raise RefusedError(400, "The body has not the form of this protocol.")
