"""The log of tries: a line each, bodies on demand, and no secret in any of them."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.http import traffic_log
from pytest_agentfix.gateway.http.traffic_log import TrafficEntry, TrafficLog
from tests.kits.cassette_streams import STREAMS, frame

NAME = "pytest_agentfix.gateway"
KEY = "sk-sentinel-0123456789abcdef"
WORD = "sentinel-0123456789"  # begins like a word: a piece of it is not recognised


def write(
    caplog: pytest.LogCaptureFixture,
    answer: bytes = b"",
    sent: bytes = b"{}",
    *,
    level: int = logging.DEBUG,
    **values: Any,
) -> list[str]:
    """Return the lines logged for a try, with bodies."""
    entry = TrafficEntry(model="m", sent=sent, began=10.0, status=200, first_byte=10.25)
    entry.add(answer)
    caplog.clear()
    with caplog.at_level(level, NAME):
        TrafficLog(**{"has_bodies": True, "secrets": [KEY, WORD], **values}).write(
            entry, now=12.5, tokens=Tokens(input=7, output=5, cached=3, written=1), cost=0.5
        )
    return [record.getMessage() for record in caplog.records]


def test_a_line_for_each_try(caplog: pytest.LogCaptureFixture) -> None:
    line = (
        "model=m status=200 sent=2B received=4B first_byte=0.250 s took=2.500 s"
        " tokens=7/5/3/1 cost=$0.500000"
    )

    assert write(caplog, b"done", level=logging.INFO) == [line]
    assert write(caplog, b"done", has_bodies=False) == [line]
    assert write(caplog, b"done") == [line, "request: {}", "answer: done"]


def test_a_cut_limit_is_in_the_line(caplog: pytest.LogCaptureFixture) -> None:
    entry = TrafficEntry(model="m", sent=b"", began=1.0, cut_to=2048)
    with caplog.at_level(logging.INFO, NAME):
        TrafficLog().write(entry, now=2.0, tokens=Tokens(), cost=None)

    assert caplog.messages[0].endswith(" cost=unknown answer_cut_to=2048")


def test_what_is_not_known(caplog: pytest.LogCaptureFixture) -> None:
    entry = TrafficEntry(model="m", sent=b"", began=1.0)
    with caplog.at_level(logging.INFO, NAME):
        TrafficLog().write(entry, now=2.0, tokens=Tokens(), cost=None)

    assert caplog.messages == [
        "model=m status=0 sent=0B received=0B first_byte=- took=1.000 s tokens=0/0/0/0 cost=unknown"
    ]


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING])
def test_nothing_is_put_together_that_nobody_reads(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    asked: list[str] = []

    def note(text: str, secrets: object) -> str:
        asked.append(text)
        return text

    monkeypatch.setattr(traffic_log, "redact_secrets", note)

    assert len(write(caplog, b"one", level=level)) == (level == logging.INFO)
    assert asked == []
    write(caplog, b"one")
    assert asked == ["{}", "one"]


def test_a_body_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    forged = "a\r\n2026-11-25 INFO model=x\x1b[2J\u2028\u202e\x85\x00 \t é"

    [_, request, answer] = write(caplog, forged.encode(), forged.encode())

    told = "a\\r\\n2026-11-25 INFO model=x\\x1b[2J\\u2028\\u202e\\x85\\x00 \\t é"
    assert (request, answer) == (f"request: {told}", f"answer: {told}")


@pytest.mark.parametrize("protocol", STREAMS)
def test_a_secret_cut_up_in_a_stream(caplog: pytest.LogCaptureFixture, protocol: str) -> None:
    raw = STREAMS[protocol](f"it is {WORD}, yes", json.dumps({"a": WORD}))

    answer = write(caplog, raw)[2]

    assert "it is ***, yes" in answer
    assert "sentin" not in answer
    assert "0123" not in answer


def test_a_secret_that_stays_cut_up(caplog: pytest.LogCaptureFixture) -> None:
    pieces = [{"reasoning": WORD[:9]}, {"content": WORD[9:]}]
    raw = b"".join(frame({"choices": [{"delta": piece}]}) for piece in pieces)

    assert write(caplog, raw)[2] == "answer: (left out: a secret is in it in pieces)"


@pytest.mark.parametrize("secret", [KEY, WORD])
@pytest.mark.parametrize("shown", [1, 7, 11, 15])
def test_a_secret_at_the_limit(caplog: pytest.LogCaptureFixture, secret: str, shown: int) -> None:
    body = b"x" * (200_000 - shown - 1) + b" " + secret.encode() + b" more" * 9

    [_, request, answer] = write(caplog, body, body)

    assert set(request.removeprefix("request: ")) == {"x", "…"}
    assert set(answer.removeprefix("answer: ")) == {"x", "…"}
    assert 180_000 < len(answer) < 200_000
