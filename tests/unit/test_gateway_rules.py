from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.providers import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    OPENAI,
    OPENROUTER,
    Dialect,
    ProviderRow,
)
from pytest_agentfix.gateway.rules import (
    RefusedError,
    Request,
    admit,
    clean_body,
    parse_body,
)
from tests.unit.gateway_kit import KEY, MODEL, TOKEN, make_body, make_headers, make_upstream

TARGET = "/v1/chat/completions"


def make_request(
    body: Any = None,
    *,
    method: str = "POST",
    target: str = TARGET,
    headers: dict[str, str] | None = None,
    more: tuple[tuple[str, str], ...] = (),
) -> Request:
    raw = body if isinstance(body, bytes) else json.dumps(body or make_body()).encode()
    given_headers = make_headers() if headers is None else headers
    pairs = [(name.lower(), value) for name, value in given_headers.items()]
    return Request(method=method, target=target, headers=[*pairs, *more], body=raw)


def refusal_of(request: Request) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        admit(request, make_upstream(), token=TOKEN)
    return caught.value.status, caught.value.message


def test_what_goes_upstream_is_only_what_is_known() -> None:
    request = make_request(
        more=(
            ("host", "evil.example"),
            ("cookie", "a=b"),
            ("forwarded", "for=1"),
            ("x-forwarded-for", "1"),
            ("via", "x"),
            ("proxy-authorization", "x"),
            ("x-api-key", "mine"),
            ("x-session-id", "ses_1"),
            ("accept", "*/*"),
        )
    )

    admission = admit(request, make_upstream("https://models.example/v1"), token=TOKEN)

    assert admission.url == "https://models.example/v1/chat/completions"
    assert admission.headers == (("content-type", "application/json"), ("accept", "*/*"))
    assert json.loads(admission.body) == make_body()
    assert KEY not in repr(admission)


def test_anthropic_headers_go_along() -> None:
    upstream = make_upstream(row=ANTHROPIC)
    headers = {
        **make_headers(ANTHROPIC),
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "structured-outputs-2025-11-13",
    }
    request = make_request({"model": MODEL, "messages": []}, target="/v1/messages", headers=headers)

    admission = admit(request, upstream, token=TOKEN)

    assert dict(admission.headers) == {
        "content-type": "application/json",
        "anthropic-version": "2023-06-01",
        "anthropic-beta": "structured-outputs-2025-11-13",
    }


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "CONNECT", "OPTIONS", "post"])
def test_other_methods_are_refused(method: str) -> None:
    assert refusal_of(make_request(method=method))[0] == 403


@pytest.mark.parametrize(
    "target",
    [
        "/v1/models",
        "/v1/files",
        "/v1/chat/completions/",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/x/../chat/completions",
        "/v1/%2e%2e/v1/chat/completions",
        "/v1/chat%2fcompletions",
        "/v1/chat/completions?x=1",
        "/v1/chat/completions#x",
        "/V1/chat/completions",
        "http://models.example/v1/chat/completions",
        "models.example:443",
        "*",
        "",
    ],
)
def test_other_targets_are_refused(target: str) -> None:
    assert refusal_of(make_request(target=target))[0] == 403


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": TOKEN},
        {"authorization": f"Bearer {TOKEN} "},
        {"authorization": "Bearer "},
        {"authorization": "Bearer é"},
        {"x-api-key": TOKEN},
    ],
)
def test_other_credentials_are_refused(headers: dict[str, str]) -> None:
    assert refusal_of(make_request(headers={"content-type": "application/json", **headers})) == (
        401,
        "The credential is not this run's.",
    )


def test_two_credentials_are_refused() -> None:
    assert refusal_of(make_request(more=(("authorization", f"Bearer {TOKEN}"),)))[0] == 401


@pytest.mark.parametrize(
    "more",
    [
        (("transfer-encoding", "chunked"), ("content-length", "5")),
        (("content-encoding", "gzip"),),
        (("content-type", "application/json"),),
    ],
)
def test_bodies_that_can_be_read_in_two_ways_are_refused(
    more: tuple[tuple[str, str], ...],
) -> None:
    assert refusal_of(make_request(more=more))[0] == 400


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data", ""])
def test_other_content_types_are_refused(kind: str) -> None:
    assert refusal_of(make_request(headers={**make_headers(), "Content-Type": kind}))[0] == 400


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b"\xff\xfe",
        b'{"a":1}{"a":1}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"a":' + b"9" * 10_000 + b"}",
    ],
    ids=range(13),
)
def test_bodies_that_are_no_plain_object_are_refused(raw: bytes) -> None:
    with pytest.raises(RefusedError) as caught:
        parse_body(raw)

    assert caught.value.status == 400


