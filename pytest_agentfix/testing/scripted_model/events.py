"""The common parts of answers in the four protocols (pure)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from pytest_agentfix.testing.scripted_model.conversation import Conversation
from pytest_agentfix.testing.scripted_model.replies import Call, Calls, NoUsage, Say, ScriptedUsage

_PIECE: Final = 20  # characters of text or arguments per chunk: several even for short answers
_LETTERS_PER_TOKEN: Final = 4

Answer: TypeAlias = Say | Call | Calls


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The facts about a request that an answer needs. ``created`` is in Unix seconds."""

    body: Mapping[str, Any]
    model: str
    created: int

    @property
    def number(self) -> int:
        """The number of messages so far, which makes the ids of each answer unique."""
        return len(Conversation(self.body).messages)


def list_calls(reply: Answer) -> Sequence[Call]:
    """Return the tool calls of a reply."""
    match reply:
        case Call():
            return [reply]
        case Calls():
            return reply.calls
        case Say():
            return []


def dump_arguments(call: Call) -> str:
    """Return a call's arguments as JSON text, as most protocols want them."""
    return json.dumps(dict(call.arguments))


def cut(text: str) -> list[str]:
    """Return ``text`` in the pieces a stream sends it in."""
    return [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]


def count(asked: Asked, reply: Answer) -> ScriptedUsage | None:
    """Return the usage to report: the script's, or a guess by length; ``None`` for none."""
    if isinstance(reply.usage, NoUsage):
        return None
    return reply.usage or ScriptedUsage(
        prompt_tokens=len(json.dumps(Conversation(asked.body).messages)) // _LETTERS_PER_TOKEN,
        completion_tokens=_measure(reply) // _LETTERS_PER_TOKEN + 1,
    )


def _measure(reply: Answer) -> int:
    return len(reply.text) + sum(len(dump_arguments(call)) for call in list_calls(reply))


def frame(payload: Mapping[str, Any], *, event: str = "", end: str = "\n") -> bytes:
    """Return one server-sent event; ``event`` is its name in protocols that have one."""
    head = f"event: {event}{end}" if event else ""
    return f"{head}data: {json.dumps(payload)}{end}{end}".encode()
