"""The replies of a scripted model, and scripts that choose them by the conversation."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from pytest_agentfix.testing.scripted_model.conversation import Conversation

__all__ = [
    "HARMLESS",
    "NO_USAGE",
    "Break",
    "Call",
    "Calls",
    "Conversation",
    "Fail",
    "Hang",
    "Interrupted",
    "NoUsage",
    "Raw",
    "Reply",
    "Say",
    "Script",
    "ScriptedUsage",
    "Sequenced",
    "Turns",
    "Usage",
    "edits",
    "patches",
    "reads",
    "route",
    "shell",
    "writes",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptedUsage:
    """The token counts that an answer reports; any numbers, since a provider can be wrong.

    ``prompt_tokens`` is the whole input, including ``cached_tokens`` read from a cache and
    ``written_tokens`` put into one. Each protocol reports it in its own way: Anthropic's has three
    counts that do not overlap, Google's has none for written tokens.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0
    written_tokens: int = 0


class NoUsage(enum.Enum):
    """The type of ``NO_USAGE``."""

    NO_USAGE = "no usage"


NO_USAGE: Final = NoUsage.NO_USAGE  # an answer without token counts
Usage: TypeAlias = ScriptedUsage | NoUsage | None  # None: plausible counts


@dataclass(frozen=True, slots=True)
class Say:
    """Text only, which ends the turn."""

    text: str
    delay: float | None = field(default=None, kw_only=True)  # seconds; None: the server's own
    usage: Usage = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Call:
    """One tool call, optionally with text before it."""

    tool: str
    arguments: Mapping[str, Any]
    text: str = ""
    delay: float | None = field(default=None, kw_only=True)
    usage: Usage = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Calls:
    """Several tool calls in one answer."""

    calls: Sequence[Call]
    text: str = ""
    delay: float | None = field(default=None, kw_only=True)
    usage: Usage = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Fail:
    """An HTTP error. A ``body`` that is a string is sent as it is, any other as JSON."""

    status: int
    body: str | Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Hang:
    """Silence until the server or the client closes.

    With ``after_text=None`` not even headers are sent; otherwise headers and that text come first.
    """

    after_text: str | None = None
    delay: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Break:
    """Headers and ``after_text``, then a cut of the TCP connection in mid-stream."""

    after_text: str = ""
    delay: float | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True)
class Raw:
    """Raw bytes, sent with status 200."""

    content: bytes
    content_type: str = "text/event-stream"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float | None = field(default=None, kw_only=True)


Reply: TypeAlias = Say | Call | Calls | Fail | Hang | Break | Raw


Script: TypeAlias = Callable[[Conversation], Reply]
HARMLESS = Say("Done.")


@dataclass(frozen=True, slots=True)
class Turns:
    """A script by turns: the n-th user message selects a turn, the step in it the reply.

    It depends only on the conversation, so retries and parallel sessions get the right answers.
    Past the end, and without tools, it says something harmless.
    """

    turns: Sequence[Sequence[Reply]]

    def __call__(self, conversation: Conversation) -> Reply:
        """Choose the reply for ``conversation``."""
        if not conversation.has_tools or conversation.turn >= len(self.turns):
            return HARMLESS
        replies = self.turns[conversation.turn]
        return replies[conversation.step] if conversation.step < len(replies) else HARMLESS


def route(choose: Callable[[str], Script]) -> Script:
    """Return a script that passes all prompts so far to ``choose`` and uses the script it returns.

    For runs with several failing tests: ``choose`` can look for a test's name in the text.
    """

    def answer(conversation: Conversation) -> Reply:
        return choose("\n".join(conversation.prompts))(conversation)

    return answer


class Interrupted:
    """A script that fails first: at one point of the conversation it gives ``troubles``.

    Each request at that point gets the next one; when all have been given, ``script`` answers.
    (A script by turns alone would repeat a ``Break`` for ever.)
    """

    def __init__(
        self, script: Script, troubles: Iterable[Reply], *, turn: int = 0, step: int = 0
    ) -> None:
        self._script = script
        self._troubles = iter(troubles)
        self._place = (turn, step)

    def __call__(self, conversation: Conversation) -> Reply:
        """Choose the reply for ``conversation``."""
        is_here = (conversation.turn, conversation.step) == self._place
        trouble = next(self._troubles, None) if is_here else None
        return self._script(conversation) if trouble is None else trouble


class Sequenced:
    """A script that gives its replies one after the other, whatever the request."""

    def __init__(self, replies: Iterable[Reply]) -> None:
        self._replies = iter(replies)

    def __call__(self, _conversation: Conversation) -> Reply:
        """Return the next reply, or a harmless one when none is left."""
        return next(self._replies, HARMLESS)


def reads(path: str) -> Call:
    """Have OpenCode read the file at the absolute ``path``."""
    return Call("read", {"filePath": path})


def edits(path: str, old: str, new: str) -> Call:
    """Have OpenCode replace ``old`` by ``new`` in the file at the absolute ``path``.

    Put ``reads`` of the same file before it, as real models do.
    """
    return Call("edit", {"filePath": path, "oldString": old, "newString": new})


def patches(path: str, old: str, new: str) -> Call:
    """Have OpenCode replace the whole lines ``old`` by ``new`` in the file at ``path``.

    OpenCode offers this tool to some of OpenAI's models instead of ``edit`` and ``write``.
    """
    lines = ["*** Begin Patch", f"*** Update File: {path}", "@@"]
    lines += [f"-{line}" for line in old.splitlines()] + [f"+{line}" for line in new.splitlines()]
    return Call("apply_patch", {"patchText": "\n".join([*lines, "*** End Patch"])})


def writes(path: str, content: str) -> Call:
    """Have OpenCode write a whole file at the absolute ``path``."""
    return Call("write", {"filePath": path, "content": content})


def shell(command: str) -> Call:
    """Have OpenCode run a shell command."""
    return Call("bash", {"command": command, "description": "Runs a command"})
