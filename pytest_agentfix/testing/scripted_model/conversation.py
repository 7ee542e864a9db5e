"""Reads the conversation from a request in any of the four protocols (pure)."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

_LISTS: Final = ("messages", "input", "contents")  # where a request keeps its conversation
_CALLS: Final = ("function_call", "custom_tool_call")
_OUTPUTS: Final = ("function_call_output", "custom_tool_call_output")


class Speaker(enum.Enum):
    """The origin of a part of a conversation."""

    USER = "user"
    MODEL = "model"
    TOOL = "tool"


@dataclass(frozen=True, slots=True)
class Spoken:
    """One prompt, one answer, or one tool's result."""

    speaker: Speaker
    text: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """One request for an answer, read the way a script needs it.

    ``body`` is the parsed JSON of the request: chat completions, OpenAI's responses, Anthropic's
    messages or Google's generateContent. With any other body all counts are zero.
    """

    body: Mapping[str, Any]

    @property
    def messages(self) -> Sequence[Mapping[str, Any]]:
        """The request's messages (items, contents) as they are, oldest first."""
        found = next((self.body[name] for name in _LISTS if name in self.body), None)
        if isinstance(found, str):
            return [{"role": "user", "content": found}]
        return _objects(found)

    @property
    def spoken(self) -> Sequence[Spoken]:
        """The parts of the conversation, oldest first, in one form for all protocols."""
        return list(_iter_spoken(self.messages))

    @property
    def has_tools(self) -> bool:
        """True if tools are offered; OpenCode's side requests (titles) have none."""
        return bool(self.body.get("tools"))

    @property
    def tools(self) -> Sequence[str]:
        """The names of the tools offered, in the request's order."""
        return [name for entry in _objects(self.body.get("tools")) for name in _list_names(entry)]

    @property
    def prompts(self) -> Sequence[str]:
        """The texts of the user's messages, oldest first."""
        return self._list_texts(Speaker.USER)

    @property
    def results(self) -> Sequence[str]:
        """The results of tools, oldest first."""
        return self._list_texts(Speaker.TOOL)

    @property
    def turn(self) -> int:
        """The number of the user message to answer, from 0."""
        return max(len(self.prompts) - 1, 0)

    @property
    def step(self) -> int:
        """The number of answers since that user message."""
        speakers = [one.speaker for one in self.spoken]
        if Speaker.USER not in speakers:
            return 0
        last_user = len(speakers) - 1 - speakers[::-1].index(Speaker.USER)
        return speakers[last_user:].count(Speaker.MODEL)

    def _list_texts(self, speaker: Speaker) -> list[str]:
        return [one.text for one in self.spoken if one.speaker is speaker]


def _iter_spoken(messages: Sequence[Mapping[str, Any]]) -> Iterator[Spoken]:
    before: Mapping[str, Any] = {}
    for message in messages:
        if not _continues(before, message):
            yield from _iter_message(message)
        before = message


def _iter_message(message: Mapping[str, Any]) -> Iterator[Spoken]:
    """Yield the parts of one message; a system prompt and a model's thoughts have none."""
    kind, role = message.get("type"), message.get("role")
    if _is_answer(message):
        yield Spoken(Speaker.MODEL, _read_text(_content(message)))
    elif role == "tool" or kind in _OUTPUTS:
        name = "content" if role == "tool" else "output"
        yield Spoken(Speaker.TOOL, _read_text(message.get(name)))
    elif role == "user":
        yield from _iter_of_user(_content(message))


def _is_answer(message: Mapping[str, Any]) -> bool:
    return message.get("type") in _CALLS or message.get("role") in ("assistant", "model")


def _continues(before: Mapping[str, Any], item: Mapping[str, Any]) -> bool:
    """Tell whether ``item`` is a further item of one answer in the responses protocol."""
    return item.get("type") in _CALLS and _is_answer(before)


def _iter_of_user(content: Any) -> Iterator[Spoken]:
    """Yield the parts of a user's message: results of tools have the user's role, too.

    Anthropic's client puts a prompt that follows results into the same message. Google's puts
    other content of a result there, so text beside a result is not a prompt.
    """
    parts = _objects(content)
    results = [text for part in parts if (text := _read_result(part)) is not None]
    yield from (Spoken(Speaker.TOOL, text) for text in results)
    is_of_google = any("functionResponse" in part for part in parts)
    text = _read_text(content)
    if not is_of_google and (text or not results):
        yield Spoken(Speaker.USER, text)


def _read_result(part: Mapping[str, Any]) -> str | None:
    """Return the text of a tool's result, ``None`` if ``part`` is something else."""
    if part.get("type") == "tool_result":
        return _read_text(part.get("content"))
    answer = part.get("functionResponse")
    if not isinstance(answer, dict):
        return None
    response = answer.get("response")
    found = response.items() if isinstance(response, dict) else ()
    # Google's client puts the tool's name beside its result.
    return "\n".join(text for name, text in found if isinstance(text, str) and name != "name")


def _content(message: Mapping[str, Any]) -> Any:
    """Return the content of a message, under either of its names."""
    return message.get("parts") if "parts" in message else message.get("content")


def _read_text(content: Any) -> str:
    """Return a message's text, whichever of the two forms it comes in."""
    if isinstance(content, str):
        return content
    return "\n".join(str(part["text"]) for part in _objects(content) if "text" in part)


def _list_names(tool: Mapping[str, Any]) -> list[str]:
    """Return the names in an entry of ``tools``: one, or those of Google's declarations."""
    declared = _objects(tool.get("functionDeclarations"))
    holder = tool.get("function")
    holders = declared or [holder if isinstance(holder, dict) else tool]
    return [str(one["name"]) for one in holders if "name" in one]


def _objects(found: Any) -> list[Mapping[str, Any]]:
    """Return the objects in a list, none if it is no list."""
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
