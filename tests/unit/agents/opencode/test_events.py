"""Reading OpenCode's events, whatever they hold."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.agents.opencode.events import TEXT_LIMIT, TurnWatch, describe_error
from tests.kits.opencode_kit import BUSY, IDLE, SESSION, event

JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["session.status", "session.idle", "session.error", "session.created", "message.updated",
     "message.part.updated", "permission.asked", "server.heartbeat"]
)  # fmt: skip
FIELDS = st.sampled_from(["status", "error", "info", "part", "id"])
VALUES = JSON | st.dictionaries(
    st.sampled_from(
        ["type", "role", "id", "error", "messageID", "text", "name", "data", "message"]
    ),
    JSON | st.sampled_from(["busy", "retry", "assistant", "text", "step-start", "m1"]),
)
EVENTS = st.builds(
    lambda kind, fields: {"type": kind, "properties": {"sessionID": SESSION, **fields}},
    KINDS,
    st.dictionaries(FIELDS, VALUES),
) | st.dictionaries(st.sampled_from(["type", "properties"]), VALUES | KINDS)


def take(*events: dict[str, Any]) -> TurnWatch:
    watch = TurnWatch(SESSION)
    for one in events:
        watch.take(one)
    return watch


def said(text: str, *, message: str = "m1") -> dict[str, Any]:
    return event("message.part.updated", part={"messageID": message, "type": "text", "text": text})


ASSISTANT = event("message.updated", info={"id": "m1", "role": "assistant"})


@given(st.lists(EVENTS, max_size=10))
def test_any_events_are_survived(events: list[dict[str, Any]]) -> None:
    watch = take(*events)
    assert isinstance(watch.error, str)
    assert len(watch.error) <= 500
    assert len(watch.text) <= TEXT_LIMIT
    assert all(isinstance(one, str) and len(one) <= 200 for one in watch.take_permissions())
    assert watch.take_permissions() == []


def test_idle_counts_only_after_the_turn_began() -> None:
    assert not take(IDLE).is_over
    assert not take(BUSY).is_over
    assert take(BUSY, IDLE).is_over
    assert take(IDLE, BUSY, IDLE).is_over
    assert take(event("session.error", error={}), IDLE).is_over


def test_other_sessions_say_nothing() -> None:
    watch = TurnWatch("another")
    assert [watch.take(one) for one in (BUSY, IDLE, ASSISTANT, said("x"))] == [False] * 4
    assert (watch.is_over, watch.text, watch.error) == (False, "", "")
    assert not watch.take({"type": "server.heartbeat", "properties": {}})


def test_only_the_assistants_last_text_is_kept() -> None:
    assert take(said("the prompt", message="m0"), ASSISTANT, said("one"), said("two")).text == "two"
    assert take(said("too early"), ASSISTANT).text == ""
    long = "x" * TEXT_LIMIT + "the end"
    assert take(ASSISTANT, said(long)).text == long[-TEXT_LIMIT:]


def test_an_error_that_was_recovered_from() -> None:
    failed = event(
        "message.updated", info={"id": "m1", "role": "assistant", "error": {"name": "E"}}
    )
    again = event("message.part.updated", part={"messageID": "m1", "type": "step-start"})
    assert take(failed).error == "E:"
    assert take(failed, again).error == ""


def test_retries_are_counted() -> None:
    retry = event("session.status", status={"type": "retry"})
    assert take(BUSY, retry, retry).retries == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (None, "an error without a name"),
        ("text", "an error without a name"),
        ({}, "error:"),
        ({"name": "A", "data": {"message": "b\n  c"}}, "A: b c"),
        ({"name": "A", "data": {"message": 1}}, "A:"),
        ({"name": "A", "data": []}, "A:"),
        ({"name": "x" * 1000}, "x" * 500),
    ],
)
def test_errors_in_one_line(error: object, words: str) -> None:
    assert describe_error(error) == words
