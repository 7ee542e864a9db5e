"""One streamed answer of each protocol, and the tokens that are counted in it."""

from __future__ import annotations

import json
from typing import Any

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.providers.registry import WireProtocol


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
    (WireProtocol.CHAT, CHAT, Tokens(input=40, output=7, cached=60)),
    (WireProtocol.RESPONSES, RESPONSES, Tokens(input=30, output=9, cached=20)),
    (WireProtocol.MESSAGES, MESSAGES, Tokens(input=10, output=33, cached=80, written=5)),
    (WireProtocol.GENERATE, GENERATE, Tokens(input=10, output=10, cached=30)),
]