@given(st.binary(max_size=200))
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    try:
        found = parse_body(raw)
    except RefusedError:
        return
    assert isinstance(found, dict)


FUNCTION = {"type": "function", "function": {"name": "edit", "parameters": {}}}
IMAGE = "data:image/png;base64,AAAA"

PASSING: list[tuple[Dialect, dict[str, Any]]] = [
    (Dialect.CHAT, {"tools": [FUNCTION]}),
    (Dialect.CHAT, {"tools": None, "n": 1, "usage": {"include": True}, "store": False}),
    (
        Dialect.CHAT,
        {
            "messages": [
                {"role": "user", "content": "see https://example.org and file_id: x"},
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": IMAGE}}]},
                {"role": "tool", "content": '{"image_url": "https://example.org"}'},
                {
                    "role": "assistant",
                    "tool_calls": [{"function": {"arguments": '{"file_id": "x"}'}}],
                },
            ]
        },
    ),
    (Dialect.RESPONSES, {"tools": [{"type": "function", "name": "bash"}], "store": False}),
    (
        Dialect.RESPONSES,
        {
            "input": [
                {"role": "user", "content": [{"type": "input_image", "image_url": IMAGE}]},
                {"type": "function_call", "arguments": '{"file_id": 1}'},
                {"type": "function_call_output", "output": "https://example.org"},
                {"type": "reasoning", "encrypted_content": "x"},
            ]
        },
    ),
    (Dialect.MESSAGES, {"tools": [{"name": "edit", "input_schema": {}}, {"type": "custom"}]}),
    (
        Dialect.MESSAGES,
        {
            "messages": [
                {"content": [{"type": "tool_use", "input": {"file_id": 1, "image_url": "x"}}]},
                {"content": [{"type": "image", "source": {"type": "base64", "data": "AA"}}]},
            ],
            "thinking": {"type": "adaptive"},
        },
    ),
    (Dialect.GENERATE, {"tools": [{"functionDeclarations": []}], "contents": []}),
    (
        Dialect.GENERATE,
        {
            "contents": [
                {"parts": [{"functionCall": {"args": {"fileUri": "x"}}}]},
                {"parts": [{"inlineData": {"data": "AA"}}, {"text": "gs://x"}]},
            ]
        },
    ),
]

