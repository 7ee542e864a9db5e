"""Checks the values in a cassette's lines; each raises ``ValueError`` for a bad one (pure)."""

from __future__ import annotations

import enum
from typing import Final

HEADERS: Final = frozenset({"content-type", "retry-after"})
_STATUSES: Final = range(200, 600)
_WORD_LIMIT: Final = 1000  # characters of a short text
_TEXT_LIMIT: Final = 1_000_000


class End(enum.Enum):
    """The end of an exchange."""

    WHOLE = "whole"
    BROKEN = "broken"  # the provider's side, in the middle of the answer
    GIVEN_UP = "given-up"  # our side did not need the rest, or stopped waiting
    UNREACHED = "unreached"  # there was no answer at all


def check_number(value: object, largest: int) -> int:
    """Return ``value`` if it is a whole number from 0 to ``largest``."""
    if type(value) is not int or not 0 <= value <= largest:
        raise ValueError("it refers to something that is not there")
    return value


def check_end(value: object) -> End:
    """Return the end that ``value`` names."""
    known = {end.value: end for end in End}
    if not isinstance(value, str) or value not in known:
        raise ValueError("its end is none of a cassette's")
    return known[value]


def check_status(value: object) -> int:
    """Return ``value`` if it is a final HTTP status, or 0 for none."""
    if type(value) is not int or (value not in _STATUSES and value != 0):
        raise ValueError("its status is none of HTTP's")
    return value


def check_headers(value: object) -> dict[str, str]:
    """Return ``value`` if it is the headers that a cassette keeps."""
    if not isinstance(value, dict) or not value.keys() <= HEADERS:
        raise ValueError("its headers are not those of a cassette")
    return {name: check_word(entry) for name, entry in value.items()}


def check_word(value: object) -> str:
    """Return ``value`` if it is a short text that is safe in a header and on a terminal."""
    text = check_text(value, _WORD_LIMIT)
    if not text.isascii() or not text.isprintable():
        raise ValueError("a value is not printable")
    return text


def check_text(value: object, limit: int = _TEXT_LIMIT) -> str:
    """Return ``value`` if it is a text of at most ``limit`` characters."""
    if not isinstance(value, str):
        raise ValueError("a text is missing")  # noqa: TRY004 - as above
    if len(value) > limit:
        raise ValueError("a text is too long")
    return value
