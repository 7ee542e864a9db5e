"""The scripted model's answers in each protocol, as a client and as the gateway reads them."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.providers.registry import PROVIDERS, ProviderRow, WireProtocol
from pytest_agentfix.gateway.spending.usage import UsageScanner
from pytest_agentfix.testing.scripted_model.model_server import (
    NO_USAGE,
    Break,
    Call,
    Calls,
    Fail,
    Interrupted,
    Raw,
    Reply,
    Say,
    ScriptedModel,
    ScriptedUsage,
    Turns,
    patches,
)
from pytest_agentfix.testing.scripted_model.protocols import find_protocol
from pytest_agentfix.testing.scripted_model.replies import Usage
from tests.kits.protocol_kit import (
    MODEL,
    TARGETS,
    Answered,
    Part,
    Used,
    User,
    ask,
    make_body,
    parse,
    read_back,
)

PROMPT: list[Part] = [User("hi")]
TEXT = "a text that is longer than one piece"
CALLS = [Call("bash", {"command": "echo 'ä longer command'"}), Call("read", {"filePath": "/x"})]
USED = [("bash", {"command": "echo 'ä longer command'"}), ("read", {"filePath": "/x"})]
ENDS = {
    WireProtocol.CHAT: ("stop", "tool_calls"),
    WireProtocol.RESPONSES: ("completed", "completed"),
    WireProtocol.MESSAGES: ("end_turn", "tool_use"),
    WireProtocol.GENERATE: ("STOP", "STOP"),
}

every_protocol = pytest.mark.parametrize("protocol", list(WireProtocol), ids=lambda one: one.value)


def answer(protocol: WireProtocol, reply: Reply, *, is_stream: bool = True) -> bytes:
    target = TARGETS[protocol]
    if protocol is WireProtocol.GENERATE and not is_stream:
        target = target.replace("streamGenerateContent?alt=sse", "generateContent")
    with ScriptedModel([reply]) as model:
        status, kind, raw = ask(model, target, make_body(protocol, PROMPT, is_stream=is_stream))
    assert (status, kind) == (200, "text/event-stream" if is_stream else "application/json")
    return raw


def scan(protocol: WireProtocol, raw: bytes, *, is_stream: bool = True) -> Tokens:
    scanner = UsageScanner(protocol, is_stream=is_stream)
    scanner.feed(raw)
    scanner.finish()
    assert scanner.error == ""
    return scanner.tokens


@every_protocol
def test_text_is_read_back(protocol: WireProtocol) -> None:
    raw = answer(protocol, Say(TEXT))

    assert read_back(protocol, raw) == Answered(text=TEXT, calls=[], end=ENDS[protocol][0])
    assert (
        TEXT.encode() not in raw or protocol is WireProtocol.RESPONSES
    )  # which repeats it at the end


@every_protocol
def test_calls_are_read_back(protocol: WireProtocol) -> None:
    raw = answer(protocol, Calls(CALLS, text=TEXT))

    assert read_back(protocol, raw) == Answered(text=TEXT, calls=USED, end=ENDS[protocol][1])


@every_protocol
def test_a_call_without_words_is_read_back(protocol: WireProtocol) -> None:
    raw = answer(protocol, CALLS[0])

    assert read_back(protocol, raw) == Answered(calls=USED[:1], end=ENDS[protocol][1])


@every_protocol
def test_an_answer_of_nothing_has_an_end(protocol: WireProtocol) -> None:
    assert read_back(protocol, answer(protocol, Say(""))) == Answered(
        calls=[], end=ENDS[protocol][0]
    )


SPLIT = ScriptedUsage(prompt_tokens=95, completion_tokens=33, cached_tokens=80, written_tokens=5)
REPORTED: dict[str, tuple[ScriptedUsage, Tokens]] = {
    "plain": (
        ScriptedUsage(prompt_tokens=9, completion_tokens=4),
        Tokens(input=9, output=4),
    ),
    "cached": (
        ScriptedUsage(prompt_tokens=9, completion_tokens=4, cached_tokens=7),
        Tokens(input=2, output=4, cached=7),
    ),
    "none": (ScriptedUsage(prompt_tokens=0, completion_tokens=0), Tokens()),
    "below none": (ScriptedUsage(prompt_tokens=-5, completion_tokens=-1), Tokens()),
    "a million": (
        ScriptedUsage(prompt_tokens=2_000_000, completion_tokens=1_000_000),
        Tokens(input=2_000_000, output=1_000_000),
    ),
}


@every_protocol
@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
@pytest.mark.parametrize(("usage", "tokens"), REPORTED.values(), ids=REPORTED)
def test_the_gateway_reads_what_was_reported(
    protocol: WireProtocol, usage: ScriptedUsage, tokens: Tokens, *, is_stream: bool
) -> None:
    raw = answer(protocol, Calls(CALLS, text=TEXT, usage=usage), is_stream=is_stream)

    assert scan(protocol, raw, is_stream=is_stream) == tokens


@every_protocol
def test_what_was_written_to_a_cache_is_counted_once(protocol: WireProtocol) -> None:
    tokens = scan(protocol, answer(protocol, Say(TEXT, usage=SPLIT)))

    assert (tokens.input + tokens.written, tokens.cached, tokens.output) == (15, 80, 33)


@every_protocol
@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_a_provider_may_say_nothing_of_tokens(protocol: WireProtocol, *, is_stream: bool) -> None:
    raw = answer(protocol, Calls(CALLS, text=TEXT, usage=NO_USAGE), is_stream=is_stream)

    assert scan(protocol, raw, is_stream=is_stream) == Tokens()
    assert b"usage" not in raw.replace(b'"usage": null', b"").lower()


@every_protocol
@pytest.mark.parametrize("is_stream", [True, False], ids=["stream", "whole"])
def test_without_a_word_of_the_script_the_counts_are_plausible(
    protocol: WireProtocol, *, is_stream: bool
) -> None:
    tokens = scan(protocol, answer(protocol, Say(TEXT), is_stream=is_stream), is_stream=is_stream)

    assert tokens.output == len(TEXT) // 4 + 1
    assert 5 <= tokens.input <= 40
    assert tokens.total == tokens.input + tokens.output


def test_each_protocol_has_usage_in_its_own_words() -> None:
    found = {}
    for protocol in WireProtocol:
        events = parse(answer(protocol, Say("ok", usage=SPLIT)))
        found[protocol] = [usage for event in events for usage in find_usage(event.data)]

    assert found == {
        WireProtocol.CHAT: [
            {
                "prompt_tokens": 95,
                "completion_tokens": 33,
                "total_tokens": 128,
                "prompt_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 5},
            }
        ],
        WireProtocol.RESPONSES: [
            {
                "input_tokens": 95,
                "input_tokens_details": {"cached_tokens": 80, "cache_write_tokens": 5},
                "output_tokens": 33,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": 128,
            }
        ],
        WireProtocol.MESSAGES: [
            {
                "input_tokens": 10,
                "cache_creation_input_tokens": 5,
                "cache_read_input_tokens": 80,
                "output_tokens": 1,
            },
            {"output_tokens": 33},
        ],
        WireProtocol.GENERATE: [
            {
                "promptTokenCount": 95,
                "candidatesTokenCount": 33,
                "totalTokenCount": 128,
                "cachedContentTokenCount": 80,
            }
        ],
    }


def find_usage(data: Any) -> list[Any]:
    """Return the usage objects in an event of any protocol."""
    if not isinstance(data, dict):
        return []
    holders = [data, data.get("response") or {}, data.get("message") or {}]
    found = [holder.get("usage") or holder.get("usageMetadata") for holder in holders]
    return [usage for usage in found if usage]


@pytest.mark.parametrize("usage", [None, NO_USAGE, SPLIT], ids=["guessed", "none", "given"])
def test_the_events_of_anthropics_protocol(usage: Usage) -> None:
    events = parse(answer(WireProtocol.MESSAGES, Calls(CALLS, text="ok", usage=usage)))
    delta = "content_block_delta"

    assert [event.name for event in events] == [event.data["type"] for event in events]
    found = [(event.name, event.data.get("index")) for event in events if event.name != delta]
    assert found == [
        ("message_start", None),
        ("ping", None),
        ("content_block_start", 0),
        ("content_block_stop", 0),
        ("content_block_start", 1),
        ("content_block_stop", 1),
        ("content_block_start", 2),
        ("content_block_stop", 2),
        ("message_delta", None),
        ("message_stop", None),
    ]
    blocks = [e.data["content_block"] for e in events if e.name == "content_block_start"]
    assert blocks == [
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "toolu_1_0", "name": "bash", "input": {}},
        {"type": "tool_use", "id": "toolu_1_1", "name": "read", "input": {}},
    ]


def test_the_events_of_openais_protocol() -> None:
    events = parse(answer(WireProtocol.RESPONSES, Calls(CALLS[1:], text="ok")))

    assert [event.name for event in events] == [event.data["type"] for event in events]
    assert [event.data["sequence_number"] for event in events] == list(range(len(events)))
    deltas = [event.name for event in events if event.name.endswith(".delta")]
    assert set(deltas) == {
        "response.output_text.delta",
        "response.function_call_arguments.delta",
    }
    assert [event.name for event in events if event.name not in deltas] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    ]
    done = [e.data["item"] for e in events if e.name == "response.output_item.done"]
    assert events[-1].data["response"]["output"] == done
    assert done[1] == {
        "id": "fc_2_0",
        "type": "function_call",
        "call_id": "call_2_0",
        "name": "read",
        "arguments": '{"filePath": "/x"}',
        "status": "completed",
    }


def test_the_events_of_googles_protocol() -> None:
    raw = answer(WireProtocol.GENERATE, Calls(CALLS, text=TEXT, usage=SPLIT))
    datas = [event.data for event in parse(raw)]

    assert raw.endswith(b"}\r\n\r\n")
    assert [data["candidates"][0].get("finishReason") for data in datas] == [
        None,
        None,
        None,
        "STOP",
    ]
    counts = [data["usageMetadata"]["candidatesTokenCount"] for data in datas]
    assert counts == [8, 16, 24, 33]
    assert {data["modelVersion"] for data in datas} == {MODEL}
    [first, second] = [data["candidates"][0]["content"]["parts"][0] for data in datas[2:]]
    assert ("thoughtSignature" in first, "thoughtSignature" in second) == (True, False)


@every_protocol
def test_ids_differ_from_answer_to_answer(protocol: WireProtocol) -> None:
    with ScriptedModel([CALLS[0], CALLS[0]]) as model:
        first, second = [
            ask(model, TARGETS[protocol], make_body(protocol, parts))[2]
            for parts in (PROMPT, [*PROMPT, Used(["ok"])])
        ]

    assert find_ids(first)
    if protocol is not WireProtocol.CHAT:  # where only the calls' ids matter to anyone
        assert find_ids(first).isdisjoint(find_ids(second))


def find_ids(raw: bytes) -> set[str]:
    """Return all ids in a stream."""
    found: set[str] = set()

    def keep(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found.update(v for k, v in pairs if k in ("id", "call_id", "item_id", "responseId") and v)
        return dict(pairs)

    for event in parse(raw):
        if event.data != "[DONE]":
            json.loads(json.dumps(event.data), object_pairs_hook=keep)
    return found


@every_protocol
def test_a_break_leaves_an_answer_without_an_end(protocol: WireProtocol) -> None:
    with ScriptedModel([Break(TEXT)]) as model, pytest.raises(http.client.IncompleteRead) as broken:
        ask(model, TARGETS[protocol], make_body(protocol, PROMPT))

    assert read_back(protocol, broken.value.partial) == Answered(text=TEXT, calls=[])


@every_protocol
def test_troubles_are_the_same_in_each_protocol(protocol: WireProtocol) -> None:
    script = Interrupted(Turns([[Say("done")]]), [Fail(503, "busy"), Raw(b"data: 1\n\n")])
    body = make_body(protocol, PROMPT)
    with ScriptedModel(script) as model:
        answers = [ask(model, TARGETS[protocol], body) for _ in range(3)]

    assert answers[:2] == [
        (503, "application/json", b"busy"),
        (200, "text/event-stream", b"data: 1\n\n"),
    ]
    assert read_back(protocol, answers[2][2]).text == "done"


@every_protocol
def test_a_whole_answer_holds_what_the_stream_does(protocol: WireProtocol) -> None:
    found = json.loads(answer(protocol, Calls(CALLS[:1], text="ok"), is_stream=False))

    arguments = USED[0][1]
    parts: dict[WireProtocol, Any] = {
        WireProtocol.CHAT: lambda: [
            found["choices"][0]["message"]["content"],
            json.loads(found["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]),
        ],
        WireProtocol.RESPONSES: lambda: [
            found["output"][0]["content"][0]["text"],
            json.loads(found["output"][1]["arguments"]),
        ],
        WireProtocol.MESSAGES: lambda: [found["content"][0]["text"], found["content"][1]["input"]],
        WireProtocol.GENERATE: lambda: [
            found["candidates"][0]["content"]["parts"][0]["text"],
            found["candidates"][0]["content"]["parts"][1]["functionCall"]["args"],
        ],
    }
    assert parts[protocol]() == ["ok", arguments]


@pytest.mark.parametrize("row", PROVIDERS, ids=lambda row: row.name)
def test_every_providers_endpoint_is_known_below_its_own_path(row: ProviderRow) -> None:
    path = urlsplit(row.base_url).path + row.build_endpoint(MODEL)

    assert find_protocol(path) is row.protocol
    with ScriptedModel([Say("here")]) as model:
        status, _, raw = ask(model, path, make_body(row.protocol, PROMPT))
        assert [request.protocol for request in model.requests] == [row.protocol]
    assert (status, read_back(row.protocol, raw).text) == (200, "here")


@pytest.mark.parametrize(
    "target", ["/", "/v1/models", "/v1/embeddings", "/v1/messages/count_tokens", "/v1/responses/1"]
)
def test_other_paths_are_not_there_and_use_up_no_reply(target: str) -> None:
    with ScriptedModel([Say("later")]) as model:
        assert ask(model, target, {})[0] == 404
        _, _, raw = ask(model, TARGETS[WireProtocol.CHAT], make_body(WireProtocol.CHAT, PROMPT))

    assert read_back(WireProtocol.CHAT, raw).text == "later"


@every_protocol
def test_base_urls_are_the_providers_but_for_the_host(protocol: WireProtocol) -> None:
    row = next(row for row in PROVIDERS if row.protocol is protocol)
    with ScriptedModel([Say("here")]) as model:
        base = model.base_url_for(protocol)
        target = urlsplit(base).path + row.build_endpoint(MODEL)
        _, _, raw = ask(model, target, make_body(protocol, PROMPT))

    assert target == row.build_target(MODEL)
    assert base.startswith(f"http://127.0.0.1:{model.port}/v1")
    assert read_back(protocol, raw).text == "here"


def test_a_patch_replaces_whole_lines() -> None:
    assert patches("/f.py", "a\nb", "c") == Call(
        "apply_patch",
        {
            "patchText": "*** Begin Patch\n*** Update File: /f.py\n@@\n-a\n-b\n+c\n*** End Patch",
        },
    )
