"""Parses JSON strictly: only documents that all parsers read alike (pure).

The body is parsed once, here, and written anew: the provider parses exactly what was checked.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from pytest_agentfix.gateway.admission.refusal import RefusedError

_DEPTH_LIMIT: Final = 100  # levels of nesting; real bodies have about a dozen
_BRACKET_LIMIT: Final = 500_000  # each takes ten to fifty bytes once parsed
_DIGIT_LIMIT: Final = 20  # of a whole number: 64 bits, and a sign


def parse_body(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in ``raw``; raises ``RefusedError`` (400) for anything else.

    It refuses whatever parsers read in different ways (RFC 8259, sections 4, 6 and 8): duplicate
    keys, numbers out of range, ``NaN``, encodings other than UTF-8, a byte order mark, halves of
    surrogate pairs. It also refuses what is expensive: deep nesting, and brackets by the million.
    """
    if raw.count(b"[") + raw.count(b"{") > _BRACKET_LIMIT:
        raise RefusedError(400, "The body has too many parts.")
    try:
        found = json.loads(
            raw.decode("utf-8"),  # json would guess the encoding of bytes and accept surrogates
            object_pairs_hook=_build_object,
            parse_constant=_refuse_constant,
            parse_int=_read_integer,
            parse_float=_read_float,
        )
        _check_depth(found)
        json.dumps(found, ensure_ascii=False).encode("utf-8")  # fails for half a surrogate pair
    except RecursionError:
        raise RefusedError(400, "The body is nested too deeply.") from None
    except ValueError:
        raise RefusedError(400, "The body is not plain JSON.") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "The body is not a JSON object.")
    return found


def write_body(body: dict[str, Any]) -> bytes:
    """Return ``body`` as ASCII."""
    return json.dumps(body, allow_nan=False).encode("ascii")


def _build_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    built = dict(pairs)
    if len(built) != len(pairs):
        raise ValueError("duplicate key")
    return built


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _read_integer(text: str) -> int:
    if len(text) > _DIGIT_LIMIT:
        raise ValueError("too long a number")
    return int(text)


def _read_float(text: str) -> float:
    found = float(text)
    if not math.isfinite(found):
        raise ValueError("too big a number")
    return found


def _check_depth(found: object) -> None:
    """Raise ``RecursionError`` for a value nested too deeply, on every version of Python."""
    level = [found]
    for _ in range(_DEPTH_LIMIT):
        level = [child for holder in level for child in _list_holders(holder)]
        if not level:
            return
    raise RecursionError


def _list_holders(holder: object) -> list[object]:
    """Return the lists and objects in ``holder``."""
    if isinstance(holder, dict):
        return [value for value in holder.values() if isinstance(value, (dict, list))]
    if isinstance(holder, list):
        return [value for value in holder if isinstance(value, (dict, list))]
    return []
