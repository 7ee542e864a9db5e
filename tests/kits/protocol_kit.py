"""The four protocols from a client's side: a conversation's requests, and answers read back."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_agentfix.gateway.providers.registry import WireProtocol
from pytest_agentfix.testing.scripted_model.model_server import ScriptedModel

MODEL = "some-model"
TARGETS = {
    WireProtocol.CHAT: "/v1/chat/completions",
    WireProtocol.RESPONSES: "/v1/responses",
    WireProtocol.MESSAGES: "/v1/messages",
    WireProtocol.GENERATE: f"/v1beta/models/{MODEL}:streamGenerateContent?alt=sse",
}


@dataclass(frozen=True)
class User:
    text: str


@dataclass(frozen=True)
class Used:
    """An answer that calls tools, and their results."""

    results: Sequence[str]
    text: str = ""


@dataclass(frozen=True)
class Said:
    text: str


Part = User | Used | Said


def make_body(
    protocol: WireProtocol, parts: Sequence[Part], *, is_stream: bool = True
) -> dict[str, Any]:
    """Return a request as OpenCode's client for ``protocol`` sends it."""
    match protocol:
        case WireProtocol.CHAT:
            tool: Any = {"type": "function", "function": {"name": "bash"}}
            options = {"stream_options": {"include_usage": True}} if is_stream else {}
            system = {"role": "system", "content": "be brief"}
            body: dict[str, Any] = {"messages": [system, *_chat(parts)], **options}
        case WireProtocol.RESPONSES:
            tool = {"type": "function", "name": "bash", "strict": False}
            system = {"role": "developer", "content": "be brief"}
            body = {"input": [system, *_responses(parts)], "store": False}
        case WireProtocol.MESSAGES:
            tool = {"name": "bash", "input_schema": {}}
            body = {"system": [{"type": "text", "text": "be brief"}], "messages": _messages(parts)}
        case WireProtocol.GENERATE:
            tool = {"functionDeclarations": [{"name": "bash"}]}
            words = {"parts": [{"text": "be brief"}]}
            return {"systemInstruction": words, "contents": _generate(parts), "tools": [tool]}
    return {"model": MODEL, "stream": is_stream, **body, "tools": [tool]}


