"""A request as a row of turns, so that a conversation that goes on is known by its beginning."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SIZE_LIMIT: Final = 4_000_000  # bytes of a body; to read a bigger one once more takes too much
_TURNS: Final = ("messages", "input", "contents")  # where the protocols have them
# With these the provider leaves out what it likes, and with a word less it would not.
_SHORTENED: Final = ("context_management", "truncation")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPrefix:
    """Digests of a request's turns, each with its bytes, and one of everything else in it."""

    rest: bytes
    turns: tuple[tuple[bytes, int], ...]

    def count_new(self, earlier: RequestPrefix) -> int | None:
        """Return the bytes of the turns that came after ``earlier``; ``None`` if it is no part.

        Only whole turns at the end are new. With anything else changed, what the provider passed
        over the last time (old thoughts, tools that were not to be called) may count from now on.
        """
        known = len(earlier.turns)
        if self.rest != earlier.rest or self.turns[:known] != earlier.turns:
            return None
        return sum(size for _, size in self.turns[known:])


def read_prefix(body: bytes) -> RequestPrefix | None:
    """Return the outline of a body; ``None`` where none can be relied on."""
    if len(body) > _SIZE_LIMIT:
        return None
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or any(name in fields for name in _SHORTENED):
        return None
    name = next((name for name in _TURNS if isinstance(fields.get(name), list)), None)
    turns = fields.pop(name) if name else []
    return RequestPrefix(rest=_digest(_unmark_all(fields))[0], turns=tuple(map(_read_turn, turns)))


def _read_turn(turn: Any) -> tuple[bytes, int]:
    return _digest(_unmark(turn))


def _digest(value: Any) -> tuple[bytes, int]:
    """Return a digest, and how many bytes the value has in a body, with the comma after it."""
    data = json.dumps(value).encode("ascii")
    return hashlib.sha256(data).digest(), len(data) + 2


def _unmark_all(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without marks for the cache on the whole, or on an entry of a list."""
    return {
        name: [_strip(entry) for entry in value] if isinstance(value, list) else value
        for name, value in fields.items()
        if name != "cache_control"
    }


def _unmark(turn: Any) -> Any:
    """Return a turn without the marks for the cache, which move on with the conversation."""
    bare = _strip(turn)
    if isinstance(bare, dict) and isinstance(bare.get("content"), list):
        bare["content"] = [_strip(part) for part in bare["content"]]
    return bare


def _strip(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: entry for name, entry in value.items() if name != "cache_control"}
