"""The most tokens that a prompt can have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.spending.estimate import (
    FRAME_TOKENS,
    IMAGE_TOKENS,
    Load,
    PromptGauge,
    is_plausible,
)
from pytest_agentfix.model import Tokens


def test_unknown_text_counts_by_the_byte() -> None:
    gauge = PromptGauge()
    assert gauge.bound(Load(body=b"x" * 500)) == FRAME_TOKENS + 500
    assert gauge.bound(Load(body=b"x" * 500, images=2)) == FRAME_TOKENS + 500 + 2 * IMAGE_TOKENS


def test_a_conversation_that_goes_on_counts_by_what_is_new() -> None:
    gauge = PromptGauge()
    first, tail = b'{"messages":[' + b"a" * 9000, b'],"tools":[' + b"t" * 5000 + b"]}"
    gauge.learn(Load(body=first + tail), Tokens(input=1000, cached=2000, written=500, output=77))
    assert gauge.bound(Load(body=first + b"b" * 40 + tail)) == FRAME_TOKENS + 3500 + 40
    assert gauge.bound(Load(body=first)) == FRAME_TOKENS + 3500
    assert gauge.bound(Load(body=b"z" * 100)) == FRAME_TOKENS + 100  # by the byte is less


def test_no_prompt_is_longer_than_the_model_takes() -> None:
    gauge = PromptGauge(context_limit=8000)
    assert gauge.bound(Load(body=b"x" * 500)) == FRAME_TOKENS + 500
    assert gauge.bound(Load(body=b"x" * 50_000)) == 8000


def test_a_document_may_be_as_long_as_the_model_takes() -> None:
    load = Load(body=b"x", is_measurable=False)
    assert PromptGauge().bound(load) is None
    assert PromptGauge(context_limit=8000).bound(load) == 8000


@given(
    old=st.binary(max_size=300),
    front=st.integers(0, 300),
    middle=st.binary(max_size=50),
    back=st.integers(0, 300),
)
def test_the_bound_holds_for_one_token_a_byte(
    old: bytes, front: int, middle: bytes, back: int
) -> None:
    """Where every byte is a token, the bound of any successor is at least its length."""
    gauge = PromptGauge()
    gauge.learn(Load(body=old), Tokens(input=len(old)))
    new = old[:front] + middle + old[len(old) - min(back, len(old)) :]
    bound = gauge.bound(Load(body=new))
    assert bound is not None
    assert bound >= len(new)


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
    load = Load(body=b"x" * 10_000)
    assert is_plausible(load, tokens, events=events) is expected


def test_images_have_bytes_that_are_no_text() -> None:
    load = Load(body=b"x" * 1_000_000, images=1)
    assert is_plausible(load, Tokens(input=2000, output=1), events=1)
