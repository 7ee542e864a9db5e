from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.gateway.cassettes.bodies import pack_body, unpack_body
from pytest_agentfix.gateway.sse.events import parse_events, render_event
from pytest_agentfix.gateway.sse.joining import join_events
from tests.kits.cassette_streams import STREAMS, frame

STREAM = "text/event-stream; charset=utf-8"


def join(*values: Any) -> list[Any]:
    raw = b"".join(frame(value) for value in values).decode()
    return [event.value for event in join_events(parse_events(raw))]


def choose(delta: Any, **values: Any) -> Any:
    return {"choices": [{"index": 0, "delta": delta, **values}]}


def call(index: int, arguments: str, **values: Any) -> Any:
    name = values.pop("name", None)
    function = {"arguments": arguments, **({"name": name} if name else {})}
    return choose({"tool_calls": [{"index": index, "function": function, **values}]})


def think(text: str, **values: Any) -> Any:
    return {"candidates": [{"content": {"parts": [{"text": text, **values}]}}]}


def delta(kind: str, index: int = 0, **values: Any) -> Any:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **values}}


@pytest.mark.parametrize(
    ("events", "joined"),
    [
        ([choose({"content": "a"}), choose({"content": "a"})], [choose({"content": "aa"})]),
        (
            [choose({"role": "assistant", "content": ""}), choose({"content": "b"})],
            [choose({"role": "assistant", "content": "b"})],
        ),
        (
            [choose({"role": "assistant", "content": None}), choose({"content": "b"})],
            [choose({"role": "assistant", "content": "b"})],
        ),
        (
            [choose({"content": "a"}), choose({"content": ""}), choose({"content": "b"})],
            [choose({"content": "ab"})],
        ),
        (
            [call(0, "", id="c", type="function", name="read"), call(0, "{"), call(0, "}", id="")],
            [call(0, "{}", id="c", type="function", name="read")],
        ),
        (
            [choose({"reasoning": "a", "reasoning_details": [{"type": "t", "text": "a"}]}),
             choose({"reasoning": "b", "reasoning_details": [{"type": "t", "text": "b"}]})],
            [choose({"reasoning": "ab", "reasoning_details": [{"type": "t", "text": "ab"}]})],
        ),
        ([think("a"), think("b")], [think("ab")]),
        (
            [{"type": "x.delta", "delta": "a", "sequence_number": 1, "obfuscation": "q"},
             {"type": "x.delta", "delta": "b", "sequence_number": 2, "obfuscation": "qqq"}],
            [{"type": "x.delta", "delta": "ab", "sequence_number": 1, "obfuscation": "q"}],
        ),
        (
            [{**think("a"), "usageMetadata": {"n": 1}}, {**think("b"), "usageMetadata": {"n": 2}}],
            [{**think("ab"), "usageMetadata": {"n": 2}}],
        ),
        (
            [choose({"content": "a"}), choose({"content": "b"}, finish_reason="stop")],
            [choose({"content": "ab"}, finish_reason="stop")],
        ),
        (
            [choose({"content": "a"}, finish_reason=None),
             choose({"content": "b"}, finish_reason="stop"), choose({}, finish_reason="stop")],
            [choose({"content": "ab"}, finish_reason="stop"), choose({}, finish_reason="stop")],
        ),
        (
            [delta("text_delta", text="a"), {"type": "ping"}, delta("text_delta", text="b")],
            [delta("text_delta", text="a"), {"type": "ping"}, delta("text_delta", text="b")],
        ),
    ],
    ids=["equal", "first-empty", "first-null", "empty-between", "call", "two-texts", "google",
         "responses", "usage", "end", "end-null", "unnamed-ping"],
)  # fmt: skip
def test_pieces_of_one_text_are_joined(events: list[Any], joined: list[Any]) -> None:
    assert join(*events) == joined