def _chat(parts: Sequence[Part]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case User():
                messages += [{"role": "user", "content": part.text}]
            case Said():
                messages += [{"role": "assistant", "content": part.text}]
            case Used():
                messages += [{"role": "assistant", "content": part.text, "tool_calls": [{}]}]
                messages += [{"role": "tool", "content": text} for text in part.results]
    return messages


def _responses(parts: Sequence[Part]) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case User():
                content = [{"type": "input_text", "text": part.text}]
                items += [{"role": "user", "content": content}]
            case Said():
                items += [_item_of_text(part.text)]
            case Used():
                items += [{"type": "reasoning", "summary": []}]
                items += [_item_of_text(part.text)] if part.text else []
                items += [{"type": "function_call", "name": "bash"} for _ in part.results]
                items += [{"type": "function_call_output", "output": r} for r in part.results]
    return items


def _item_of_text(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [{"type": "output_text", "text": text}]}


def _messages(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """Merge neighbours of one role into one message, as Anthropic's client does."""
    messages: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case User():
                _join(messages, "user", [{"type": "text", "text": part.text}])
            case Said():
                _join(messages, "assistant", [{"type": "text", "text": part.text}])
            case Used():
                text = [{"type": "text", "text": part.text}] if part.text else []
                uses = [{"type": "tool_use", "name": "bash", "input": {}} for _ in part.results]
                _join(messages, "assistant", [*text, *uses])
                results = [{"type": "tool_result", "content": text} for text in part.results]
                _join(messages, "user", results)
    return messages


def _join(messages: list[dict[str, Any]], role: str, content: Sequence[Mapping[str, Any]]) -> None:
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"] += content
    else:
        messages.append({"role": role, "content": list(content)})


def _generate(parts: Sequence[Part]) -> list[dict[str, Any]]:
    contents: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case User():
                contents += [{"role": "user", "parts": [{"text": part.text}]}]
            case Said():
                contents += [{"role": "model", "parts": [{"text": part.text}]}]
            case Used():
                text = [{"text": part.text}] if part.text else []
                calls = [{"functionCall": {"name": "bash"}} for _ in part.results]
                contents += [{"role": "model", "parts": [*text, *calls]}]
                contents += [{"role": "user", "parts": [_response(r) for r in part.results]}]
    return contents


def _response(text: str) -> dict[str, Any]:
    return {"functionResponse": {"name": "bash", "response": {"name": "bash", "content": text}}}


def ask(model: ScriptedModel, target: str, body: Any) -> tuple[int, str, bytes]:
    """Post ``body`` and return the status, the content type and the whole answer."""
    connection = http.client.HTTPConnection("127.0.0.1", model.port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", target, json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.getheader("Content-Type", ""), response.read()
    finally:
        connection.close()


@dataclass(frozen=True, kw_only=True)
class Answered:
    """An answer as a client reads it."""

    text: str = ""
    calls: Sequence[tuple[str, Any]] = ()
    end: str | None = None


@dataclass(frozen=True)
class Event:
    name: str
    data: Any


def parse(raw: bytes) -> list[Event]:
    """Return the events of a stream, parsed if they are JSON."""
    blocks = [block for block in raw.replace(b"\r\n", b"\n").split(b"\n\n") if block]
    return [_parse_block(block.decode()) for block in blocks]


def _parse_block(block: str) -> Event:
    fields = dict(line.split(": ", 1) for line in block.split("\n"))
    data = fields["data"]
    return Event(fields.get("event", ""), data if data == "[DONE]" else json.loads(data))


def read_back(protocol: WireProtocol, raw: bytes) -> Answered:
    """Read a stream as a client of ``protocol`` does: by its deltas, not its summaries."""
    datas = [event.data for event in parse(raw)]
    match protocol:
        case WireProtocol.CHAT:
            return _read_chat([data for data in datas if data != "[DONE]"])
        case WireProtocol.RESPONSES:
            return _read_responses(datas)
        case WireProtocol.MESSAGES:
            return _read_messages(datas)
        case WireProtocol.GENERATE:
            return _read_generate(datas)


def _read_chat(datas: Sequence[Any]) -> Answered:
    choices = [choice for data in datas for choice in data["choices"]]
    parts = [part for choice in choices for part in choice["delta"].get("tool_calls", [])]
    names = [part["function"]["name"] for part in parts if "id" in part]
    arguments = ["" for _ in names]
    for part in parts:
        arguments[part["index"]] += part["function"]["arguments"]
    return Answered(
        text="".join(choice["delta"].get("content", "") for choice in choices),
        calls=_pair(names, arguments),
        end=choices[-1]["finish_reason"],
    )


def _read_responses(datas: Sequence[Any]) -> Answered:
    names: dict[str, str] = {}
    arguments: dict[str, str] = {}
    text, end = "", None
    for data in datas:
        match data["type"]:
            case "response.output_item.added" if data["item"]["type"] == "function_call":
                names[data["item"]["id"]] = data["item"]["name"]
                arguments[data["item"]["id"]] = ""
            case "response.function_call_arguments.delta":
                arguments[data["item_id"]] += data["delta"]
            case "response.output_text.delta":
                text += data["delta"]
            case "response.completed":
                end = data["response"]["status"]
    return Answered(text=text, calls=_pair(list(names.values()), list(arguments.values())), end=end)


def _read_messages(datas: Sequence[Any]) -> Answered:
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    text, end = "", None
    for data in datas:
        match data:
            case {"content_block": {"type": "tool_use", "name": name}, "index": index}:
                names[index], arguments[index] = name, ""
            case {"delta": {"type": "input_json_delta", "partial_json": piece}, "index": index}:
                arguments[index] += piece
            case {"delta": {"type": "text_delta", "text": piece}}:
                text += piece
            case {"type": "message_delta", "delta": {"stop_reason": reason}}:
                end = reason
    return Answered(text=text, calls=_pair(list(names.values()), list(arguments.values())), end=end)


def _read_generate(datas: Sequence[Any]) -> Answered:
    candidates = [candidate for data in datas for candidate in data["candidates"]]
    parts = [part for candidate in candidates for part in candidate["content"]["parts"]]
    calls = [part["functionCall"] for part in parts if "functionCall" in part]
    return Answered(
        text="".join(part.get("text", "") for part in parts),
        calls=[(call["name"], call["args"]) for call in calls],
        end=candidates[-1].get("finishReason"),
    )


def _pair(names: Sequence[str], arguments: Sequence[str]) -> list[tuple[str, Any]]:
    return [(name, json.loads(text)) for name, text in zip(names, arguments, strict=True)]


TOOLS = [{"type": "function", "function": {"name": "edit"}}]


def talk(*messages: tuple[str, str], tools: bool = True, **more: Any) -> dict[str, Any]:
    said = [{"role": role, "content": content} for role, content in messages]
    return {"model": "m", "stream": True, "messages": said, "tools": TOOLS if tools else [], **more}
