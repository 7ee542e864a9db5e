"""Upper bounds on the tokens of a prompt."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import Tokens
from pytest_agentfix.gateway.spending.token_estimate import (
    FRAME_TOKENS,
    IMAGE_TOKENS,
    PromptEstimator,
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


def test_a_conversation_that_goes_on_counts_by_what_is_new() -> None:
    estimator = learn(make_size(USER), 3500)
    assert estimator.bound(make_size(USER)) == FRAME_TOKENS + 3500
    assert estimator.bound(make_size(USER, CALL, RESULT)) == FRAME_TOKENS + 3500 + size(
        CALL, RESULT
    )
    short = RequestSize(body=b'{"messages": []}')
    assert estimator.bound(short) == FRAME_TOKENS + len(short.body)


def test_marks_for_the_cache_may_move_on() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}

    def marked(turn: dict[str, Any]) -> dict[str, Any]:
        return {**turn, "content": [{**part, **mark} for part in turn["content"]]}

    system = [{"type": "text", "text": "s", **mark}]
    estimator = learn(make_size(USER, marked(CALL), system=system), 3500)
    request_size = make_size(USER, CALL, marked(RESULT), system=system)
    assert estimator.bound(request_size) == FRAME_TOKENS + 3500 + size(RESULT)


def test_conversations_side_by_side_do_not_disturb_each_other() -> None:
    estimator = learn(make_size(USER), 3500)
    for number in range(7):
        estimator.learn(make_size({"content": f"title {number}" * 99}, tools=[]), Tokens(input=900))
    assert estimator.bound(make_size(USER)) == FRAME_TOKENS + 3500
    estimator.learn(make_size({"content": "one more"}, tools=[]), Tokens(input=900))
    assert estimator.bound(make_size(USER)) == FRAME_TOKENS + len(make_size(USER).body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (make_size(USER, CALL, USER), make_size(USER, CALL, RESULT)),
        (make_size(USER, CALL), make_size(CALL, USER)),
        (make_size(USER, CALL), make_size(USER)),
        (make_size(USER, tool_choice="none"), make_size(USER, tool_choice="auto")),
        (make_size(USER, model="small"), make_size(USER)),
        (make_size(USER, context_management={}), make_size(USER, CALL, context_management={})),
        (make_size(USER, truncation="auto"), make_size(USER, CALL, truncation="auto")),
        (RequestSize(body=b"{" + b"x" * 9000), RequestSize(body=b"{" + b"x" * 9001)),
    ],
    ids=[
        *("another last turn", "another order", "a turn less", "tools count now"),
        *("another model", "what the provider left out", "what it cut off", "no json"),
    ],
)
def test_what_was_not_only_continued_counts_by_the_byte(
    before: RequestSize, after: RequestSize
) -> None:
    """A sandbox may hide text where the provider does not count it, and uncover it later."""
    assert learn(before, 2500).bound(after) == FRAME_TOKENS + len(after.body)


def test_what_a_provider_passed_over_is_not_forgotten() -> None:
    request_size = make_size(USER)
    assert (
        learn(request_size, 700).bound(request_size) == FRAME_TOKENS + len(request_size.body) // 10
    )


def test_only_new_images_count_at_their_most() -> None:
    estimator = learn(make_size(USER, images=1), 3500)
    request_size = make_size(USER, CALL, images=3)
    assert estimator.bound(request_size) == FRAME_TOKENS + 3500 + size(CALL) + 2 * IMAGE_TOKENS


def test_a_catalogue_that_knows_too_low_a_limit_is_corrected() -> None:
    request_size = RequestSize(body=b"x" * 50_000)
    assert learn(request_size, 12_000, context_limit=8000).bound(request_size) == 12_000


def test_no_prompt_is_longer_than_the_model_takes() -> None:
    estimator = PromptEstimator(context_limit=8000)
    assert estimator.bound(RequestSize(body=b"x" * 500)) == FRAME_TOKENS + 500
    assert estimator.bound(RequestSize(body=b"x" * 50_000)) == 8000


def test_a_document_may_be_as_long_as_the_model_takes() -> None:
    request_size = RequestSize(body=b"x", is_measurable=False)
    assert PromptEstimator().bound(request_size) is None
    assert PromptEstimator(context_limit=8000).bound(request_size) == 8000


texts = st.lists(st.text(max_size=20), max_size=4)


@given(old=texts, new=texts, is_longer=st.booleans())
def test_the_bound_holds_for_one_token_a_byte(
    *, old: list[str], new: list[str], is_longer: bool
) -> None:
    """If every byte is a token, the bound of any successor is at least its length."""
    first, second = (make_size(*turns) for turns in (old, [*old, *new] if is_longer else new))
    estimator = PromptEstimator()
    estimator.learn(first, Tokens(input=len(first.body)))
    bound = estimator.bound(second)
    assert bound is not None
    assert bound >= len(second.body)


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