@pytest.mark.parametrize(
    "events",
    [
        [call(0, "{}", id="a", name="x"), call(0, "{}", id="b", name="x")],
        [call(0, "{"), call(1, "}")],
        [choose({"reasoning": "a"}), choose({"content": "b"})],
        [choose({"content": "a", "reasoning": ""}), choose({"content": "", "reasoning": "b"})],
        [think("a", thought=True), think("b")],
        [think("a"), think("b", thoughtSignature="s")],
        [think("a"), think("b", functionCall={"name": "x", "args": {"content": "y"}})],
        [delta("text_delta", text="a"), delta("thinking_delta", thinking="b")],
        [delta("text_delta", text="a"), delta("text_delta", 1, text="b")],
        [delta("signature_delta", signature="s"), delta("signature_delta", signature="s")],
        [{"type": "x.done", "text": "a"}, {"type": "x.done", "text": "a"}],
        [{"candidates": [{"functionCall": {"args": {"text": "a"}}}]}] * 2,
        [{"error": {"type": "x"}}] * 2,
        ["text", "text"],
        [{"id": None, "content": ""}, {"id": {"text": "b"}, "content": ""}],
    ],
)
def test_what_is_something_new_stays_apart(events: list[Any]) -> None:
    assert join(*events) == events


def test_comments_and_pings_do_not_part_a_text() -> None:
    raw = (
        frame(delta("text_delta", text="a"), "content_block_delta")
        + b": alive\n\n"
        + frame({"type": "ping"}, "ping")
        + frame(delta("text_delta", text="b"), "content_block_delta")
    )

    events = join_events(parse_events(raw.decode()))

    assert b"".join(map(render_event, events)) == (
        frame(delta("text_delta", text="ab"), "content_block_delta")
        + b": alive\n\n"
        + frame({"type": "ping"}, "ping")
    )


@pytest.mark.parametrize("name", STREAMS)
def test_a_joined_stream_is_a_stream(name: str) -> None:
    raw = STREAMS[name]("A text of some length.", json.dumps({"a": "b" * 30}))

    packed = pack_body(raw, STREAM, clean=str)
    unpacked = b"".join(unpack_body(packed, restore=str))

    assert pack_body(unpacked, STREAM, clean=str) == packed
    assert unpacked.count(b"\n\n") < raw.replace(b"\r", b"").count(b"\n\n")
    assert b"You are OpenCode" not in unpacked


names = st.sampled_from(["content", "text", "delta", "type", "finishReason", "usage", "id"])
values = st.recursive(
    st.sampled_from(["", "a", "x.delta", None, 1]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(names, inner, max_size=4),
    max_leaves=5,
)


@settings(deadline=None)
@given(st.dictionaries(names, values), st.lists(st.dictionaries(names, values, max_size=2)))
def test_no_events_cannot_be_joined(first: Any, changes: list[Any]) -> None:
    events = [first, *({**first, **change} for change in changes)]

    assert len(join(*events)) <= len(events)


def test_texts_of_what_is_said_at_the_end_are_no_pieces() -> None:
    grounds = {"groundingSupports": [{"segment": {"text": "ab"}}]}
    last = think("b")
    last["candidates"][0] |= {"finishReason": "STOP", "groundingMetadata": grounds}
    [joined] = join(think("a"), last)

    assert joined["candidates"] == [{**think("ab")["candidates"][0], "finishReason": "STOP",
                                     "groundingMetadata": grounds}]  # fmt: skip


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from([STREAM, "application/json", ""]))
def test_any_body_is_kept_in_some_form(raw: bytes, content_type: str) -> None:
    packed = pack_body(raw, content_type, clean=str)
    unpacked = b"".join(unpack_body(packed, restore=str))

    assert pack_body(unpacked, content_type, clean=str) == packed


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'data: {"a": 1}\n\ndata: {"b"', b'data: {"a": 1}\n\n'),
        (b'data: {"a": 1}\r\n\r\ndata: [DONE]', b'data: {"a": 1}\n\ndata: [DONE]\n\n'),
        (b"data: one\ndata: two\n\n", b"data: one\ndata: two\n\n"),
        (b'event: x\nid: 7\nretry: 5\ndata: {"a": NaN}\n\n', b'event: x\ndata: {"a": NaN}\n\n'),
        (b"data:" + b"[" * 500 + b"]" * 500 + b"\n\n",
         b"data: " + b"[" * 500 + b"]" * 500 + b"\n\n"),
        (b"\n\n\n", b": torn off\n\n"),
        (b"", b""),
    ],
    ids=["torn", "no-end", "two-lines", "fields", "deep", "nothing", "empty"],
)  # fmt: skip
def test_odd_streams(raw: bytes, expected: bytes) -> None:
    packed = pack_body(raw, STREAM, clean=str)

    assert b"".join(unpack_body(packed, restore=str)) == expected
