"""Shorter words for the agent's tools."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from pytest_agentfix.core.tool_text import ToolText
from pytest_agentfix.gateway.admission.rules import Request, admit
from pytest_agentfix.gateway.admission.tool_texts import shorten_tools
from pytest_agentfix.gateway.providers.protocols import WireProtocol, make_row
from tests.kits.body_kit import GOOD
from tests.kits.gateway_kit import MODEL, TOKEN, make_upstream

TEXTS = {
    "edit": ToolText(description="Edits.", parameters={"old": {"type": "string"}, "new": {}}),
}
LONG = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"new": {"type": "string", "description": "n" * 99}, "old": {"type": "string"}},
    "required": ["old", "new"],
    "additionalProperties": False,
}
SHORT = {
    "type": "object",
    "properties": {"old": {"type": "string"}, "new": {}},
    "required": ["old", "new"],
}


def make_tools(protocol: WireProtocol, schema: Any, words: str, **more: Any) -> list[Any]:
    """Return a list of one tool as ``protocol`` has it."""
    named = {"name": "edit", "description": words, **more}
    match protocol:
        case WireProtocol.CHAT:
            return [{"type": "function", "function": {**named, "parameters": schema}}]
        case WireProtocol.RESPONSES:
            return [{"type": "function", **named, "parameters": schema}]
        case WireProtocol.MESSAGES:
            return [{**named, "input_schema": schema}]
        case WireProtocol.GENERATE:
            return [{"functionDeclarations": [{**named, "parameters": schema}]}]


def shorten(fields: Any) -> Any:
    found = copy.deepcopy(fields)
    shorten_tools(found, TEXTS)
    return found


@pytest.mark.parametrize("protocol", WireProtocol)
def test_known_tools_are_told_of_in_other_words(protocol: WireProtocol) -> None:
    tools = make_tools(protocol, LONG, "Edits a file. " * 99)
    assert shorten({"tools": tools}) == {"tools": make_tools(protocol, SHORT, "Edits.")}


def test_googles_other_field_is_known() -> None:
    tools = [{"functionDeclarations": [{"name": "edit", "parametersJsonSchema": LONG}]}]
    assert shorten({"tools": tools})["tools"][0]["functionDeclarations"] == [
        {"name": "edit", "description": "Edits.", "parametersJsonSchema": SHORT}
    ]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "write"},
        {"name": None},
        {"strict": True},
        {"parameters": {**LONG, "properties": {**LONG["properties"], "mode": {}}}},  # type: ignore[dict-item]
        {"parameters": {**LONG, "properties": {"old": {}}}},
        {"parameters": {**LONG, "properties": ["old", "new"]}},
        {"parameters": "none"},
    ],
    ids=[
        *("another tool", "no name", "a strict one", "a later version", "an earlier one"),
        *("no object", "no schema"),
    ],
)
def test_others_keep_their_own(changes: dict[str, Any]) -> None:
    function = {"name": "edit", "description": "d", "parameters": LONG, **changes}
    fields = {"tools": [{"type": "function", "function": function}]}
    assert shorten(fields) == fields


@pytest.mark.parametrize("fields", [{}, {"tools": None}, {"tools": [None, 1, {}]}], ids=repr)
def test_without_tools_nothing_is_changed(fields: dict[str, Any]) -> None:
    assert shorten(fields) == fields


@pytest.mark.parametrize("protocol", WireProtocol)
def test_a_requests_beginning_is_the_same_in_every_request(protocol: WireProtocol) -> None:
    """Tools are written byte by byte alike, and stand before what the turns change."""
    row = make_row("local", protocol)
    upstream = make_upstream("http://127.0.0.1:1/v1", row=row)
    turns = next(name for name in ("messages", "input", "contents") if name in GOOD[protocol])
    written = []
    for count in (1, 2):
        body = {**copy.deepcopy(GOOD[protocol]), "tools": make_tools(protocol, LONG, "long")}
        if protocol is not WireProtocol.GENERATE:
            body["model"] = MODEL
        body[turns] = body[turns][:1] * count
        body.pop("tool_choice", None)
        body.pop("toolConfig", None)
        request = Request(
            method="POST",
            target=row.build_target(MODEL),
            headers=[("content-type", "application/json"), (row.key_header, row.format_key(TOKEN))],
            body=json.dumps(body).encode(),
        )
        admission = admit(request, upstream, token=TOKEN, tool_texts=TEXTS)
        written.append(json.loads(admission.body))
    first, second = written
    assert json.dumps(first["tools"]) == json.dumps(second["tools"])
    assert json.dumps(first["tools"]) == json.dumps(make_tools(protocol, SHORT, "Edits."))
    assert second[turns][: len(first[turns])] == first[turns]
    assert list(first) == list(second)
