from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from pytest_agentfix.gateway.http.key_filter import KeyFilter, is_secret
from pytest_agentfix.gateway.http.provider_errors import (
    describe_outage,
    describe_refusal,
    is_retried,
    is_used_up,
    parse_retry_after,
    parse_retry_delay,
    quote_words,
)
from tests.kits.gateway_kit import KEY, make_upstream


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{"error":{"message":"Invalid key.","type":"auth"}}', "Invalid key."),
        (b'{"type":"error","error":{"type":"x","message":"no such model"}}', "no such model"),
        (b'[{"error":{"code":400,"message":"API key not valid"}}]', "API key not valid"),
        (b'{"error":"model not found"}', "model not found"),
        (b'{"message":"gone"}', "gone"),
        (b'{"detail":"Not Found"}', "Not Found"),
        (b"<h1>Bad\x1b[31m\r\nGateway\x07</h1>", "<h1>Bad [31m Gateway </h1>"),
        (b"", ""),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"x" * 400, "x" * 299 + "…"),
        ("\u202eabc\u2066".encode(), "abc"),
        (b'{"error":{},"detail":"x"}', "x"),
        (b'{"error":' * 900 + b'"x"' + b"}" * 900, ('{"error":' * 34)[:299] + "\u2026"),
        (f"Incorrect API key provided: {KEY}".encode(), "Incorrect API key provided: ***"),
        (b"Incorrect API key provided: sk-sent*****cdef.", "Incorrect API key provided: ***"),
    ],
)
def test_the_providers_words_are_one_clean_line_without_the_key(raw: bytes, words: str) -> None:
    assert quote_words(raw, key=KEY) == words


@pytest.mark.parametrize(
    ("status", "is_final", "hint"),
    [
        (400, False, "Check whether local/test-model can do what OpenCode asks for"),
        (401, True, "Check the key in LOCAL_API_KEY"),
        (402, True, "Check the credit of the account"),
        (403, True, "Check the key in LOCAL_API_KEY"),
        (404, True, "Check the model's name (local/test-model) and the URL"),
        (422, False, "Check whether"),
        (307, False, "Check the URL"),
    ],
)
def test_every_refusal_says_what_to_do(*, status: int, is_final: bool, hint: str) -> None:
    trouble = describe_refusal(status, "because.", make_upstream())

    assert trouble.problem == f"The provider answered {status}: because."
    assert (trouble.is_final, trouble.next_step.startswith(hint)) == (is_final, True)


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refusal_without_a_key_says_how_to_name_one(status: int) -> None:
    trouble = describe_refusal(status, "", replace(make_upstream(), key="", key_source=""))

    assert trouble.next_step == (
        "No key was sent, as none was found for local/test-model: name the variable that holds it"
        " with --agent-fix-api-key-env."
    )


@pytest.mark.parametrize(
    ("status", "words", "is_final"),
    [
        (403, "Your chosen model requires moderation and your input was flagged", False),
        (403, "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_X", False),
        (404, "No endpoints found that support image input", False),
        (403, "Key limit exceeded", True),
        (404, "No endpoints found for acme/model-1", True),
        (401, "your input was flagged", True),
        (402, "your input was flagged", True),
    ],
)
def test_a_refusal_of_one_request_does_not_end_the_run(
    status: int, words: str, *, is_final: bool
) -> None:
    trouble = describe_refusal(status, words, make_upstream())

    assert (trouble.is_final, "can do what OpenCode asks for" in trouble.next_step) == (
        is_final,
        not is_final,
    )


