"""The benchmarks' scripted model: it notes arrival times, and knows the bugs."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, final

from pytest_agentfix.testing.scripted_model.conversation import Conversation, Speaker
from pytest_agentfix.testing.scripted_model.model_server import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import (
    HARMLESS,
    Calls,
    Reply,
    Say,
    Script,
    edits,
    reads,
)

BYTES_PER_TOKEN = 4  # roughly, for English and code
CACHE_MINIMUM = 1_024  # tokens of a beginning that providers keep at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Bug:
    """One wrong line: ``old`` stands once in ``file`` and has to be ``new``.

    ``test`` is the name of the test function that sees it; no other test's name holds it as a word.
    """

    file: str
    test: str
    old: str
    new: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One request at the model."""

    at: float
    has_tools: bool
    prompt: str  # the conversation's first
    is_first: bool  # of its conversation


@final
class TimedModel:
    """A scripted model that notes when each request arrived; serves while entered."""

    def __init__(self, script: Script, *, delay: float = 0.0) -> None:
        self.arrivals: list[Arrival] = []
        self._script = script
        self._delay = delay
        self.server = ScriptedModel(self._answer, delay=delay)

    def __enter__(self) -> TimedModel:
        self.server.__enter__()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.server.close()

    @property
    def url(self) -> str:
        """The base URL for a client of chat completions."""
        return self.server.base_url

    @property
    def work(self) -> list[Arrival]:
        """The requests that were offered tools, oldest first: titles and the like are none."""
        return [arrival for arrival in self.arrivals if arrival.has_tools]

    @property
    def sessions(self) -> int:
        """The number of conversations with tools that were begun."""
        return sum(arrival.is_first for arrival in self.work)

    @property
    def waited(self) -> float:
        """Seconds in which at least one answer was being waited for."""
        total, until = 0.0, 0.0
        for at in sorted(arrival.at for arrival in self.arrivals):
            end = at + self._delay
            total += max(0.0, end - max(at, until))
            until = max(until, end)
        return total

    @property
    def prompt_tokens(self) -> int:
        """The bytes of all requests' messages and tools, divided by four."""
        return sum(map(_count_prompt, self._bodies)) // BYTES_PER_TOKEN

    @property
    def cached_tokens(self) -> int:
        """The part of ``prompt_tokens`` that a provider's cache could have.

        That is what each request has in common with the beginning of an earlier one (tools, system
        prompt, turns), where it is long enough to be kept.
        """
        prompts = [_spell(body) for body in self._bodies]
        shared = [
            max((_count_shared(prompt, earlier) for earlier in prompts[:number]), default=0)
            // BYTES_PER_TOKEN
            for number, prompt in enumerate(prompts)
        ]
        return sum(tokens for tokens in shared if tokens >= CACHE_MINIMUM)

    @property
    def parts(self) -> list[dict[str, int]]:
        """The tokens of each request's tools, system prompt, first prompt and later turns."""
        return [_measure_parts(body) for body in self._bodies]

    @property
    def _bodies(self) -> list[dict[str, Any]]:
        return [one.body for one in self.server.requests if isinstance(one.body, dict)]

    def _answer(self, conversation: Conversation) -> Reply:
        prompts = conversation.prompts
        self.arrivals.append(
            Arrival(
                at=time.monotonic(),
                has_tools=conversation.has_tools,
                prompt=prompts[0] if prompts else "",
                is_first=not conversation.turn and not conversation.step,
            )
        )
        return self._script(conversation)


class KnownBugs:
    """A script that repairs the bugs a prompt names, as a sensible model would.

    It reads the files of the bugs named; corrects them one edit per answer; and says that it is
    done, at once where it read that everything is right: 3 requests for a bug, 2 for none. It goes
    by the conversation alone, so that any number of sessions may ask side by side.
    """

    def __init__(self, top: Path, bugs: Sequence[Bug]) -> None:
        self._top = top
        self._bugs = bugs

    def __call__(self, conversation: Conversation) -> Reply:
        """Choose the reply for ``conversation``."""
        bugs = self._find_named(conversation.prompts) if conversation.has_tools else []
        if not bugs:
            return HARMLESS
        files = list(dict.fromkeys(bug.file for bug in bugs))
        if not conversation.step:
            return Calls([reads(str(self._top / file)) for file in files])
        shown = "\n".join(_list_results(conversation)[: len(files)])
        wrong = [bug for bug in bugs if bug.old in shown]
        if conversation.step > len(wrong):
            return Say("Done.")
        bug = wrong[conversation.step - 1]
        return edits(str(self._top / bug.file), bug.old, bug.new)

    def _find_named(self, prompts: Sequence[str]) -> list[Bug]:
        """Return the bugs the last prompt names; where it names none, those of all prompts."""
        for text in (prompts[-1] if prompts else "", "\n".join(prompts)):
            words = set(re.findall(r"\w+", text))
            if named := [bug for bug in self._bugs if bug.test in words]:
                return named
        return []


def _list_results(conversation: Conversation) -> list[str]:
    """Return the tools' results since the last prompt."""
    spoken = list(conversation.spoken)
    last = max(place for place, one in enumerate(spoken) if one.speaker is Speaker.USER)
    return [one.text for one in spoken[last:] if one.speaker is Speaker.TOOL]


def _count_bytes(*values: Any) -> int:
    return sum(len(json.dumps(one, ensure_ascii=False).encode()) for one in values)


def _count_prompt(body: dict[str, Any]) -> int:
    return _count_bytes(body.get("messages", []), body.get("tools", []))


def _spell(body: dict[str, Any]) -> bytes:
    """Return a prompt in the order in which providers read it."""
    parts = [body.get("tools", []), *body.get("messages", [])]
    return b"".join(json.dumps(part, ensure_ascii=False).encode() for part in parts)


def _count_shared(one: bytes, other: bytes) -> int:
    """Return the bytes of the common beginning."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _measure_parts(body: dict[str, Any]) -> dict[str, int]:
    messages = body.get("messages", [])
    system = [one for one in messages if one.get("role") == "system"]
    turns = [one for one in messages if one.get("role") != "system"]
    parts = {"tools": body.get("tools", []), "system": system, "first": turns[:1]}
    return {
        name: _count_bytes(part) // BYTES_PER_TOKEN
        for name, part in {**parts, "later": turns[1:]}.items()
    }
