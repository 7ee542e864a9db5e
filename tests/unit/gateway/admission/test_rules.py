"""Admission: method, target, credential, framing, model, and the headers passed on."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.admission.json_body import parse_body
from pytest_agentfix.gateway.admission.rules import Admission, RefusedError, Request, admit
from pytest_agentfix.gateway.providers.protocols import ProviderRow, WireProtocol
from pytest_agentfix.gateway.providers.registry import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    OPENAI,
    OPENROUTER,
)
from tests.kits.body_kit import GOOD, ROWS
from tests.kits.gateway_kit import KEY, MODEL, TOKEN, make_body, make_headers, make_upstream

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
        b'{"a":' + b"[" * 101 + b"]" * 101 + b"}",
        b'{"a":[' + b"[]," * 500_000 + b"[]]}",
        b'{"a":' + b"9" * 10_000 + b"}",
        b'{"a":' + b"9" * 21 + b"}",
        b'{"a":1e999}',
        b'{"a":-1e999}',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-32-le"),
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xed\xa0\x80"}',
        b'{"a":"\xc0\xaf"}',
        b"{'a':1}",
        b'{"a":1,}',
        b'{"a":01}',
        b'{"a":"\n"}',
        b'{"a":1}//',
    ],
    ids=range(30),
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
    assert found == json.loads(raw)


def test_real_pairs_and_long_numbers_are_fine() -> None:
    raw = b'{"a":"\\ud83d\\ude00","b":-9223372036854775808,"c":[[[[1.5]]]]}'

    assert parse_body(raw) == {"a": "\U0001f600", "b": -(2**63), "c": [[[[1.5]]]]}


@pytest.mark.parametrize("protocol", WireProtocol)
def test_what_opencode_sends_is_admitted_as_it_is(protocol: WireProtocol) -> None:
    row = ROWS[protocol]
    upstream = make_upstream("https://models.example/v1", row=row)
    target = row.build_target(MODEL)

    admission = admit(
        make_request(GOOD[protocol], target=target, headers=make_headers(row)),
        upstream,
        token=TOKEN,
    )

    assert json.loads(admission.body) == GOOD[protocol]
    assert (admission.model, admission.max_output, admission.url) == (
        MODEL,
        16_000 + 32_000
        if protocol is WireProtocol.CHAT
        else 32_000,  # its thinking is not included
        "https://models.example/v1" + row.build_endpoint(MODEL),
    )


def test_an_admission_tells_what_the_ledger_needs() -> None:
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    body = {"model": MODEL, "messages": [{"role": "user", "content": [image, image]}]}

    admission = admit(make_request(body), make_upstream(output_limit=77), token=TOKEN)

    assert admission == Admission(
        url="http://127.0.0.1:1/v1/chat/completions",
        headers=(("content-type", "application/json"),),
        body=json.dumps({**body, "max_tokens": 77}).encode(),
        model=MODEL,
        max_output=77,
        least_output=77,
        images=2,
        is_measurable=True,
    )


def test_fixed_fields_are_set_whatever_was_asked() -> None:
    row = replace(COMPATIBLE, fixed_fields={"disable_search": True, "verbosity": "low"})
    body = make_body(disable_search=False, verbosity="high")

    admission = admit(make_request(body), make_upstream(row=row), token=TOKEN)

    assert json.loads(admission.body) == make_body(disable_search=True, verbosity="low")


def with_small(row: ProviderRow) -> Any:
    return make_upstream("https://models.example/v1", row=row, small_model="small")


@pytest.mark.parametrize("row", [COMPATIBLE, OPENAI, ANTHROPIC], ids=lambda row: row.name)
@pytest.mark.parametrize(("model", "is_allowed"), [("small", True), (MODEL, True), ("big", False)])
def test_the_small_model_is_allowed_too(row: ProviderRow, model: str, *, is_allowed: bool) -> None:
    target = row.build_target(MODEL)
    request = make_request({"model": model}, target=target, headers=make_headers(row))

    if is_allowed:
        assert admit(request, with_small(row), token=TOKEN).model == model
    else:
        with pytest.raises(RefusedError, match="Only the model of this run"):
            admit(request, with_small(row), token=TOKEN)


@pytest.mark.parametrize("model", [None, "", 1, [MODEL], {"id": MODEL}, MODEL.upper()], ids=repr)
def test_other_models_are_refused(model: object) -> None:
    assert refusal_of(make_request({"model": model})) == (
        403,
        "Only the model of this run is allowed here.",
    )


def test_no_small_model_is_not_a_model_without_a_name() -> None:
    target = "/v1beta/models/:streamGenerateContent?alt=sse"
    request = make_request({"contents": []}, target=target, headers=make_headers(GOOGLE))

    with pytest.raises(RefusedError, match="Only the request that the model needs"):
        admit(request, make_upstream(row=GOOGLE), token=TOKEN)


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


@pytest.mark.parametrize(("model", "is_allowed"), [("small", True), (MODEL, True), ("big", False)])
def test_googles_model_is_in_the_path(model: str, *, is_allowed: bool) -> None:
    end = f"/models/{model}:streamGenerateContent?alt=sse"
    request = make_request({"contents": []}, target=f"/v1beta{end}", headers=make_headers(GOOGLE))

    if is_allowed:
        admission = admit(request, with_small(GOOGLE), token=TOKEN)
        assert (admission.url, admission.model) == (f"https://models.example/v1{end}", model)
    else:
        with pytest.raises(RefusedError, match="Only the request that the model needs"):
            admit(request, with_small(GOOGLE), token=TOKEN)


GOOD_BETAS = "interleaved-thinking-2025-05-14,thinking-binding-controls-2026-08-01"


@pytest.mark.parametrize(
    ("sent", "left"),
    [
        ([GOOD_BETAS], GOOD_BETAS),
        (["effort-2025-11-24, structured-outputs-2025-11-13"], None),
        (["effort-2025-11-24", "structured-outputs-2025-11-13"], None),
        (["effort-2025-11-24,effort-2025-11-24"], "effort-2025-11-24"),
        (["code-execution-2025-08-25,skills-2025-10-02,files-api-2025-04-14"], ""),
        (["mcp-client-2025-04-04,web-fetch-2025-09-10,computer-use-2025-01-24"], ""),
        (["fast-mode-2026-02-01,context-1m-2025-08-07,extended-cache-ttl-2025-04-11"], ""),
        (["server-side-fallback-2026-07-01,compact-2026-01-12,task-budgets-2026-03-13"], ""),
        (["effort-2025-11-24-fast", "EFFORT-2025-11-24", "effort", "effort-2025-11-24\tx"], ""),
        ([""], ""),
    ],
    ids=range(10),
)
def test_only_harmless_betas_go_on(sent: list[str], left: str | None) -> None:
    more = tuple(("anthropic-beta", value) for value in sent)
    upstream = make_upstream(row=ANTHROPIC)
    request = make_request(
        {"model": MODEL}, target="/v1/messages", headers=make_headers(ANTHROPIC), more=more
    )

    found = dict(admit(request, upstream, token=TOKEN).headers).get("anthropic-beta", "")

    assert found == ("effort-2025-11-24,structured-outputs-2025-11-13" if left is None else left)


@pytest.mark.parametrize(
    "more",
    [
        (("accept", "*/*"), ("accept", "text/html")),
        (("accept", "x\x00"),),
        (("accept", "a" * 1001),),
        (("accept", "<script>"),),
        (("accept", "text/html"),),
        (("accept", "*/*, text/html"),),
        (("accept", "application/json,"),),
        (("accept", ""),),
        (("anthropic-version", "2023-06-01, x"),),
    ],
    ids=range(9),
)
def test_odd_values_do_not_go_on(more: tuple[tuple[str, str], ...]) -> None:
    upstream = make_upstream(row=ANTHROPIC)
    request = make_request(
        {"model": MODEL}, target="/v1/messages", headers=make_headers(ANTHROPIC), more=more
    )

    assert admit(request, upstream, token=TOKEN).headers == (("content-type", "application/json"),)


@pytest.mark.parametrize(
    "value", ["*/*", "application/json", "text/event-stream", "application/json, text/event-stream"]
)
def test_a_plain_accept_goes_on(value: str) -> None:
    admission = admit(make_request(more=(("accept", value),)), make_upstream(), token=TOKEN)

    assert dict(admission.headers)["accept"] == value


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.name)
def test_no_credential_of_the_sandbox_goes_on(row: ProviderRow) -> None:
    names = [
        *("authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie"),
        *("proxy-authorization", "cf-aig-authorization"),
    ]
    upstream = make_upstream(row=replace(row, forwarded_headers=("accept", *names)))
    request = make_request(
        GOOD[row.protocol],
        target=row.build_target(MODEL),
        headers=make_headers(row),
        more=tuple(
            (name, "mine") for name in (*names, "x-amz-security-token") if name != row.key_header
        ),
    )

    admission = admit(request, upstream, token=TOKEN)

    assert admission.headers == ()
    assert (TOKEN in repr(admission), "mine" in repr(admission)) == (False, False)
