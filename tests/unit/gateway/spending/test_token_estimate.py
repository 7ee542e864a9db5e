"""Upper bounds on the tokens of a prompt."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.spending.token_estimate import (
    FRAME_TOKENS,
    IMAGE_TOKENS,
    TURN_TOKENS,
    PromptEstimator,
    PromptEstimators,
    RequestSize,
    is_plausible,
)


def test_unknown_text_counts_by_the_byte() -> None:
    estimator = PromptEstimator()
    assert estimator.bound(RequestSize(body=b"x" * 500)) == FRAME_TOKENS + 500
    assert (
        estimator.bound(RequestSize(body=b"x" * 500, images=2))
        == FRAME_TOKENS + 500 + 2 * IMAGE_TOKENS
    )


USER, CALL, RESULT = (
    {"role": "user", "content": "a" * 9000},
    {"role": "assistant", "content": [{"type": "text", "text": "b" * 40}]},
    {"role": "user", "content": [{"type": "text", "text": "c" * 50}]},
)
TOOLS = [{"name": "t" * 5000}]


def make_size(*messages: Any, images: int = 0, **fields: Any) -> RequestSize:
    body = {"model": "m", "messages": messages, "tools": TOOLS, **fields}
    return RequestSize(body=json.dumps(body).encode(), images=images)


def size(*turns: Any) -> int:
    """Return the bytes of turns in a body, with a comma and a space after each."""
    return sum(len(json.dumps(turn)) + 2 for turn in turns)


def learn(
    request_size: RequestSize, tokens: int, context_limit: int | None = None
) -> PromptEstimator:
    estimator = PromptEstimator(context_limit=context_limit)
    estimator.learn(request_size, Tokens(input=tokens - 600, cached=500, written=100, output=77))
    return estimator


def known(tokens: int, *turns: Any) -> int:
    """Return the bound of a request that adds ``turns`` to one with so many ``tokens``."""
    return tokens + size(*turns) + TURN_TOKENS * (1 + len(turns))


def test_a_conversation_that_goes_on_counts_by_what_is_new() -> None:
    estimator = learn(make_size(USER), 3500)
    assert estimator.bound(make_size(USER)) == known(3500)
    assert estimator.bound(make_size(USER, CALL, RESULT)) == known(3500, CALL, RESULT)
    short = RequestSize(body=b'{"messages": []}')
    assert estimator.bound(short) == FRAME_TOKENS + len(short.body)


def test_another_conversation_counts_by_what_is_not_said_in_all() -> None:
    """The tools and the system's words are in a count, and every cluster sends them."""
    system, other = {"role": "system", "content": "s" * 4000}, {"role": "user", "content": "x"}
    estimator = learn(make_size(system, USER), 5000)
    assert estimator.bound(make_size(system, other)) == known(5000, other)
    estimator.learn(make_size(system, USER, CALL, RESULT), Tokens(input=5100))
    assert estimator.bound(make_size(system, other)) == known(5000, other)
    shorter = make_size(system, {"role": "user", "content": "yyy"})
    estimator.learn(shorter, Tokens(input=2600))
    assert estimator.bound(make_size(system, other)) == known(2600, other)


def test_what_follows_the_models_first_turn_is_not_known_elsewhere() -> None:
    """A provider may leave old thoughts out of one conversation and count them in another."""
    estimator = learn(make_size(USER, CALL, USER), 9000)
    assert estimator.bound(make_size(USER, CALL, RESULT)) == known(9000, CALL, RESULT)


def test_a_conversation_without_a_question_says_nothing_of_others() -> None:
    """There the provider may leave out even the tools."""
    after = make_size(USER)
    assert learn(make_size(CALL), 900).bound(after) == FRAME_TOKENS + len(after.body)


def test_the_answers_limit_and_the_key_of_a_cache_are_not_read() -> None:
    estimator = learn(make_size(USER, max_tokens=9000, prompt_cache_key="ses_1"), 3500)
    assert estimator.bound(make_size(USER, max_tokens=1, prompt_cache_key="ses_2")) == known(3500)


