"""A request as a list of turns, to recognise a continued conversation by its prefix (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

from pytest_agentfix.gateway.spending.tokenizers import bound_tokens

_SIZE_LIMIT: Final = 4_000_000  # bytes of a body; parsing a bigger one once more costs too much
_TURNS: Final = ("messages", "input", "contents")  # the field of the turns, by protocol
# With these the provider drops turns as it likes, and might not for a slightly shorter request.
_SHORTENED: Final = ("context_management", "truncation")


# Fields of a body that never become tokens of the prompt.
_UNREAD: Final = (
    *("cache_control", "prompt_cache_key"),
    *("max_tokens", "max_completion_tokens", "max_output_tokens"),
)
_ASKING: Final = frozenset({"system", "developer", "user"})  # roles that are not the model's


@dataclass(frozen=True, slots=True)
class PromptTurn:
    """A digest of one turn, and the most tokens that it can have. ``is_asking``: not the model's.

    A tool's result counts as the model's turn, because it belongs to a call.
    """

    digest: bytes
    most: int
    is_asking: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestPrefix:
    """A request's turns, and a digest of everything else."""

    rest: bytes
    turns: tuple[PromptTurn, ...]

    def continues(self, earlier: RequestPrefix) -> bool:
        """Tell whether this request only adds complete turns at the end of ``earlier``."""
        return self.rest == earlier.rest and self.turns[: len(earlier.turns)] == earlier.turns

    def list_new(self, earlier: RequestPrefix) -> tuple[PromptTurn, ...] | None:
        """Return the turns that ``earlier`` did not have, ``None`` if it says nothing about this.

        All of ``earlier`` is known if it goes on here. Of another conversation, which has the same
        tools and settings and at least one question, the questions that both begin with are known,
        but nothing from the model's first turn on: tokens that the provider left out there (old
        thoughts) may count here.
        """
        if self.continues(earlier):
            return self.turns[len(earlier.turns) :]
        if self.rest != earlier.rest or not any(turn.is_asking for turn in earlier.turns):
            return None
        pairs = zip(self.turns, earlier.turns, strict=False)
        same = takewhile(lambda pair: pair[0] == pair[1] and pair[0].is_asking, pairs)
        return self.turns[sum(1 for _ in same) :]


def read_prefix(body: bytes, model: str) -> RequestPrefix | None:
    """Return the prefix of a body for ``model``, ``None`` if none can be relied on."""
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
    return RequestPrefix(
        rest=_digest(_write(_unmark_all(fields))),
        turns=tuple(_read_turn(turn, model) for turn in turns),
    )


def _read_turn(turn: Any, model: str) -> PromptTurn:
    data = _write(_unmark(turn))
    role = turn.get("role") if isinstance(turn, dict) else None
    # With the comma and the space after it in a body.
    return PromptTurn(_digest(data), bound_tokens(data, model) + 2, role in _ASKING)


def _write(value: Any) -> bytes:
    return json.dumps(value).encode("ascii")


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _unmark_all(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that are read, without cache marks on entries of lists."""
    return {
        name: [_strip(entry) for entry in value] if isinstance(value, list) else value
        for name, value in fields.items()
        if name not in _UNREAD
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