def error(message: str = "m", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


GOOGLE_WORDS = "You exceeded your current quota, please check your plan and billing details."
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36s"}
NO_MONEY: dict[str, Any] = {
    "a code": error(code="insufficient_quota"),
    "a type": error(type="exceeded_current_quota_error"),
    "a code at the top": {"code": "insufficient_balance", "message": "m"},
    "in a list": [error("Insufficient credits")],
    "a 400 of Anthropic's": error("Your credit balance is too low to access the API."),
    "a 402 of DeepSeek's": error("Insufficient Balance"),
    "Google's, for good": error(GOOGLE_WORDS),
    "no object": "out of credits",
    "with an apostrophe": error("You've run out of credits."),
}
MONEY_ENOUGH: dict[str, Any] = {
    "Google's, for a minute": error(GOOGLE_WORDS, details=[{"a": 1}, RETRY]),
    "a value quoted": error("Invalid value: 'insufficient_quota'. Supported values are: 'low'"),
    "a value quoted otherwise": error('Input should be a number, got "out of credits"'),
    "a quote in what is quoted": error("Invalid value: 'x' out of credits'."),
    "a quote without end": error("Cannot read 'credit balance is too low and so on"),
    "the request's words beside": {
        "detail": [{"msg": "Input should be a number", "input": "insufficient_quota"}]
    },
    "the request beside": {**error("bad"), "request": {"code": "insufficient_quota"}},
    "another code": error(code="rate_limit_exceeded"),
    "codes of another form": error(code=["insufficient_quota"], type={"a": 1}),
    "nothing": {},
}


@pytest.mark.parametrize("body", NO_MONEY.values(), ids=NO_MONEY)
def test_an_account_without_money_is_known_by_code_or_words(body: Any) -> None:
    assert is_used_up(json.dumps(body).encode())


@pytest.mark.parametrize("body", MONEY_ENOUGH.values(), ids=MONEY_ENOUGH)
def test_a_request_cannot_make_the_account_look_empty(body: Any) -> None:
    assert not is_used_up(json.dumps(body).encode())


@pytest.mark.parametrize("raw", [b"out of credits", b"[" * 60_000, b"\xff"], ids=range(3))
def test_an_error_that_is_no_json_has_words_only(raw: bytes) -> None:
    assert is_used_up(raw) is (raw == b"out of credits")


@pytest.mark.parametrize(
    ("body", "seconds"),
    [
        (error(details=[RETRY]), 36.0),
        ([error(details=[{"retryDelay": "0.5s"}])], 0.5),
        (error(details=[{"retryDelay": "soon"}, {"retryDelay": 7}, "x", RETRY]), 36.0),
        (error(details=[{"retryDelay": "9999999999s"}]), None),
        (error(details={"retryDelay": "9s"}), None),
        ({**error(), "input": {"retryDelay": "9s"}}, None),
        (error('"retryDelay": "9s"'), None),
        ("9s", None),
    ],
    ids=range(8),
)
def test_googles_delay_is_read_where_google_says_it(body: Any, seconds: float | None) -> None:
    assert parse_retry_delay(json.dumps(body).encode()) == seconds


def test_an_outage_says_where() -> None:
    trouble = describe_outage("is silent for too long", make_upstream())

    assert str(trouble) == (
        "The provider of local/test-model is silent for too long. Check that"
        " http://127.0.0.1:1/v1 can be reached from here, or try again later."
    )


def test_which_statuses_are_retried() -> None:
    statuses = [s for s in (400, 401, 404, 408, 409, 413, 429, 500, 503, 529) if is_retried(s)]

    assert statuses == [408, 409, 429, 500, 503, 529]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("", None),
        ("soon", None),
        ("-3", None),
        ("9" * 500, 999999999999.0),
        ("Thu, 01 Jan 1970 00:00:30 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_in_both_forms(value: str, seconds: float | None) -> None:
    assert parse_retry_after(value, now=10.0) == seconds


@pytest.mark.parametrize("size", [1, 2, 5, 1000])
def test_the_key_never_passes_however_it_is_cut(size: int) -> None:
    text = f"sk-sk-sentinel-{KEY} and {KEY}{KEY} sk-sent".encode()
    key_filter = KeyFilter(KEY)

    pieces = [key_filter.feed(text[start : start + size]) for start in range(0, len(text), size)]

    assert b"".join([*pieces, key_filter.finish()]) == b"sk-sk-sentinel-*** and ****** sk-sent"


ODD_KEY = "sk-ab/cd+ef=0123456789&x"
SPELLINGS = {
    "JSON": json.dumps(ODD_KEY)[1:-1],
    "JSON with slashes escaped": ODD_KEY.replace("/", "\\/"),
    "JSON for HTML": "sk-ab\\u002fcd\\u002bef\\u003d0123456789\\u0026x",
    "JSON for HTML, in capitals": "sk-ab\\u002Fcd\\u002Bef\\u003D0123456789\\u0026x",
    "a URL": quote(ODD_KEY, safe=""),
    "a URL in small letters": "sk-ab%2fcd%2bef%3d0123456789%26x",
}


@pytest.mark.parametrize("size", [1, 5, 1000])
@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS)
def test_other_spellings_of_the_key_do_not_pass_either(spelling: str, size: int) -> None:
    text = f"a {spelling} b".encode()
    key_filter = KeyFilter(ODD_KEY)

    pieces = [key_filter.feed(text[start : start + size]) for start in range(0, len(text), size)]

    assert b"".join([*pieces, key_filter.finish()]) == b"a *** b"


@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
@pytest.mark.parametrize("key", [KEY, ODD_KEY, "abcdefg9"])
def test_no_more_than_edges_of_the_key_in_base64_pass(before: str, key: str) -> None:
    key_filter = KeyFilter(key)

    left = key_filter.feed(b64encode(f"{before}{key}!".encode())) + key_filter.finish()

    assert left.count(b"***") == 1
    assert len(left) <= len(b64encode(before.encode())) + len("***") + 8


@pytest.mark.parametrize(
    "key", ["ollama", "EMPTY", "dummy", "test", "lm-studio", "not-needed", "1234", "12345678", "x"]
)
def test_a_word_for_a_key_spoils_no_code(key: str) -> None:
    text = f"import {key}\n{key}".encode()
    key_filter = KeyFilter(key)

    assert (is_secret(key), key_filter.feed(text), key_filter.finish()) == (False, text, b"")


@pytest.mark.parametrize("key", [KEY, "hunter2x", "a" * 16, "9" * 16])
def test_what_looks_like_a_key_is_one(key: str) -> None:
    key_filter = KeyFilter(key)

    assert (is_secret(key), key_filter.feed(f"<{key}>".encode())) == (True, b"<***>")


def test_without_a_key_everything_passes_at_once() -> None:
    assert KeyFilter("").feed(b"abc") == b"abc"
