"""Literals as keys: equal values share a key, and common values say nothing."""

from __future__ import annotations

import math
import re
from typing import Any, Final

from pytest_agentfix.judge.lint.folded import UNKNOWN, Pairs

_DEPTH: Final = 6
_TRIVIAL_NUMBERS: Final = frozenset({*range(-9, 10), -10, 10, 100, 1000, 0.5})
_SHORT: Final = 3  # characters
_RICH_TEXT: Final = 6
_RICH_DIGITS: Final = 3
_WORD: Final = re.compile(r"[A-Za-z_][A-Za-z_.-]*|[a-z]+( [a-z]+){1,2}")  # or a few of them
_PUNCTUATION: Final = re.compile(r"[^A-Za-z0-9_]")


def literal_key(value: Any, depth: int = _DEPTH) -> str:  # noqa: PLR0911 - a table
    """Return a text that equal values share, as far as ``assert`` would call them equal."""
    if depth == 0 or value is UNKNOWN:
        return "?"
    if isinstance(value, (bool, type(None), type(...))):
        return repr(value)
    if isinstance(value, (int, float)):
        return f"n:{_plain(value)!r}"
    if isinstance(value, (str, bytes)):
        return f"s:{value if isinstance(value, str) else value.decode('latin-1')}"
    if isinstance(value, Pairs):
        entries = [f"{literal_key(k, depth - 1)}={literal_key(v, depth - 1)}" for k, v in value]
        return f"{{{', '.join(sorted(entries))}}}"
    if isinstance(value, list):
        return f"[{', '.join(literal_key(one, depth - 1) for one in value)}]"
    return f"?{type(value).__name__}:{value!r}"


def is_trivial(value: Any) -> bool:
    """Return whether a value is so common that meeting it twice says nothing."""
    if value is UNKNOWN or isinstance(value, (bool, type(None), type(...))):
        return True
    if isinstance(value, (int, float)):
        return value in _TRIVIAL_NUMBERS or not math.isfinite(value)
    if isinstance(value, (str, bytes)):
        return len(value.strip()) < _SHORT
    if isinstance(value, list):
        return len(value) < 2 and all(map(is_trivial, parts(value)))  # noqa: PLR2004 - a pair
    return True


def is_word(value: Any) -> bool:
    """Return whether a value is a word, as keywords, names of fields and options are."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def is_rich(value: Any) -> bool:
    """Return whether a value is so particular that nobody arrives at it by chance."""
    if isinstance(value, (str, bytes)):
        text = value if isinstance(value, str) else value.decode("latin-1")
        return len(text) >= _RICH_TEXT and _PUNCTUATION.search(text.strip()) is not None
    if isinstance(value, float):
        return sum(digit.isdigit() for digit in repr(value).strip("0.")) >= _RICH_DIGITS
    return isinstance(value, list) and len(value) >= 2  # noqa: PLR2004 - a pair


def parts(value: list[Any]) -> list[Any]:
    """List the elements of a container; of a dict its values, as its keys are field names."""
    return [one for _, one in value] if isinstance(value, Pairs) else list(value)


def _plain(value: float) -> float:
    return int(value) if isinstance(value, float) and value.is_integer() else value
