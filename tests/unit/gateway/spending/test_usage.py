from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.providers.registry import WireProtocol
from pytest_agentfix.gateway.spending.usage import UsageScanner
from tests.kits.usage_kit import CHAT, SAMPLES, sse


def scan(protocol: WireProtocol, raw: bytes, *, size: int, is_stream: bool = True) -> UsageScanner:
    scanner = UsageScanner(protocol, is_stream=is_stream)
    for start in range(0, len(raw), size):
        scanner.feed(raw[start : start + size])
    scanner.finish()
    return scanner


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("protocol", "raw", "tokens"), SAMPLES)
def test_usage_is_found_however_the_stream_is_cut(
    protocol: WireProtocol, raw: bytes, tokens: Tokens, size: int
) -> None:
    scanner = scan(protocol, raw, size=size)

    assert (scanner.tokens, scanner.is_complete, scanner.error) == (tokens, True, "")


@pytest.mark.parametrize(("protocol", "raw", "tokens"), SAMPLES)
def test_windows_line_ends_are_fine(protocol: WireProtocol, raw: bytes, tokens: Tokens) -> None:
    assert scan(protocol, raw.replace(b"\n", b"\r\n"), size=50).tokens == tokens


def test_an_end_without_a_line_end_counts() -> None:
    assert scan(WireProtocol.CHAT, CHAT.split(b"data: [DONE]")[0].rstrip(), size=9).is_complete


def test_a_plain_json_answer_is_read_at_its_end() -> None:
    raw = json.dumps({"usage": {"prompt_tokens": 3, "completion_tokens": 2}}, indent=1).encode()

    assert scan(WireProtocol.CHAT, raw, size=5, is_stream=False).tokens == Tokens(input=3, output=2)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Tokens(input=5, cached=4)),
        ({"prompt_tokens": -5, "completion_tokens": True}, Tokens()),
        ({"prompt_tokens": "many", "completion_tokens": 1.5}, Tokens()),
        ({"prompt_tokens": 10**30}, Tokens(input=10**9)),
        ({"prompt_tokens": 12.0, "completion_tokens": 3.0}, Tokens(input=12, output=3)),
        ({"prompt_tokens": 1e400, "completion_tokens": 3.5}, Tokens()),
        ({"prompt_tokens": 1, "prompt_tokens_details": []}, Tokens(input=1)),
    ],
)
def test_odd_counts_do_no_harm(usage: Any, tokens: Tokens) -> None:
    assert scan(WireProtocol.CHAT, sse({"usage": usage}), size=100).tokens == tokens


def chat(prompt: int, output: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": prompt, "completion_tokens": output, **more}


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (  # xAI does not count thoughts as completion
            chat(37, 530, total_tokens=800, completion_tokens_details={"reasoning_tokens": 233}),
            Tokens(input=37, output=763),
        ),
        (  # OpenAI and most others do
            chat(37, 530, total_tokens=567, completion_tokens_details={"reasoning_tokens": 233}),
            Tokens(input=37, output=530),
        ),
        (  # DeepSeek
            chat(100, 5, prompt_cache_hit_tokens=64, prompt_cache_miss_tokens=36),
            Tokens(input=36, output=5, cached=64),
        ),
        (chat(100, 5, cached_tokens=40), Tokens(input=60, output=5, cached=40)),  # Moonshot
        (  # Alibaba
            chat(100, 5, prompt_tokens_details={"cache_creation_input_tokens": 90}),
            Tokens(input=10, output=5, written=90),
        ),
        (  # proxies that pass on Anthropic's counts, whose prompt excludes cached tokens
            chat(4, 5, cache_read_input_tokens=80, cache_creation_input_tokens=10),
            Tokens(input=4, output=5, cached=80, written=10),
        ),
        (
            chat(100, 5, total_tokens=195, prompt_tokens_details={"cached_tokens": 90}),
            Tokens(input=100, output=5, cached=90),
        ),
        (
            chat(1, 0, prompt_tokens_details={"cached_tokens": 9}),
            Tokens(input=1, cached=9),
        ),
    ],
    ids=[
        *("thoughts apart", "thoughts in it", "hit and miss", "cached beside", "written"),
        *("cache apart", "cache apart by the total", "more cached than there is"),
    ],
)
def test_each_providers_way_of_counting(usage: Any, tokens: Tokens) -> None:
    assert scan(WireProtocol.CHAT, sse({"choices": [], "usage": usage}), size=100).tokens == tokens


def test_counts_in_odd_places() -> None:
    groq = sse({"choices": [], "x_groq": {"id": "x", "usage": chat(9, 2)}})
    moonshot = sse({"choices": [{"finish_reason": "stop", "usage": chat(9, 2)}]})
    found = [scan(WireProtocol.CHAT, raw, size=100) for raw in (groq, moonshot)]
    assert [(each.tokens, each.is_complete) for each in found] == [
        (Tokens(input=9, output=2), True)
    ] * 2