def test_marks_for_the_cache_may_move_on() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}

    def marked(turn: dict[str, Any]) -> dict[str, Any]:
        return {**turn, "content": [{**part, **mark} for part in turn["content"]]}

    system = [{"type": "text", "text": "s", **mark}]
    estimator = learn(make_size(USER, marked(CALL), system=system), 3500)
    request_size = make_size(USER, CALL, marked(RESULT), system=system)
    assert estimator.bound(request_size) == known(3500, RESULT)


def test_the_last_conversations_are_remembered() -> None:
    estimator = learn(make_size(USER), 3500)
    for number in range(63):
        estimator.learn(make_size({"content": f"title {number}" * 99}, tools=[]), Tokens(input=900))
    assert estimator.bound(make_size(USER)) == known(3500)
    estimator.learn(make_size({"content": "one more"}, tools=[]), Tokens(input=900))
    assert estimator.bound(make_size(USER)) == FRAME_TOKENS + len(make_size(USER).body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (make_size(USER, tool_choice="none"), make_size(USER, tool_choice="auto")),
        (make_size(USER, model="small"), make_size(USER)),
        (make_size(USER, context_management={}), make_size(USER, CALL, context_management={})),
        (make_size(USER, truncation="auto"), make_size(USER, CALL, truncation="auto")),
        (RequestSize(body=b"{" + b"x" * 9000), RequestSize(body=b"{" + b"x" * 9001)),
    ],
    ids=[
        "tools count now",
        "another model",
        "what the provider left out",
        "what it cut off",
        "no json",
    ],
)
def test_what_was_not_only_continued_counts_by_the_byte(
    before: RequestSize, after: RequestSize
) -> None:
    """A sandbox may hide text where the provider does not count it, and uncover it later."""
    assert learn(before, 2500).bound(after) == FRAME_TOKENS + len(after.body)


def test_what_a_provider_passed_over_is_not_forgotten() -> None:
    request_size = make_size(USER)
    least = len(request_size.body) // 10
    assert learn(request_size, 700).bound(request_size) == known(least)


def test_only_new_images_count_at_their_most() -> None:
    estimator = learn(make_size(USER, images=1), 3500)
    request_size = make_size(USER, CALL, images=3)
    assert estimator.bound(request_size) == known(3500, CALL) + 2 * IMAGE_TOKENS
    other = make_size({"role": "user", "content": "look"}, images=3)
    most = FRAME_TOKENS + len(other.body) + 3 * IMAGE_TOKENS
    assert estimator.bound(other) == min(
        most, known(3500, {"role": "user", "content": "look"}) + 3 * IMAGE_TOKENS
    )


def test_a_catalogue_that_knows_too_low_a_limit_is_corrected() -> None:
    request_size = RequestSize(body=b"x" * 50_000)
    assert learn(request_size, 12_000, context_limit=8000).bound(request_size) == 12_000


def test_a_bound_that_was_passed_is_raised_for_all_conversations() -> None:
    first, other = make_size(USER), make_size(CALL, tools=[])
    estimator = PromptEstimator()
    bound = FRAME_TOKENS + len(first.body)
    estimator.learn(first, Tokens(input=2 * bound))
    assert estimator.bound(other) == 2 * (FRAME_TOKENS + len(other.body))
    assert estimator.bound(make_size(USER, CALL)) == 2 * (
        FRAME_TOKENS + len(make_size(USER, CALL).body)
    )
    estimator.learn(other, Tokens(input=300))  # is not lowered again
    assert estimator.bound(first) == 2 * bound


def test_a_run_has_one_estimator_for_each_model() -> None:
    estimators = PromptEstimators()
    first = estimators.find("https://a/v1", "m", context_limit=None)
    assert estimators.find("https://a/v1", "m", context_limit=None) is first
    assert estimators.find("https://b/v1", "m", context_limit=None) is not first
    assert estimators.find("https://a/v1", "n", context_limit=None) is not first


