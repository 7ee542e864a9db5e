"""The events of one turn, as documented, and as something hostile would write them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_agentfix.agents.opencode2.events import TEXT_LIMIT, read_turn

SESSION = "ses_1"


def event(kind: str, session: object = SESSION, **more: Any) -> dict[str, Any]:
    return {"type": kind, "timestamp": 1, "sessionID": session, **more}


def step(reason: str) -> list[dict[str, Any]]:
    return [event("step_start", part={}), event("step_finish", part={"reason": reason})]


TEXT = event("text", part={"type": "text", "text": "Done."})
ERROR = event("error", error={"type": "provider.rate", "message": "slow\x1b[31m\ndown"})


def write(*events: object) -> bytes:
    return b"".join(json.dumps(one).encode() + b"\n" for one in events)


def test_turn_that_ends_well() -> None:
    record = read_turn(write(*step("tool-calls"), *step("stop"), TEXT))
    assert (record.session, record.text, record.judge(0)) == (SESSION, "Done.", "")


@pytest.mark.parametrize(
    ("events", "code", "problem"),
    [
        ([*step("stop")], 1, "OpenCode ended with exit status 1"),
        ([*step("stop")], 130, "OpenCode ended with exit status 130"),
        ([*step("tool-calls")], 0, "OpenCode ended in the middle of its turn (tool-calls)"),
        ([*step("length")], 0, "OpenCode ended in the middle of its turn (length)"),
        ([], 0, "OpenCode ended in the middle of its turn (no end of a step)"),
        ([*step("stop"), step("stop")[0]], 0, "in the middle of its turn (no end of a step)"),
        ([ERROR], 1, "provider.rate: slow down"),
        ([*step("stop"), ERROR], 0, "provider.rate: slow down"),
        ([event("error", error="x")], 1, "an error without a name"),
        ([event("error", error={"type": 1})], 1, "error: None"),
    ],
)
def test_turn_that_does_not(events: list[object], code: int, problem: str) -> None:
    assert read_turn(write(*events)).judge(code).endswith(problem)


def test_error_that_it_has_recovered_from() -> None:
    assert read_turn(write(step("x")[0], ERROR, *step("stop"))).judge(0) == ""


def test_events_of_other_sessions_are_passed_over() -> None:
    other = event("text", "ses_2", part={"text": "Mine."})
    record = read_turn(write(*step("stop"), other, TEXT, event("error", "ses_2", error={})))
    assert (record.session, record.text, record.judge(0)) == (SESSION, "Done.", "")
    assert read_turn(write(TEXT), session="ses_9").text == ""


@pytest.mark.parametrize(
    "session", ["--help", "-s", "a b", "", "x" * 201, 7, None, ["ses_1"], "a\n"]
)
def test_session_that_could_be_no_argument_is_none(session: object) -> None:
    assert read_turn(write(event("step_start", session, part={}))).session == ""


@pytest.mark.parametrize(
    "noise",
    [
        b"{" * 100_000,
        b"[" * 100_000,
        b"\xff\xfe\x00",
        b'7\n[]\nnull\n"text"\n',
        b'{"type": ["step_finish"], "part": {"reason": "no"}}\n',
        b'{"type": "step_finish", "part": [1]}\n{"type": "text", "part": {"text": 7}}\n',
    ],
)
def test_nonsense_is_passed_over(noise: bytes) -> None:
    record = read_turn(noise + b"\n" + write(*step("stop"), TEXT) + noise.split(b"\n")[0])
    assert (record.session, record.text) == (SESSION, "Done.")


def test_long_texts_are_cut() -> None:
    assert len(read_turn(write(event("text", part={"text": "x" * 50_000}))).text) == TEXT_LIMIT