REFUSED: list[tuple[Dialect, dict[str, Any]]] = [
    (Dialect.CHAT, {"model": "other"}),
    (Dialect.CHAT, {"model": None}),
    (Dialect.CHAT, {"model": [MODEL]}),
    (Dialect.CHAT, {"n": 2}),
    (Dialect.CHAT, {"tools": [{"type": "web_search"}]}),
    (Dialect.CHAT, {"tools": [FUNCTION, {"type": "code_interpreter"}]}),
    (Dialect.CHAT, {"tools": [{"function": {}}]}),
    (Dialect.CHAT, {"tools": {"type": "mcp"}}),
    (Dialect.CHAT, {"tools": "web_search"}),
    (Dialect.CHAT, {"web_search_options": {"a": 1}}),
    (Dialect.CHAT, {"plugins": [{"id": "web"}]}),
    (Dialect.CHAT, {"models": ["other"]}),
    (Dialect.CHAT, {"background": True}),
    (
        Dialect.CHAT,
        {"messages": [{"content": [{"type": "image_url", "image_url": {"url": "https://x"}}]}]},
    ),
    (Dialect.CHAT, {"messages": [{"content": [{"type": "file", "file": {"file_id": "f"}}]}]}),
    (
        Dialect.CHAT,
        {"messages": [{"content": [{"type": "file", "file": {"file_data": "https://x"}}]}]},
    ),
    (Dialect.RESPONSES, {"tools": [{"type": "web_search_preview"}]}),
    (Dialect.RESPONSES, {"tools": [{"type": "mcp", "server_url": "https://x"}]}),
    (Dialect.RESPONSES, {"tools": [{"type": "file_search"}]}),
    (Dialect.RESPONSES, {"tools": [{"type": "computer_use_preview"}]}),
    (Dialect.RESPONSES, {"background": True}),
    (Dialect.RESPONSES, {"previous_response_id": "resp_1"}),
    (Dialect.RESPONSES, {"conversation": "conv_1"}),
    (Dialect.RESPONSES, {"prompt": {"id": "pmpt_1"}}),
    (Dialect.RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}),
    (
        Dialect.RESPONSES,
        {"input": [{"content": [{"type": "input_file", "file_url": "https://x"}]}]},
    ),
    (Dialect.RESPONSES, {"input": [{"content": [{"type": "input_file", "file_id": "f"}]}]}),
    (
        Dialect.RESPONSES,
        {
            "input": [
                {
                    "type": "function_call_output",
                    "output": [{"type": "input_image", "image_url": "https://x"}],
                }
            ]
        },
    ),
    (Dialect.MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
    (Dialect.MESSAGES, {"tools": [{"type": "web_fetch_20250910"}]}),
    (Dialect.MESSAGES, {"tools": [{"type": "code_execution_20250825"}]}),
    (Dialect.MESSAGES, {"mcp_servers": [{"url": "https://x"}]}),
    (Dialect.MESSAGES, {"container": "c"}),
    (
        Dialect.MESSAGES,
        {"messages": [{"content": [{"type": "image", "source": {"type": "url", "url": "u"}}]}]},
    ),
    (
        Dialect.MESSAGES,
        {"messages": [{"content": [{"source": {"type": "file", "file_id": "f"}}]}]},
    ),
    (
        Dialect.MESSAGES,
        {"messages": [{"content": [{"content": [{"source": {"type": "url"}}]}]}]},
    ),
    (Dialect.GENERATE, {"tools": [{"googleSearch": {}}]}),
    (Dialect.GENERATE, {"tools": [{"functionDeclarations": [], "codeExecution": {}}]}),
    (Dialect.GENERATE, {"tools": [{"urlContext": {}}]}),
    (Dialect.GENERATE, {"cachedContent": "cachedContents/x"}),
    (Dialect.GENERATE, {"contents": [{"parts": [{"fileData": {"fileUri": "gs://x"}}]}]}),
]


@pytest.mark.parametrize(("dialect", "changes"), PASSING)
def test_the_agents_own_requests_pass_unchanged(dialect: Dialect, changes: dict[str, Any]) -> None:
    body = {**changes} if dialect is Dialect.GENERATE else {"model": MODEL, **changes}
    before = json.loads(json.dumps(body))

    clean_body(body, dialect=dialect, model=MODEL)

    if dialect is Dialect.RESPONSES:
        before["store"] = False
    assert body == before


@pytest.mark.parametrize(("dialect", "changes"), REFUSED)
def test_ways_out_of_the_sandbox_are_refused(dialect: Dialect, changes: dict[str, Any]) -> None:
    body = {**changes} if dialect is Dialect.GENERATE else {"model": MODEL, **changes}

    with pytest.raises(RefusedError) as caught:
        clean_body(body, dialect=dialect, model=MODEL)

    assert caught.value.status == 403


@pytest.mark.parametrize("given_store", [None, True, False])
def test_responses_are_never_stored(*, given_store: bool | None) -> None:
    body: dict[str, Any] = {"model": MODEL, "store": given_store}

    clean_body(body, dialect=Dialect.RESPONSES, model=MODEL)

    assert body["store"] is False


@pytest.mark.parametrize(
    ("row", "model", "target"),
    [
        (COMPATIBLE, "m", "/v1/chat/completions"),
        (OPENROUTER, "a/b", "/v1/chat/completions"),
        (OPENAI, "m", "/v1/responses"),
        (ANTHROPIC, "m", "/v1/messages"),
        (GOOGLE, "m", "/v1beta/models/m:streamGenerateContent?alt=sse"),
    ],
)
def test_every_protocol_has_its_one_target(row: ProviderRow, model: str, target: str) -> None:
    assert row.build_target(model) == target


def test_googles_model_is_in_the_path() -> None:
    upstream = make_upstream(row=GOOGLE, base_url="https://g.example/v1beta")
    headers = make_headers(GOOGLE)

    def make(model: str) -> Request:
        target = f"/v1beta/models/{model}:streamGenerateContent?alt=sse"
        return make_request({"contents": []}, target=target, headers=headers)

    assert admit(make(MODEL), upstream, token=TOKEN).url == (
        f"https://g.example/v1beta/models/{MODEL}:streamGenerateContent?alt=sse"
    )
    with pytest.raises(RefusedError):
        admit(make("other"), upstream, token=TOKEN)