def piece(usage: Any, finish: str | None = None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": "x"}, "finish_reason": finish}], "usage": usage}


@pytest.mark.parametrize(
    ("raw", "tokens", "is_complete"),
    [
        (sse(piece(chat(9, 1)), piece(chat(9, 2))), Tokens(input=9, output=2), False),
        (sse(piece(chat(9, 1)), piece(chat(9, 2), "stop")), Tokens(input=9, output=2), True),
        (sse(piece(chat(9, 1)), piece(None, "stop")), Tokens(input=9, output=1), True),
        (sse(piece(None, "stop"), piece(chat(9, 2))), Tokens(input=9, output=2), True),
        (sse(piece(chat(9, 2))) + b"data: [DONE]\n\n", Tokens(input=9, output=2), True),
        (sse(piece(None, "stop")), Tokens(), False),
        (
            sse({"choices": [], "usage": chat(9, 2)}, {"choices": [], "usage": chat(0, 0)}),
            Tokens(input=9, output=2),
            True,
        ),
        (
            sse({**piece(chat(9, 1)), "x": '"finish_reason": "stop" data: [DONE]'}),
            Tokens(input=9, output=1),
            False,
        ),
    ],
    ids=[
        *("cut off", "with every piece", "the last piece without", "after the end", "only done"),
        *("none", "nothing at the end", "an end in the text"),
    ],
)
def test_counts_with_every_piece_are_those_of_the_end(
    raw: bytes, tokens: Tokens, *, is_complete: bool
) -> None:
    scanner = scan(WireProtocol.CHAT, raw, size=11)
    assert (scanner.tokens, scanner.is_complete) == (tokens, is_complete)


def responses(kind: str, usage: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}", "response": {"usage": usage}}


@pytest.mark.parametrize(
    ("kind", "is_complete"),
    [("completed", True), ("incomplete", True), ("created", False), ("in_progress", False)],
)
def test_which_response_is_the_whole_one(kind: str, *, is_complete: bool) -> None:
    usage = {"input_tokens": 50, "output_tokens": 9, "total_tokens": 59}
    scanner = scan(WireProtocol.RESPONSES, sse(responses(kind, usage)), size=40)
    assert (scanner.tokens, scanner.is_complete) == (Tokens(input=50, output=9), is_complete)


@pytest.mark.parametrize(
    ("start", "delta", "tokens"),
    [
        (
            {"input_tokens": 10, "output_tokens": 1},
            {"input_tokens": 900, "output_tokens": 33},
            Tokens(input=900, output=33),
        ),
        (
            {"input_tokens": 0, "output_tokens": 0},
            {"input_tokens": 20, "cache_read_input_tokens": 80, "output_tokens": 5},
            Tokens(input=20, cached=80, output=5),
        ),
        (
            {"input_tokens": 10, "cache_read_input_tokens": 80, "output_tokens": 1},
            {"input_tokens": 0, "cache_read_input_tokens": None, "output_tokens": 5},
            Tokens(input=10, cached=80, output=5),
        ),
        (
            {"input_tokens": 100, "output_tokens": 1},
            {"input_tokens": 20, "cache_read_input_tokens": 80, "output_tokens": 5},
            Tokens(input=20, cached=80, output=5),
        ),
    ],
    ids=["it grew", "only at the end", "only at the start", "told apart later"],
)
def test_anthropics_counts_may_come_twice(start: Any, delta: Any, tokens: Tokens) -> None:
    events = (
        {"type": "message_start", "message": {"usage": start}},
        {"type": "message_delta", "usage": delta},
    )
    scanner = scan(WireProtocol.MESSAGES, sse(*events), size=30)
    assert (scanner.tokens, scanner.is_complete) == (tokens, True)


def test_google_counts_thoughts_and_results_of_tools() -> None:
    usage = {
        "promptTokenCount": 40,
        "toolUsePromptTokenCount": 7,
        "candidatesTokenCount": 6,
        "thoughtsTokenCount": 4,
        "totalTokenCount": 60,
    }
    event = {"candidates": [{"finishReason": "STOP"}], "usageMetadata": usage}
    assert scan(WireProtocol.GENERATE, sse(event), size=30).tokens == Tokens(input=47, output=13)


@pytest.mark.parametrize(
    ("provider", "usage", "cost"),
    [
        ("openrouter", {"cost": 0.25}, 0.25),
        (
            "openrouter",
            {
                "cost": 0.01,
                "is_byok": True,
                "cost_details": {"upstream_inference_cost": 0.5},
            },
            0.51,
        ),
        ("perplexity", {"cost": {"request_cost": 0.005, "total_cost": 0.006}}, 0.006),
        ("deepinfra", {"estimated_cost": 0.125}, 0.125),
        ("openrouter", {"cost": -1}, 0.0),
        ("openrouter", {"cost": "much"}, 0.0),
        ("openrouter", {"cost": 1e300}, 0.0),
        ("poe", {"cost": 120}, 0.0),  # not known to be in dollars
    ],
    ids=["whole", "own key", "parts", "estimated", "negative", "text", "huge", "unknown"],
)
def test_what_the_provider_says_it_costs(provider: str, usage: Any, cost: float) -> None:
    scanner = UsageScanner(WireProtocol.CHAT, provider=provider)
    scanner.feed(sse({"choices": [], "usage": {**chat(9, 2), **usage}}))
    assert scanner.cost == pytest.approx(cost)
    assert scanner.tokens == Tokens(input=9, output=2)


@pytest.mark.parametrize(
    ("protocol", "event", "error"),
    [
        (WireProtocol.CHAT, {"error": {"message": "overloaded", "code": 502}}, "overloaded"),
        (WireProtocol.CHAT, {"error": "no"}, "no"),
        (
            WireProtocol.MESSAGES,
            {"type": "error", "error": {"message": "Overloaded"}},
            "Overloaded",
        ),
        (WireProtocol.RESPONSES, {"type": "error", "message": "x", "error": None}, "x"),
        (
            WireProtocol.RESPONSES,
            {"type": "response.failed", "response": {"error": {"message": "boom"}}},
            "boom",
        ),
    ],
)
def test_errors_in_the_stream_are_noticed(protocol: WireProtocol, event: Any, error: str) -> None:
    assert scan(protocol, sse(event), size=10).error == error


def test_an_endless_line_is_skipped_and_the_next_one_read() -> None:
    scanner = UsageScanner(WireProtocol.CHAT)
    scanner.feed(b"data: ")
    for _ in range(6):
        scanner.feed(b"x" * 1_000_000)
    held = len(scanner._rest)
    scanner.feed(b"\n" + CHAT)

    assert (held, scanner.tokens.output) == (0, 7)


@given(
    raw=st.binary(max_size=300),
    protocol=st.sampled_from(list(WireProtocol)),
    is_stream=st.booleans(),
)
def test_any_bytes_are_taken(*, raw: bytes, protocol: WireProtocol, is_stream: bool) -> None:
    scan(protocol, b'data: {"usage"' + raw, size=11, is_stream=is_stream)


CUT_OFF = {
    WireProtocol.CHAT: {"choices": [{"delta": {}, "finish_reason": "length"}]},
    WireProtocol.RESPONSES: {
        "type": "response.incomplete",
        "response": {"incomplete_details": {"reason": "max_output_tokens"}},
    },
    WireProtocol.MESSAGES: {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}},
    WireProtocol.GENERATE: {"candidates": [{"finishReason": "MAX_TOKENS"}]},
}


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize("protocol", WireProtocol)
def test_an_answer_that_ended_at_its_limit_is_known(protocol: WireProtocol, size: int) -> None:
    event = CUT_OFF[protocol]
    spaced = b"data: " + json.dumps(event, separators=(" , ", " : ")).encode() + b"\n\n"
    assert scan(protocol, sse({"a": 1}, event, {"b": 2}), size=size).is_cut_off
    assert scan(protocol, spaced, size=size).is_cut_off
    assert scan(protocol, json.dumps(event).encode(), size=size, is_stream=False).is_cut_off


def test_the_limit_is_known_before_the_end_of_the_stream() -> None:
    scanner = UsageScanner(WireProtocol.CHAT)
    scanner.feed(sse(CUT_OFF[WireProtocol.CHAT]))
    assert scanner.is_cut_off


@pytest.mark.parametrize("protocol", WireProtocol)
def test_an_answer_that_only_speaks_of_limits_has_not_ended(protocol: WireProtocol) -> None:
    said = json.dumps(CUT_OFF[protocol])
    events = sse({"choices": [{"delta": {"content": said}, "finish_reason": "stop"}]}, {"t": said})
    assert not scan(protocol, events, size=50).is_cut_off
    assert not scan(protocol, sse({"max_output_tokens": 5, "reason": "x"}), size=50).is_cut_off


@pytest.mark.parametrize(("protocol", "raw", "tokens"), SAMPLES)
def test_a_whole_answer_is_not_cut_off(protocol: WireProtocol, raw: bytes, tokens: Tokens) -> None:
    assert tokens
    assert not scan(protocol, raw, size=100).is_cut_off
