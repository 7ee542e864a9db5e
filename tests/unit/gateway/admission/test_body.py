"""The policy on bodies: known parts pass, ways out are refused, everything else is dropped."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from pytest_agentfix.gateway.admission.body import clean_body
from pytest_agentfix.gateway.admission.media_count import MediaCount, count_media
from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.providers.registry import WireProtocol
from tests.kits.body_kit import DATA, GOOD, PDF, WAYS_OUT

LIMIT = 32_000


def clean(protocol: WireProtocol, changes: dict[str, Any], *, limit: int = LIMIT) -> dict[str, Any]:
    """Return the admitted part of a good body with ``changes``."""
    body = {**copy.deepcopy(GOOD[protocol]), **changes}
    return clean_body(body, protocol=protocol, output_limit=limit).fields


def refusal_of(protocol: WireProtocol, changes: dict[str, Any]) -> tuple[int, str]:
    with pytest.raises(RefusedError) as caught:
        clean(protocol, changes)
    return caught.value.status, caught.value.message


@pytest.mark.parametrize("protocol", WireProtocol)
def test_what_opencode_sends_goes_on_unchanged(protocol: WireProtocol) -> None:
    assert clean(protocol, {}) == GOOD[protocol]


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(protocol, name) for protocol, cases in WAYS_OUT.items() for name in cases],
)
def test_ways_out_are_refused(protocol: WireProtocol, name: str) -> None:
    assert refusal_of(protocol, WAYS_OUT[protocol][name])[0] == 403


@pytest.mark.parametrize(
    ("protocol", "changes", "message"),
    [
        (WireProtocol.CHAT, {"plugins": [1]}, "'plugins' is not allowed here."),
        (
            WireProtocol.CHAT,
            {"tools": [{"type": "web_search"}]},
            "A tool of the type 'web_search' is not allowed here.",
        ),
        (
            WireProtocol.GENERATE,
            {"tools": [{"googleSearch": {}}]},
            "A tool of the type 'googleSearch' is not allowed here.",
        ),
        (
            WireProtocol.MESSAGES,
            {"messages": [{"content": [{"type": "x" * 1000 + "\n"}]}]},
            f"A content part of the type '{'x' * 59} is not allowed here.",
        ),
        (
            WireProtocol.RESPONSES,
            {"tool_choice": {"type": "mcp"}},
            "A tool choice of the type 'mcp' is not allowed here.",
        ),
    ],
)
def test_a_refusal_says_what_it_is_about(
    protocol: WireProtocol, changes: dict[str, Any], message: str
) -> None:
    assert refusal_of(protocol, changes) == (403, message)


@pytest.mark.parametrize(
    ("protocol", "changes"),
    [
        (WireProtocol.CHAT, {"messages": {}}),
        (WireProtocol.CHAT, {"messages": ["text"]}),
        (WireProtocol.CHAT, {"tools": "web_search"}),
        (WireProtocol.CHAT, {"tools": {"type": "mcp"}}),
        (WireProtocol.CHAT, {"reasoning": "high"}),
        (WireProtocol.MESSAGES, {"messages": [{"content": {"type": "text"}}]}),
        (WireProtocol.RESPONSES, {"input": {"type": "item_reference"}}),
        (WireProtocol.GENERATE, {"contents": {"parts": []}}),
        (WireProtocol.GENERATE, {"generation_config": {}}),
        (WireProtocol.GENERATE, {"generationConfig": {"topK": 1, "top_k": 2}}),
    ],
)
def test_other_forms_are_refused(protocol: WireProtocol, changes: dict[str, Any]) -> None:
    assert refusal_of(protocol, changes)[0] == 400


@pytest.mark.parametrize("protocol", WireProtocol)
def test_what_nobody_knows_stays_here(
    protocol: WireProtocol, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        found = clean(protocol, {"SomeNew\nthing": {"url": "https://x"}, "MODEL": "other"})

    assert found == GOOD[protocol]
    assert caplog.messages == ["left out of a request: 'SomeNew\\nthing', 'MODEL'"]


@pytest.mark.parametrize("protocol", WireProtocol)
def test_what_stays_here_cannot_fill_the_log(
    protocol: WireProtocol, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"{number:04}" + "x" * 1000 for number in range(1000)]
    with caplog.at_level("DEBUG"):
        clean(protocol, dict.fromkeys(names, 1))
        clean(protocol, {})

    said = ", ".join(f"'{name[:59]}" for name in names[:20])
    assert caplog.messages == [f"left out of a request: {said}"]


def test_a_refusal_does_not_quote_at_length() -> None:
    huge = [{"a": 1}] * 100_000

    assert refusal_of(WireProtocol.CHAT, {"tools": [{"type": huge}]}) == (
        403,
        "A tool of the type 'list' is not allowed here.",
    )


TOOL_NAMES = ["edit", "my-server_some-tool", "A" * 128, "0"]


@pytest.mark.parametrize("name", TOOL_NAMES, ids=range(len(TOOL_NAMES)))
def test_tools_of_the_agent_may_be_strict_and_have_dashes(name: str) -> None:
    tool = {
        "name": name,
        "description": "\u2028 \u05d0 \U0001f600 <script> \x1b",
        "parameters": {"enum": ["https://x", "\u00e9"], "additionalProperties": False},
        "strict": True,
    }
    changes = {
        "tools": [{"type": "function", "function": tool}],
        "tool_choice": {"type": "function", "function": {"name": name}},
    }

    assert clean(WireProtocol.CHAT, changes) == {**GOOD[WireProtocol.CHAT], **changes}


def test_edits_of_the_context_have_no_depth() -> None:
    edit = {
        "type": "clear_tool_uses_20250919",
        "trigger": {"type": "input_tokens", "value": 1000},
        "keep": {"type": "tool_uses", "value": 3},
        "clear_at_least": {"type": "input_tokens", "value": 5},
        "clear_tool_inputs": ["bash"],
        "exclude_tools": ["edit"],
    }
    odd = {**edit, "keep": {"type": [[1]], "value": 1, "new": {}}, "clear_tool_inputs": [{"a": 1}]}

    found = clean(WireProtocol.MESSAGES, {"context_management": {"edits": [edit, odd]}})

    del odd["clear_tool_inputs"]
    assert found["context_management"] == {"edits": [edit, {**odd, "keep": {"value": 1}}]}


def test_an_edit_of_another_form_is_refused() -> None:
    edit = {"type": "clear_tool_uses_20250919", "trigger": [[{}]]}

    assert refusal_of(WireProtocol.MESSAGES, {"context_management": {"edits": [edit]}})[0] == 400


DEAR: list[tuple[WireProtocol, dict[str, Any]]] = [
    *((protocol, {"service_tier": "priority"}) for protocol in WireProtocol),
    *((protocol, {"service_tier": {"type": "auto"}}) for protocol in WireProtocol),
    (WireProtocol.GENERATE, {"serviceTier": "SERVICE_TIER_PRIORITY"}),
    (WireProtocol.CHAT, {"prediction": {"type": "content", "content": "x"}}),
    (WireProtocol.CHAT, {"modalities": ["audio"], "audio": {"voice": "v"}}),
    (WireProtocol.CHAT, {"provider": {"data_collection": "allow", "sort": "throughput"}}),
    (WireProtocol.CHAT, {"prompt_cache_retention": "24h", "metadata": {"a": "b"}, "user": "u"}),
    (WireProtocol.CHAT, {"extra_body": {"google": {"cached_content": "x"}}, "transforms": []}),
    (WireProtocol.RESPONSES, {"prompt_cache_retention": "24h", "metadata": {}, "user": "u"}),
    (WireProtocol.MESSAGES, {"speed": "fast"}),
    (WireProtocol.MESSAGES, {"inference_geo": "us"}),
    (WireProtocol.MESSAGES, {"metadata": {"user_id": "u"}, "betas": ["fast-mode-2026-02-01"]}),
    (WireProtocol.GENERATE, {"labels": {"a": "b"}}),
]


@pytest.mark.parametrize(("protocol", "changes"), DEAR)
def test_what_costs_extra_is_left_out(protocol: WireProtocol, changes: dict[str, Any]) -> None:
    found = clean(protocol, changes)

    assert {name: found[name] for name in changes if name in found} == {}


@pytest.mark.parametrize(
    ("protocol", "name", "given", "left"),
    [
        (WireProtocol.MESSAGES, "cache_control", {"type": "ephemeral", "ttl": "1h"}, "plain"),
        (WireProtocol.MESSAGES, "cache_control", {"type": "persistent"}, "none"),
    ],
)
def test_caches_live_short(protocol: WireProtocol, name: str, given: Any, left: str) -> None:
    part = {"type": "text", "text": "t", name: given}
    changes = {
        name: given,
        "system": [part],
        "messages": [
            {
                "role": "user",
                "content": [
                    part,
                    {"type": "tool_result", "tool_use_id": "t", "content": [part], name: given},
                ],
            }
        ],
        "tools": [{"name": "edit", name: given}],
    }

    text = str(clean(protocol, changes))

    assert ("ttl" in text, "persistent" in text) == (False, False)
    assert text.count("'cache_control': {'type': 'ephemeral'}") == (6 if left == "plain" else 0)


def test_caches_live_short_in_chat_too() -> None:
    dear = {"type": "ephemeral", "ttl": "1h"}
    part = {"type": "text", "text": "t", "cache_control": dear}
    message = {"role": "tool", "content": [part], "cache_control": dear}
    tool = {"type": "function", "function": {"name": "edit"}, "cache_control": dear}

    found = clean(
        WireProtocol.CHAT, {"messages": [message], "tools": [tool], "cache_control": dear}
    )

    plain = {"type": "ephemeral"}
    assert found["messages"] == [
        {"role": "tool", "content": [{**part, "cache_control": plain}], "cache_control": plain}
    ]
    assert found["tools"] == [{**tool, "cache_control": plain}]
    assert "cache_control" not in found


def test_parts_keep_only_what_is_known() -> None:
    dear_edit = {"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 1}}
    found = clean(
        WireProtocol.MESSAGES,
        {
            "messages": [{"role": "user", "content": [{"type": "text", "text": "t", "new": 1}]}],
            "tools": [{"name": "edit", "allowed_callers": ["code_execution_20250825"]}],
            "output_config": {"effort": "high", "task_budget": {"total": 10**9}},
            "context_management": {"edits": [dear_edit, {"type": "clear_thinking_20251015"}]},
        },
    )

    assert found["messages"] == [{"role": "user", "content": [{"type": "text", "text": "t"}]}]
    assert found["tools"] == [{"name": "edit"}]
    assert found["output_config"] == {"effort": "high"}
    assert found["context_management"] == {"edits": [{"type": "clear_thinking_20251015"}]}


def test_items_of_responses_lose_their_ids() -> None:
    found = clean(
        WireProtocol.RESPONSES,
        {
            "input": [{"type": "reasoning", "id": "rs_1", "summary": []}],
            "include": ["reasoning.encrypted_content", "web_search_call.action.sources"],
            "reasoning": {"effort": "high", "mode": "pro"},
        },
    )

    assert found["input"] == [{"type": "reasoning", "summary": []}]
    assert found["include"] == ["reasoning.encrypted_content"]
    assert found["reasoning"] == {"effort": "high"}


@pytest.mark.parametrize("given_store", [None, True, False, "yes"])
@pytest.mark.parametrize("protocol", [WireProtocol.CHAT, WireProtocol.RESPONSES])
def test_nothing_is_stored(protocol: WireProtocol, given_store: object) -> None:
    found = clean(protocol, {"store": given_store})

    is_left_out = protocol is WireProtocol.CHAT and given_store is None
    assert found.get("store", "left out") == ("left out" if is_left_out else False)


@pytest.mark.parametrize(
    "off", [None, False, "", []], ids=["null", "false", "empty text", "empty list"]
)
def test_saying_no_to_what_is_refused_is_fine(off: object) -> None:
    assert clean(WireProtocol.CHAT, {"plugins": off, "background": off}) == GOOD[WireProtocol.CHAT]


def test_google_may_be_spoken_to_in_snake_case() -> None:
    body = {
        "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": DATA}}]}],
        "system_instruction": {"parts": [{"text": "s"}]},
        "generation_config": {"max_output_tokens": 99_999, "candidate_count": 1},
        "tools": [{"function_declarations": [{"name": "edit"}]}],
    }

    found = clean_body(body, protocol=WireProtocol.GENERATE, output_limit=LIMIT)

    assert (found.max_output, found.fields) == (
        LIMIT,
        {
            "contents": [{"parts": [{"inlineData": {"mimeType": "image/png", "data": DATA}}]}],
            "systemInstruction": {"parts": [{"text": "s"}]},
            "generationConfig": {"maxOutputTokens": LIMIT},
            "tools": [{"functionDeclarations": [{"name": "edit"}]}],
        },
    )


CAPS = {
    WireProtocol.CHAT: "max_tokens",
    WireProtocol.RESPONSES: "max_output_tokens",
    WireProtocol.MESSAGES: "max_tokens",
    WireProtocol.GENERATE: "maxOutputTokens",
}


def cap_with(protocol: WireProtocol, value: object, limit: int = LIMIT) -> tuple[object, int]:
    """Return the cap sent upstream and the one reported, for a body with only this cap."""
    caps = {CAPS[protocol]: value}
    body = {"generationConfig": caps} if protocol is WireProtocol.GENERATE else caps
    found = clean_body(body, protocol=protocol, output_limit=limit)
    holder = found.fields.get("generationConfig", found.fields)
    return holder[CAPS[protocol]], found.max_output


@pytest.mark.parametrize("protocol", WireProtocol)
@pytest.mark.parametrize(("given", "kept"), [(1, 1), (99, 99), (100, 100), (101, 100), (None, 100)])
def test_answers_are_capped(protocol: WireProtocol, given: object, kept: int) -> None:
    assert cap_with(protocol, given, limit=100) == (kept, kept)


@pytest.mark.parametrize("protocol", WireProtocol)
@pytest.mark.parametrize("given", [0, -1, True, 1.0, "10", [10], {"a": 1}], ids=repr)
def test_caps_that_are_none_are_refused(protocol: WireProtocol, given: object) -> None:
    with pytest.raises(RefusedError) as caught:
        cap_with(protocol, given)

    assert (caught.value.status, caught.value.message) == (
        400,
        f"'{CAPS[protocol]}' must be a positive whole number.",
    )


@pytest.mark.parametrize("protocol", WireProtocol)
def test_a_missing_cap_is_set(protocol: WireProtocol) -> None:
    found = clean_body({}, protocol=protocol, output_limit=100)

    assert found.fields.get("generationConfig", found.fields)[CAPS[protocol]] == 100
    assert found.max_output == 100


@pytest.mark.parametrize(
    ("given", "kept", "most"),
    [
        ({"max_completion_tokens": 999}, {"max_completion_tokens": 100}, 100),
        # A provider that does not know the newer name applies no cap.
        ({"max_completion_tokens": 7}, {"max_completion_tokens": 7}, 100),
        ({"max_tokens": 7}, {"max_tokens": 7}, 7),
        # Thinking that the cap on the answer does not cover.
        (
            {"max_tokens": 90, "enable_thinking": True, "thinking_budget": 40},
            {"max_tokens": 90, "enable_thinking": True, "thinking_budget": 40},
            130,
        ),
        (
            {"max_tokens": 90, "enable_thinking": True},
            {"max_tokens": 90, "enable_thinking": True},
            190,
        ),
        (
            {"max_tokens": 5, "max_completion_tokens": 999},
            {"max_tokens": 5, "max_completion_tokens": 100},
            100,
        ),
        (
            {"max_tokens": None, "max_completion_tokens": 7},
            {"max_completion_tokens": 7},
            100,
        ),
    ],
)
def test_chat_has_two_caps(given: dict[str, Any], kept: dict[str, Any], most: int) -> None:
    found = clean_body(given, protocol=WireProtocol.CHAT, output_limit=100)

    assert (found.fields, found.max_output) == (kept, most)


@pytest.mark.parametrize(
    ("cap", "budget", "kept"),
    [
        (32_000, 16_000, 16_000),
        (32_000, 31_999, 31_999),
        (63_999, 31_999, 16_000),
        (63_999, 9_000, 9_000),
        (8_000, 8_000, 4_000),
        (8_000, 99_000, 4_000),
        (1_500, 1_500, None),
        (1_500, 1, None),
    ],
)
def test_anthropics_thinking_fits_into_the_cap(cap: int, budget: int, kept: int | None) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}

    found = clean(WireProtocol.MESSAGES, {"max_tokens": cap, "thinking": thinking})

    expected = None if kept is None else {"type": "enabled", "budget_tokens": kept}
    assert (found["max_tokens"], found.get("thinking")) == (min(cap, LIMIT), expected)


def test_other_budgets_fit_too() -> None:
    chat = clean(
        WireProtocol.CHAT,
        {
            "max_tokens": 64_000,
            "max_completion_tokens": None,
            "reasoning": {"max_tokens": 63_000},
            "thinking": {"type": "enabled", "budget_tokens": 63_000},
            "thinking_budget": 63_000,
        },
    )
    config = {"maxOutputTokens": 10, "thinkingConfig": {"thinkingBudget": 10**6}}
    google = clean(WireProtocol.GENERATE, {"generationConfig": config})

    assert (chat["reasoning"], chat["thinking"]["budget_tokens"], chat["thinking_budget"]) == (
        {"max_tokens": 16_000},
        16_000,
        16_000,
    )
    assert google["generationConfig"]["thinkingConfig"] == {"thinkingBudget": 5}


@pytest.mark.parametrize("budget", [-2, True, 1.5, "x", {}], ids=repr)
def test_budgets_that_are_none_are_refused(budget: object) -> None:
    thinking = {"type": "enabled", "budget_tokens": budget}

    assert refusal_of(WireProtocol.MESSAGES, {"thinking": thinking}) == (
        400,
        "'budget_tokens' must be a whole number.",
    )


@pytest.mark.parametrize(
    ("protocol", "images", "is_measurable"),
    [
        (WireProtocol.CHAT, 2, False),
        (WireProtocol.RESPONSES, 2, False),
        (WireProtocol.MESSAGES, 1, False),
        (WireProtocol.GENERATE, 1, True),
    ],
)
def test_media_are_counted(protocol: WireProtocol, images: int, *, is_measurable: bool) -> None:
    assert count_media(clean(protocol, {}), protocol) == MediaCount(
        images=images, is_measurable=is_measurable
    )


TEXT_SOURCE = {"type": "text", "media_type": "text/plain", "data": "x"}


@pytest.mark.parametrize(
    ("protocol", "changes", "is_measurable"),
    [
        (
            WireProtocol.MESSAGES,
            {"messages": [{"content": [{"type": "document", "source": TEXT_SOURCE}]}]},
            True,
        ),
        (
            WireProtocol.GENERATE,
            {"contents": [{"parts": [{"inlineData": {"mimeType": "audio/wav", "data": DATA}}]}]},
            False,
        ),
        (
            WireProtocol.CHAT,
            {
                "messages": [
                    {"content": [{"type": "input_audio", "input_audio": {"data": DATA}}]},
                    {"content": [{"type": "file", "file": {"file_data": PDF}}]},
                ]
            },
            False,
        ),
        (WireProtocol.CHAT, {"messages": []}, True),
    ],
)
def test_only_text_and_images_can_be_measured(
    protocol: WireProtocol, changes: dict[str, Any], *, is_measurable: bool
) -> None:
    assert count_media(clean(protocol, changes), protocol) == MediaCount(
        images=0, is_measurable=is_measurable
    )
