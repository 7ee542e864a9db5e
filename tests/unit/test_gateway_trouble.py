from __future__ import annotations

import pytest

from pytest_agentfix.gateway.serving.curtain import KeyCurtain
from pytest_agentfix.gateway.serving.trouble import (
    describe_outage,
    describe_refusal,
    is_retried,
    parse_retry_after,
    quote_words,
)
from tests.unit.gateway_kit import KEY, make_upstream


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
    curtain = KeyCurtain(KEY)

    pieces = [curtain.feed(text[start : start + size]) for start in range(0, len(text), size)]

    assert b"".join([*pieces, curtain.finish()]) == b"sk-sk-sentinel-*** and ****** sk-sent"


def test_without_a_key_everything_passes_at_once() -> None:
    assert KeyCurtain("").feed(b"abc") == b"abc"
