from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.providers.table import Dialect
from pytest_agentfix.gateway.spending.usage import UsageScanner
from pytest_agentfix.model import Tokens


def sse(*events: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(e).encode() + b"\n\n" for e in events)


CHAT = (
    sse({"choices": [{"delta": {"content": '"usage": 1'}}]})
    + sse({"choices": [], "usage": None})
    + sse(
        {
            "choices": [],
            "usage": {
                "prompt_tokens": 100,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 60},
            },
        }
    )
    + b"data: [DONE]\n\n"
)
RESPONSES = (
    b"event: response.created\n"
    + sse({"type": "response.created", "response": {"usage": None, "error": None}})
    + b"event: response.completed\n"
    + sse(
        {
            "type": "response.completed",
            "response": {
                "usage": {
                    "input_tokens": 50,
                    "input_tokens_details": {"cached_tokens": 20},
                    "output_tokens": 9,
                    "output_tokens_details": {"reasoning_tokens": 3},
                }
            },
        }
    )
)
MESSAGES = (
    b"event: message_start\n"
    + sse(
        {
            "type": "message_start",
            "message": {
                "usage": {
                    "input_tokens": 10,
                    "cache_creation_input_tokens": 5,
                    "cache_read_input_tokens": 80,
                    "output_tokens": 1,
                }
            },
        }
    )
    + b"event: ping\n"
    + sse({"type": "ping"})
    + sse({"type": "message_delta", "delta": {}, "usage": {"output_tokens": 33}})
)
GENERATE = sse(
    {"candidates": [], "usageMetadata": {"promptTokenCount": 40, "candidatesTokenCount": 1}},
    {
        "candidates": [],
        "usageMetadata": {
            "promptTokenCount": 40,
            "candidatesTokenCount": 6,
            "thoughtsTokenCount": 4,
            "cachedContentTokenCount": 30,
        },
    },
)
SAMPLES = [
    (Dialect.CHAT, CHAT, Tokens(input=40, output=7, cached=60)),
    (Dialect.RESPONSES, RESPONSES, Tokens(input=30, output=9, cached=20)),
    (Dialect.MESSAGES, MESSAGES, Tokens(input=10, output=33, cached=80, written=5)),
    (Dialect.GENERATE, GENERATE, Tokens(input=10, output=10, cached=30)),
]


def scan(dialect: Dialect, raw: bytes, *, size: int, is_stream: bool = True) -> UsageScanner:
    scanner = UsageScanner(dialect, is_stream=is_stream)
    for start in range(0, len(raw), size):
        scanner.feed(raw[start : start + size])
    scanner.finish()
    return scanner


@pytest.mark.parametrize("size", [1, 7, 10_000])
@pytest.mark.parametrize(("dialect", "raw", "tokens"), SAMPLES)
def test_usage_is_found_however_the_stream_is_cut(
    dialect: Dialect, raw: bytes, tokens: Tokens, size: int
) -> None:
    scanner = scan(dialect, raw, size=size)

    assert (scanner.tokens, scanner.is_complete, scanner.error) == (tokens, True, "")


@pytest.mark.parametrize(("dialect", "raw", "tokens"), SAMPLES)
def test_windows_line_ends_are_fine(dialect: Dialect, raw: bytes, tokens: Tokens) -> None:
    assert scan(dialect, raw.replace(b"\n", b"\r\n"), size=50).tokens == tokens


def test_an_end_without_a_line_end_counts() -> None:
    assert scan(Dialect.CHAT, CHAT.split(b"data: [DONE]")[0].rstrip(), size=9).is_complete


def test_a_plain_json_answer_is_read_at_its_end() -> None:
    raw = json.dumps({"usage": {"prompt_tokens": 3, "completion_tokens": 2}}, indent=1).encode()

    assert scan(Dialect.CHAT, raw, size=5, is_stream=False).tokens == Tokens(input=3, output=2)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}, Tokens(input=5, cached=4)),
        ({"prompt_tokens": -5, "completion_tokens": True}, Tokens()),
        ({"prompt_tokens": "many", "completion_tokens": 1.5}, Tokens()),
        ({"prompt_tokens": 10**30}, Tokens(input=10**9)),
        ({"prompt_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}}, Tokens(cached=1)),
        ({"prompt_tokens": 1, "prompt_tokens_details": []}, Tokens(input=1)),
    ],
)
def test_odd_counts_do_no_harm(usage: Any, tokens: Tokens) -> None:
    assert scan(Dialect.CHAT, sse({"usage": usage}), size=100).tokens == tokens


@pytest.mark.parametrize(
    ("dialect", "event", "error"),
    [
        (Dialect.CHAT, {"error": {"message": "overloaded", "code": 502}}, "overloaded"),
        (Dialect.CHAT, {"error": "no"}, "no"),
        (Dialect.MESSAGES, {"type": "error", "error": {"message": "Overloaded"}}, "Overloaded"),
        (Dialect.RESPONSES, {"type": "error", "message": "x", "error": None}, "x"),
        (
            Dialect.RESPONSES,
            {"type": "response.failed", "response": {"error": {"message": "boom"}}},
            "boom",
        ),
    ],
)
def test_errors_in_the_stream_are_noticed(dialect: Dialect, event: Any, error: str) -> None:
    assert scan(dialect, sse(event), size=10).error == error


def test_an_endless_line_is_skipped_and_the_next_one_read() -> None:
    scanner = UsageScanner(Dialect.CHAT)
    scanner.feed(b"data: ")
    for _ in range(6):
        scanner.feed(b"x" * 1_000_000)
    held = len(scanner._rest)
    scanner.feed(b"\n" + CHAT)

    assert (held, scanner.tokens.output) == (0, 7)


@given(raw=st.binary(max_size=300), dialect=st.sampled_from(list(Dialect)), is_stream=st.booleans())
def test_any_bytes_are_taken(*, raw: bytes, dialect: Dialect, is_stream: bool) -> None:
    scan(dialect, b'data: {"usage"' + raw, size=11, is_stream=is_stream)
