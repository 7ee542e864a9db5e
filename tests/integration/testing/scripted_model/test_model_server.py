from __future__ import annotations

import http.client
import json
from typing import Any

import pytest

from pytest_agentfix.testing.scripted_model.model_server import (
    Break,
    Call,
    Calls,
    Fail,
    Hang,
    Raw,
    Say,
    ScriptedModel,
    ScriptedUsage,
)
from tests.kits.protocol_kit import talk


def ask(model: ScriptedModel, body: dict[str, Any]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", model.port, timeout=30)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def read_events(raw: bytes) -> list[Any]:
    lines = [line.removeprefix(b"data: ") for line in raw.split(b"\n\n") if line]
    assert lines[-1] == b"[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def test_text_comes_in_pieces_with_an_end_and_usage() -> None:
    text = "a text that is longer than one piece"
    usage = ScriptedUsage(prompt_tokens=9, completion_tokens=4, cached_tokens=2)
    with ScriptedModel([Say(text, usage=usage)]) as model:
        body = talk(("user", "hi"), stream_options={"include_usage": True})
        status, raw = ask(model, body)

    events = read_events(raw)
    choices = [event["choices"][0] for event in events[:-1]]
    assert status == 200
    assert choices[0]["delta"] == {"role": "assistant", "content": ""}
    assert "".join(choice["delta"].get("content", "") for choice in choices) == text
    assert [c["finish_reason"] for c in choices] == [None] * (len(choices) - 1) + ["stop"]
    assert events[-1]["usage"] == {
        "prompt_tokens": 9,
        "completion_tokens": 4,
        "total_tokens": 13,
        "prompt_tokens_details": {"cached_tokens": 2},
    }


def test_tool_calls_come_as_deltas() -> None:
    calls = [Call("bash", {"command": "echo hello"}), Call("read", {"filePath": "/x"})]
    with ScriptedModel([Calls(calls, text="working")]) as model:
        _, raw = ask(model, talk(("user", "hi")))

    deltas = [event["choices"][0]["delta"] for event in read_events(raw)]
    parts = [part for delta in deltas for part in delta.get("tool_calls", [])]
    named = [(p["index"], p["id"], p["function"]["name"]) for p in parts if "id" in p]
    arguments = [
        "".join(p["function"]["arguments"] for p in parts if p["index"] == n) for n in (0, 1)
    ]
    assert named == [(0, "call_1_0", "bash"), (1, "call_1_1", "read")]
    assert [json.loads(text) for text in arguments] == [c.arguments for c in calls]
    assert read_events(raw)[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_without_streaming_it_answers_in_one_piece() -> None:
    with ScriptedModel([Call("bash", {"command": "ls"})]) as model:
        _, raw = ask(model, talk(("user", "hi"), stream=False))

    [choice] = json.loads(raw)["choices"]
    assert choice["message"]["tool_calls"][0]["function"] == {
        "name": "bash",
        "arguments": '{"command": "ls"}',
    }


def test_failures_are_as_scripted() -> None:
    with ScriptedModel(
        [Fail(429, {"error": "slow"}, {"Retry-After": "3"}), Fail(500, "x")]
    ) as model:
        assert ask(model, talk(("user", "hi"))) == (429, b'{"error": "slow"}')
        assert ask(model, talk(("user", "hi"))) == (500, b"x")


def test_raw_bytes_are_sent_as_they_are() -> None:
    with ScriptedModel([Raw(b"event: x\n\n")]) as model:
        assert ask(model, {}) == (200, b"event: x\n\n")


def test_a_break_cuts_the_stream() -> None:
    with ScriptedModel([Break("some text")]) as model, pytest.raises(http.client.IncompleteRead):
        ask(model, talk(("user", "hi")))


def test_a_hang_ends_when_the_model_closes() -> None:
    connection_error = (http.client.HTTPException, OSError)
    with ScriptedModel([Hang()]) as model:
        connection = http.client.HTTPConnection("127.0.0.1", model.port, timeout=30)
        connection.request("POST", "/v1/chat/completions", b"{}")
        model.close()
        with pytest.raises(connection_error):
            connection.getresponse()
        connection.close()


def test_requests_are_recorded() -> None:
    with ScriptedModel() as model:
        ask(model, talk(("user", "hi")))
        connection = http.client.HTTPConnection("127.0.0.1", model.port, timeout=30)
        connection.request("GET", "/v1/models")
        assert connection.getresponse().status == 404
        connection.close()

        found = [(r.method, r.path, r.body) for r in model.requests]

    assert found == [
        ("POST", "/v1/chat/completions", talk(("user", "hi"))),
        ("GET", "/v1/models", b""),
    ]
    assert model.base_url == f"http://127.0.0.1:{model.port}/v1"
