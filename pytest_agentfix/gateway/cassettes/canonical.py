"""The form that requests are matched by: model, tool names and normalised turns (pure)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.cassettes.path_placeholders import (
    PathPlaceholders,
    map_strings,
    merge_names,
)
from pytest_agentfix.gateway.cassettes.volatile_text import normalise
from pytest_agentfix.gateway.redaction import redact_secrets
from pytest_agentfix.gateway.sse.events import DEPTH_LIMIT

_KNOWN_LIMIT: Final = 20_000_000  # characters of cached texts
_TURN_KEYS: Final = ("messages", "input", "contents")  # one for each family of protocols
_UNMATCHED_ROLES: Final = frozenset({"system", "developer"})
_VOLATILE: Final = frozenset(
    {"id", "call_id", "tool_call_id", "tool_use_id", "toolCallId", "item_id", "status"}
    | {"signature", "thoughtSignature", "thought_signature", "encrypted_content", "data_signature"}
    | {"cache_control", "cacheControl", "created", "created_at"}
)
# Arguments and object results of tools: all of it counts, whatever its keys.
_DATA_KEYS: Final = frozenset({"arguments", "args", "input", "response"})


@dataclass(frozen=True)
class CanonicalTurn:
    """One turn of a conversation as a JSON value; requests that share it share the object."""

    value: Any

    @cached_property
    def text(self) -> str:
        """The value as text with sorted keys."""
        return json.dumps(self.value, sort_keys=True)

    @cached_property
    def mark(self) -> bytes:
        """A digest, equal for equal turns only."""
        return hashlib.sha256(self.text.encode("ascii")).digest()


@dataclass(frozen=True, kw_only=True)
class CanonicalRequest:
    """A request without the parts that differ from run to run. Turns are oldest first."""

    model: str
    tools: tuple[str, ...]
    turns: tuple[CanonicalTurn, ...]

    @cached_property
    def marks(self) -> tuple[bytes, ...]:
        """A digest of the conversation up to each turn, and one before the first."""
        return tuple(_iter_marks(self))

    @property
    def key(self) -> bytes:
        """A digest, equal for equal requests only."""
        return self.marks[-1]


class Canonicalizer:
    """Normalises requests; caches texts, because every request repeats the earlier ones."""

    def __init__(self, placeholders: PathPlaceholders, secrets: Sequence[str] = ()) -> None:
        self._placeholders = placeholders
        self.secrets = tuple(secrets)
        self._known: dict[str, str] = {}
        self._size = 0

    def read(self, admission: Admission) -> CanonicalRequest:
        """Return the canonical form of a request, an empty one if its body is not a JSON object."""
        body = _parse_body(admission.body)
        return CanonicalRequest(
            model=admission.model,
            tools=tuple(sorted(self._clean(name) for name in _iter_tools(body.get("tools")))),
            turns=tuple(CanonicalTurn(self._reduce(turn, depth=0)) for turn in _iter_turns(body)),
        )

    def _clean(self, text: str) -> str:
        if (known := self._known.get(text)) is not None:
            return known
        clean = settle(self._placeholders.hide(redact_secrets(text, self.secrets)))
        self._size += len(text) + len(clean)
        if self._size > _KNOWN_LIMIT:
            self._known, self._size = {}, len(text) + len(clean)
        self._known[text] = clean
        return clean

    def _reduce(self, value: Any, *, depth: int, is_data: bool = False) -> Any:
        """Return ``value`` without volatile keys, with clean texts and sorted keys."""
        if depth > DEPTH_LIMIT:
            return "<too deep>"
        match value:
            case str():
                return self._clean(value)
            case list():
                return [self._reduce(one, depth=depth + 1, is_data=is_data) for one in value]
            case dict():
                return {
                    self._clean(key): self._reduce_entry(key, entry, depth + 1, is_data=is_data)
                    for key, entry in sorted(value.items())
                    if is_data or key not in _VOLATILE
                }
            case _:
                return value

    def _reduce_entry(self, key: str, value: Any, depth: int, *, is_data: bool) -> Any:
        if key == "arguments" and isinstance(value, str):
            value = _parse_arguments(value)
        is_inner = is_data or (key in _DATA_KEYS and isinstance(value, dict))
        return self._reduce(value, depth=depth, is_data=is_inner)


def settle(text: str) -> str:
    """Return ``text``, its paths hidden, as it is compared; idempotent."""
    return normalise(merge_names(text))


def settle_turn(value: Any) -> CanonicalTurn:
    """Return a recorded turn as today's rules would write it."""
    return CanonicalTurn(map_strings(value, settle))


def _iter_marks(request: CanonicalRequest) -> Iterator[bytes]:
    mark = CanonicalTurn([request.model, list(request.tools)]).mark
    yield mark
    for turn in request.turns:
        mark = hashlib.sha256(mark + turn.mark).digest()
        yield mark


def _parse_body(raw: bytes) -> Mapping[str, Any]:
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _parse_arguments(text: str) -> Any:
    """Return a call's arguments parsed, so that white space in them does not count."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _iter_tools(tools: object) -> Iterator[str]:
    """Yield the tools' names in the forms of all four protocols."""
    for tool in tools if isinstance(tools, list) else []:
        if not isinstance(tool, dict):
            continue
        declared = tool.get("functionDeclarations") or tool.get("function_declarations")
        yield from _iter_tools(declared)
        function = tool.get("function")
        name = function.get("name") if isinstance(function, dict) else tool.get("name")
        if isinstance(name, str):
            yield name


def _iter_turns(body: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the turns of the conversation except the system's."""
    found: object = next((body[key] for key in _TURN_KEYS if key in body), [])
    for turn in found if isinstance(found, list) else [found]:
        role = turn.get("role") if isinstance(turn, dict) else None
        if not (isinstance(role, str) and role in _UNMATCHED_ROLES):
            yield turn
