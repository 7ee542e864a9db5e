"""A request in any protocol gives a script the same conversation."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pytest_agentfix.gateway.providers.registry import WireProtocol
from pytest_agentfix.testing.scripted_model.conversation import Conversation, Speaker, Spoken
from pytest_agentfix.testing.scripted_model.replies import Reply, Say, Turns, edits, reads, shell
from tests.kits.protocol_kit import Part, Said, Used, User, make_body

P1, P2 = User("first"), User("second")
FIRST: list[Reply] = [reads("/f"), edits("/f", "a", "b"), Say("one")]
SECOND: list[Reply] = [shell("pytest"), Say("two")]
PLACES: dict[str, tuple[Sequence[Part], tuple[int, int]]] = {
    "nothing": ([], (0, 0)),
    "a prompt": ([P1], (0, 0)),
    "after a call": ([P1, Used(["ok"])], (0, 1)),
    "after two calls at once": ([P1, Used(["ok", "no"], "both")], (0, 1)),
    "after two answers": ([P1, Used(["ok"]), Used(["ok"], "more")], (0, 2)),
    "at the end": ([P1, Used(["ok"]), Said("done")], (0, 2)),
    "a second prompt": ([P1, Used(["ok"]), Said("done"), P2], (1, 0)),
    "a prompt after a cut turn": ([P1, Used(["ok"]), P2], (1, 0)),
    "after a call of the second turn": ([P1, Said("done"), P2, Used(["ok"])], (1, 1)),
}

every_protocol = pytest.mark.parametrize("protocol", list(WireProtocol), ids=lambda one: one.value)


@every_protocol
@pytest.mark.parametrize(("parts", "place"), PLACES.values(), ids=PLACES)
def test_the_place_is_found(
    protocol: WireProtocol, parts: Sequence[Part], place: tuple[int, int]
) -> None:
    conversation = Conversation(make_body(protocol, parts))

    assert (conversation.turn, conversation.step) == place


@every_protocol
def test_all_that_was_said_is_read(protocol: WireProtocol) -> None:
    parts: list[Part] = [P1, Used(["ok", "no"], "both"), Used(["yes"]), Said("done"), P2]
    conversation = Conversation(make_body(protocol, parts))

    assert conversation.spoken == [
        Spoken(Speaker.USER, "first"),
        Spoken(Speaker.MODEL, "both"),
        Spoken(Speaker.TOOL, "ok"),
        Spoken(Speaker.TOOL, "no"),
        Spoken(Speaker.MODEL, ""),
        Spoken(Speaker.TOOL, "yes"),
        Spoken(Speaker.MODEL, "done"),
        Spoken(Speaker.USER, "second"),
    ]
    assert conversation.prompts == ["first", "second"]
    assert conversation.results == ["ok", "no", "yes"]
    assert (conversation.has_tools, conversation.tools) == (True, ["bash"])


@every_protocol
def test_a_script_by_turns_works(protocol: WireProtocol) -> None:
    script = Turns([FIRST, SECOND])
    history: list[Part] = []
    replies: list[Reply] = []
    for prompt in (P1, P2):
        history.append(prompt)
        for _ in range(2):
            replies.append(script(Conversation(make_body(protocol, history))))
            history.append(Used(["ok"]))

    assert replies == [FIRST[0], FIRST[1], SECOND[0], SECOND[1]]


def test_a_prompt_beside_results_is_one_in_anthropics_form() -> None:
    body = make_body(WireProtocol.MESSAGES, [P1, Used(["ok"]), P2])

    assert len(body["messages"]) == 3
    assert Conversation(body).prompts == ["first", "second"]


def test_words_beside_a_result_are_no_prompt_in_googles_form() -> None:
    body = make_body(WireProtocol.GENERATE, [P1, Used(["ok"])])
    body["contents"][-1]["parts"].append({"text": "Tool executed and returned this image"})

    assert (Conversation(body).prompts, Conversation(body).step) == (["first"], 1)


def test_a_bare_string_is_a_prompt_in_openais_form() -> None:
    assert Conversation({"input": "hello"}).prompts == ["hello"]


@pytest.mark.parametrize("name", ["messages", "input", "contents", "tools", "else"])
@pytest.mark.parametrize("value", [None, 3, [1, None], [{}], [{"role": 1, "parts": 2}]])
def test_odd_bodies_do_no_harm(name: str, value: object) -> None:
    conversation = Conversation({name: value})

    assert (conversation.turn, conversation.step, conversation.spoken) == (0, 0, [])
    assert conversation.tools == []
