"""Answers cut to what a cap on spending leaves, in each protocol."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.admission.output_limits import (
    LEAST_OUTPUT,
    cut_output,
    find_least_output,
    limit_output,
)
from pytest_agentfix.gateway.admission.rules import Admission, cut_answer
from pytest_agentfix.gateway.providers.registry import (
    COMPATIBLE,
    PROVIDERS,
    WireProtocol,
    find_provider,
)
from tests.kits.body_kit import GOOD

LIMIT = 32_000
CAPS = {
    WireProtocol.CHAT: ("max_tokens",),
    WireProtocol.RESPONSES: ("max_output_tokens",),
    WireProtocol.MESSAGES: ("max_tokens",),
    WireProtocol.GENERATE: ("generationConfig", "maxOutputTokens"),
}


def read(body: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        body = body[name]
    return body


def cut(body: dict[str, Any], protocol: WireProtocol, most: int) -> dict[str, Any]:
    """Return ``body`` with its limits set, and then cut to ``most``."""
    found = copy.deepcopy(body)
    limit_output(found, protocol=protocol, limit=LIMIT)
    cut_output(found, protocol=protocol, most=most)
    return found


@pytest.mark.parametrize("most", [LEAST_OUTPUT, 2_000, 10_000])
@pytest.mark.parametrize("protocol", WireProtocol)
def test_the_limit_of_each_protocol_is_cut(protocol: WireProtocol, most: int) -> None:
    body = copy.deepcopy(GOOD[protocol])
    body.pop("enable_thinking", None)
    assert read(cut(body, protocol, most), CAPS[protocol]) == most


@pytest.mark.parametrize("protocol", WireProtocol)
def test_nothing_else_is_changed(protocol: WireProtocol) -> None:
    plain = {"model": "m", "messages": [{"role": "user", "content": "é"}], "tools": [{"a": 1}]}
    found = cut(plain, protocol, 5_000)
    assert {name: found.pop(name) for name in plain} == plain
    assert found.popitem()[0] == CAPS[protocol][0]
    assert not found


@pytest.mark.parametrize("row", [*PROVIDERS, COMPATIBLE], ids=lambda row: row.name)
def test_every_provider_has_a_limit_that_can_be_cut(row: Any) -> None:
    name = "max_completion_tokens" if row.has_completion_cap else "max_tokens"
    body = {name: 16_000} if row.protocol is WireProtocol.CHAT else {}
    limits: dict[str, Any] = {
        "protocol": row.protocol,
        "has_completion_cap": row.has_completion_cap,
    }
    most = limit_output(body, limit=LIMIT, **limits)
    assert find_least_output(body, most=most, **limits) == LEAST_OUTPUT
    cut_output(body, protocol=row.protocol, most=3_000)
    assert limit_output(body, limit=LIMIT, **limits) == 3_000


def test_xai_is_known_to_apply_the_newer_name() -> None:
    xai = find_provider("xai")
    assert xai is not None
    assert xai.has_completion_cap
    assert not COMPATIBLE.has_completion_cap


def test_a_limit_that_may_not_be_applied_is_not_relied_on() -> None:
    """A provider that does not know the newer name answers at any length."""
    body = {"max_completion_tokens": 9_000}
    most = limit_output(body, protocol=WireProtocol.CHAT, limit=LIMIT)
    assert find_least_output(body, protocol=WireProtocol.CHAT, most=most) == most == LIMIT


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (
            {"enable_thinking": True, "thinking_budget": 9_000},
            {"enable_thinking": True, "thinking_budget": 1_250, "max_tokens": 2_500},
        ),
        (
            {"enable_thinking": True},
            {"enable_thinking": True, "thinking_budget": 1_250, "max_tokens": 2_500},
        ),
        (
            {"thinking_budget": 1_000, "max_tokens": 9_000},
            {"thinking_budget": 1_000, "max_tokens": 4_000},
        ),
    ],
)
def test_thinking_beside_the_answer_is_cut_with_it(
    given: dict[str, Any], kept: dict[str, Any]
) -> None:
    assert cut(given, WireProtocol.CHAT, 5_000) == kept


tokens = st.integers(1, 100_000)
budgets = st.integers(-1, 100_000)
BODIES: dict[WireProtocol, st.SearchStrategy[dict[str, Any]]] = {
    WireProtocol.CHAT: st.fixed_dictionaries(
        {},
        optional={
            "max_tokens": tokens,
            "max_completion_tokens": tokens,
            "enable_thinking": st.booleans(),
            "thinking_budget": budgets,
            "reasoning": st.fixed_dictionaries({"max_tokens": budgets}),
            "thinking": st.fixed_dictionaries({"budget_tokens": budgets}),
        },
    ),
    WireProtocol.RESPONSES: st.fixed_dictionaries({}, optional={"max_output_tokens": tokens}),
    WireProtocol.MESSAGES: st.fixed_dictionaries(
        {},
        optional={
            "max_tokens": tokens,
            "thinking": st.fixed_dictionaries({"budget_tokens": budgets}),
        },
    ),
    WireProtocol.GENERATE: st.fixed_dictionaries(
        {},
        optional={
            "generationConfig": st.fixed_dictionaries(
                {},
                optional={
                    "maxOutputTokens": tokens,
                    "thinkingConfig": st.fixed_dictionaries({"thinkingBudget": budgets}),
                },
            )
        },
    ),
}


@pytest.mark.parametrize("protocol", WireProtocol)
@given(data=st.data())
def test_a_cut_answer_has_at_most_what_is_left(protocol: WireProtocol, data: st.DataObject) -> None:
    body = data.draw(BODIES[protocol])
    most = limit_output(body, protocol=protocol, limit=LIMIT)
    least = find_least_output(body, protocol=protocol, most=most)
    assert 0 < least <= most
    left = data.draw(st.integers(least, most))
    if left == most:
        return  # nothing is cut
    cut_output(body, protocol=protocol, most=left)
    assert 0 < limit_output(body, protocol=protocol, limit=LIMIT) <= left


def test_a_request_is_written_anew_only_if_it_is_cut() -> None:
    body = {"model": "m", "messages": [{"role": "user", "content": "é"}], "max_tokens": 9_000}
    admission = Admission(
        url="u",
        headers=(),
        body=json.dumps(body).encode(),
        model="m",
        max_output=9_000,
        least_output=LEAST_OUTPUT,
    )
    assert cut_answer(admission, 9_000, WireProtocol.CHAT) is admission
    shorter = cut_answer(admission, 2_000, WireProtocol.CHAT)
    assert json.loads(shorter.body) == {**body, "max_tokens": 2_000}
    assert (shorter.max_output, shorter.model) == (2_000, "m")
