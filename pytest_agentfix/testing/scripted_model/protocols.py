"""Recognises the protocol of a request, and gives the forms of its answers (pure)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.testing.scripted_model import (
    chat_stream,
    generate_stream,
    messages_stream,
    responses_stream,
)
from pytest_agentfix.testing.scripted_model.events import Answer, Asked

# Only the end of the path counts: one server can stand in for many providers.
_ENDS: Final[Mapping[WireProtocol, re.Pattern[str]]] = {
    WireProtocol.CHAT: re.compile(r"/chat/completions$"),
    WireProtocol.RESPONSES: re.compile(r"/responses$"),
    WireProtocol.MESSAGES: re.compile(r"/messages$"),
    WireProtocol.GENERATE: re.compile(r"/models/([^/]+):(?:stream)?[gG]enerateContent$"),
}
VERSIONS: Final[Mapping[WireProtocol, str]] = {
    WireProtocol.CHAT: "/v1",
    WireProtocol.RESPONSES: "/v1",
    WireProtocol.MESSAGES: "/v1",
    WireProtocol.GENERATE: "/v1beta",
}


class IterFrames(Protocol):
    """A function that renders an answer as a stream's events."""

    def __call__(self, asked: Asked, reply: Answer, *, is_open: bool) -> Iterator[bytes]:
        """Yield the events; ``is_open`` leaves out the end."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Forms:
    """The two forms an answer has in a protocol."""

    iter_frames: IterFrames
    make_completion: Callable[[Asked, Answer], dict[str, Any]]


FORMS: Final[Mapping[WireProtocol, Forms]] = {
    protocol: Forms(iter_frames=module.iter_frames, make_completion=module.make_completion)
    for protocol, module in (
        (WireProtocol.CHAT, chat_stream),
        (WireProtocol.RESPONSES, responses_stream),
        (WireProtocol.MESSAGES, messages_stream),
        (WireProtocol.GENERATE, generate_stream),
    )
}


def find_protocol(target: str) -> WireProtocol | None:
    """Return the protocol of a request target by the end of its path, ``None`` for any other."""
    path = urlsplit(target).path
    return next((protocol for protocol, end in _ENDS.items() if end.search(path)), None)


def is_streamed(target: str, body: Mapping[str, Any]) -> bool:
    """Tell whether the request asks for server-sent events."""
    if find_protocol(target) is WireProtocol.GENERATE:
        parts = urlsplit(target)
        is_stream = parts.path.endswith(":streamGenerateContent")
        return is_stream and parse_qs(parts.query).get("alt") == ["sse"]
    return bool(body.get("stream"))


def find_model(target: str, body: Mapping[str, Any]) -> str:
    """Return the requested model, from the path if it has one, else from the body."""
    found = _ENDS[WireProtocol.GENERATE].search(urlsplit(target).path)
    return unquote(found[1]) if found else str(body.get("model", "scripted"))
