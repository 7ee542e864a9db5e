"""A request as a list of turns, to recognise a continued conversation by its prefix (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

_SIZE_LIMIT: Final = 4_000_000  # bytes of a body; parsing a bigger one once more costs too much
_TURNS: Final = ("messages", "input", "contents")  # the field of the turns, by protocol
# With these the provider drops turns as it likes, and might not for a slightly shorter request.
_SHORTENED: Final = ("context_management", "truncation")


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPrefix:
    """Digests of a request's turns, each with its size in bytes, and one of everything else."""

    rest: bytes
    turns: tuple[tuple[bytes, int], ...]

    def count_new(self, earlier: RequestPrefix) -> int | None:
        """Return the bytes of the turns added since ``earlier``, ``None`` if that is no prefix.

        Only complete turns at the end are new. If anything else has changed, tokens that the
        provider did not count last time (old thoughts, unused tools) may count from now on.
        """
        known = len(earlier.turns)
        if self.rest != earlier.rest or self.turns[:known] != earlier.turns:
            return None
        return sum(size for _, size in self.turns[known:])


def read_prefix(body: bytes) -> RequestPrefix | None:
    """Return the prefix of a body, ``None`` if none can be relied on."""
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
    """Return a digest of the value and its bytes in a body, with the comma after it."""
    data = json.dumps(value).encode("ascii")
    return hashlib.sha256(data).digest(), len(data) + 2


def _unmark_all(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields without cache marks on the body or on an entry of a list."""
    return {
        name: [_strip(entry) for entry in value] if isinstance(value, list) else value
        for name, value in fields.items()
        if name != "cache_control"
    }


def _unmark(turn: Any) -> Any:
    """Return a turn without cache marks, which move on with the conversation."""
    bare = _strip(turn)
    if isinstance(bare, dict) and isinstance(bare.get("content"), list):
        bare["content"] = [_strip(part) for part in bare["content"]]
    return bare


def _strip(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: entry for name, entry in value.items() if name != "cache_control"}