def test_no_prompt_is_longer_than_the_model_takes() -> None:
    estimator = PromptEstimator(context_limit=8000)
    assert estimator.bound(RequestSize(body=b"x" * 500)) == FRAME_TOKENS + 500
    assert estimator.bound(RequestSize(body=b"x" * 50_000)) == 8000


def test_a_document_may_be_as_long_as_the_model_takes() -> None:
    request_size = RequestSize(body=b"x", is_measurable=False)
    assert PromptEstimator().bound(request_size) is None
    assert PromptEstimator(context_limit=8000).bound(request_size) == 8000


roles = st.sampled_from(["system", "user", "user", "assistant", "tool"])
turns = st.lists(
    st.fixed_dictionaries({"role": roles, "content": st.text(max_size=30)}), max_size=5
)
worlds = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**16),
        "frame": st.integers(0, FRAME_TOKENS),
        "turn": st.integers(0, TURN_TOKENS),
    }
)


def count(world: dict[str, int], request_size: RequestSize) -> int:
    """Count like a provider whose tokenizer has another density for every text.

    It drops the thoughts of old turns: those of the model count only after the last question.
    """
    body = json.loads(request_size.body)
    messages = body.pop("messages")
    asked = max((place for place, one in enumerate(messages) if one["role"] == "user"), default=0)
    said = [
        one
        for place, one in enumerate(messages)
        if place >= asked or one["role"] not in ("assistant", "tool")
    ]

    def weigh(value: Any) -> int:
        data = json.dumps(value)
        return random.Random(f"{world['seed']} {data}").randint(0, len(data))

    return world["frame"] + weigh(body) + sum(weigh(one) + world["turn"] for one in said)


@given(world=worlds, conversations=st.lists(turns, min_size=1, max_size=4), data=st.data())
def test_the_learned_bound_stays_an_upper_bound(
    world: dict[str, int], conversations: list[list[dict[str, str]]], data: st.DataObject
) -> None:
    """However dense each text is, no count of any order of requests passes its bound."""
    estimator = PromptEstimator()
    for _ in range(8):
        chosen = data.draw(st.sampled_from(conversations))
        length = data.draw(st.integers(0, len(chosen)))
        mixed = data.draw(st.sampled_from(conversations))[: data.draw(st.integers(0, 2))]
        request_size = make_size(*mixed, *chosen[:length])
        counted = count(world, request_size)
        bound = estimator.bound(request_size)
        assert bound is not None
        assert counted <= bound
        estimator.learn(request_size, Tokens(input=counted))


@given(factor=st.floats(1, 20), conversations=st.lists(turns, min_size=1, max_size=5))
def test_a_denser_tokenizer_passes_each_bound_once_at_most(
    factor: float, conversations: list[list[dict[str, str]]]
) -> None:
    """The same request never passes its bound again, where even the bytes are passed."""
    estimator = PromptEstimator()
    for conversation in conversations:
        request_size = make_size(*conversation)
        counted = int((FRAME_TOKENS + len(request_size.body)) * factor)
        estimator.learn(request_size, Tokens(input=counted))
        bound = estimator.bound(request_size)
        assert bound is not None
        assert counted <= bound


@pytest.mark.parametrize(
    ("tokens", "events", "expected"),
    [
        (Tokens(input=250, output=3), 10, True),
        (Tokens(input=50, cached=150, written=50, output=3), 10, True),
        (Tokens(input=249, output=3), 10, False),
        (Tokens(input=0, output=0), 0, False),
        (Tokens(input=2500, output=9), 400, False),
        (Tokens(input=2500, output=10), 400, True),
    ],
    ids=str,
)
def test_counts_that_are_too_low_to_be_true(tokens: Tokens, events: int, expected: object) -> None:
    request_size = RequestSize(body=b"x" * 10_000)
    assert is_plausible(request_size, tokens, events=events) is expected


def test_images_have_bytes_that_are_no_text() -> None:
    request_size = RequestSize(body=b"x" * 1_000_000, images=1)
    assert is_plausible(request_size, Tokens(input=2000, output=1), events=1)
    assert not is_plausible(request_size, Tokens(output=1), events=1)
