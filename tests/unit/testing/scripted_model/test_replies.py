from __future__ import annotations

from typing import Any

import pytest

from pytest_agentfix.testing.scripted_model.model_server import (
    Break,
    Call,
    Conversation,
    Fail,
    Interrupted,
    Reply,
    Say,
    Script,
    Turns,
    edits,
    reads,
    route,
    shell,
    writes,
)
from tests.kits.protocol_kit import TOOLS, talk

FIRST: list[Reply] = [reads("/f"), edits("/f", "a", "b"), Say("one")]
SECOND: list[Reply] = [shell("pytest"), Say("two")]


@pytest.mark.parametrize(
    ("messages", "reply"),
    [
        ([("system", "s"), ("user", "p1")], FIRST[0]),
        ([("user", "p1"), ("assistant", ""), ("tool", "")], FIRST[1]),
        ([("user", "p1"), ("assistant", ""), ("tool", ""), ("assistant", "")], FIRST[2]),
        ([("user", "p1")] + [("assistant", "")] * 3, Say("Done.")),
        ([("user", "p1"), ("assistant", ""), ("assistant", ""), ("user", "p2")], SECOND[0]),
        ([("user", "p1"), ("user", "p2"), ("assistant", "")], SECOND[1]),
        ([("user", "p1"), ("user", "p2"), ("user", "p3")], Say("Done.")),
        ([], FIRST[0]),
    ],
)
def test_turns_depend_on_the_conversation_alone(
    messages: list[tuple[str, str]], reply: Reply
) -> None:
    script = Turns([FIRST, SECOND])

    assert [script(Conversation(talk(*messages))) for _ in range(2)] == [reply, reply]


def test_turns_say_something_harmless_without_tools() -> None:
    assert Turns([FIRST])(Conversation(talk(("user", "title?"), tools=False))) == Say("Done.")


def test_a_route_goes_by_the_prompts() -> None:
    def choose(text: str) -> Script:
        return Turns([FIRST] * 3) if "test_a" in text else Turns([SECOND] * 3)

    script = route(choose)
    parts = {"role": "user", "content": [{"type": "text", "text": "fix test_a"}]}
    first = {"messages": [parts], "tools": TOOLS}

    assert script(Conversation(first)) == FIRST[0]
    assert script(Conversation(talk(("user", "fix test_b")))) == SECOND[0]
    assert script(Conversation(talk(("user", "test_a"), ("user", "still red")))) == FIRST[0]


def test_interruptions_come_once_each() -> None:
    script = Interrupted(Turns([FIRST]), [Break("x"), Fail(500)], step=1)
    start = Conversation(talk(("user", "p")))
    middle = Conversation(talk(("user", "p"), ("assistant", "")))

    replies = [script(c) for c in (start, middle, middle, middle, start)]

    assert replies == [FIRST[0], Break("x"), Fail(500), FIRST[1], FIRST[0]]


def test_the_moves_are_opencodes_tools() -> None:
    assert [reads("/f"), edits("/f", "a", "b"), writes("/f", "c"), shell("ls")] == [
        Call("read", {"filePath": "/f"}),
        Call("edit", {"filePath": "/f", "oldString": "a", "newString": "b"}),
        Call("write", {"filePath": "/f", "content": "c"}),
        Call("bash", {"command": "ls", "description": "Runs a command"}),
    ]


@pytest.mark.parametrize("body", [{}, {"messages": 3}, {"messages": [1, {"role": "user"}]}])
def test_odd_bodies_do_no_harm(body: dict[str, Any]) -> None:
    conversation = Conversation(body)

    assert (conversation.turn, conversation.step, conversation.has_tools) == (0, 0, False)
