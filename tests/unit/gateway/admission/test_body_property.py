"""Whatever the policy admits has only known fields, a cap, and nothing to be fetched."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.gateway.admission.chat_body import CHAT
from pytest_agentfix.gateway.admission.generate_body import GENERATE
from pytest_agentfix.gateway.admission.json_body import parse_body
from pytest_agentfix.gateway.admission.messages_body import MESSAGES
from pytest_agentfix.gateway.admission.responses_body import RESPONSES
from pytest_agentfix.gateway.admission.rules import Admission, RefusedError, Request, admit
from pytest_agentfix.gateway.providers.registry import WireProtocol
from tests.kits.body_kit import DATA, ELSEWHERE, GOOD, IMAGE, ROWS, WAYS_OUT
from tests.kits.gateway_kit import MODEL, TOKEN, make_headers, make_upstream

LIMIT = 20_000
TABLES = {
    WireProtocol.CHAT: CHAT,
    WireProtocol.RESPONSES: RESPONSES,
    WireProtocol.MESSAGES: MESSAGES,
    WireProtocol.GENERATE: GENERATE,
}
# Fields whose JSON only the model and the agent's own tools read.
FREE = frozenset(
    {"parameters", "parametersJsonSchema", "input_schema", "input_examples", "schema", "args"}
    | {"response", "responseSchema", "responseJsonSchema", "format"}
)
MEDIA = ("url", "image_url", "video_url", "document_url", "file_url", "file_data", "uri", "fileUri")
REFERENCES = ("file_id", "fileId", "fileData", "cachedContent", "container", "previous_response_id")
INLINE = re.compile(r"(data:[^,]+;base64,)?[A-Za-z0-9+/=_-]*")

names = st.sampled_from(
    sorted(
        {*MEDIA, *REFERENCES, "type", "source", "data", "tools", "content", "parts", "role", "ttl"}
        | {"max_tokens", "max_output_tokens", "max_completion_tokens", "maxOutputTokens", "n"}
        | {"input", "text", "inlineData", "inline_data", "fileData", "file_data", "thinking"}
        | {"$ref", "$id", "$schema", "$dynamicRef", "properties"}
        | {"budget_tokens", "service_tier", "speed", "store", "googleSearch", "something"}
        | {name for table in TABLES.values() for name in table}
    )
)
leaves = st.one_of(
    st.sampled_from([ELSEWHERE, IMAGE, DATA, "gs://x", "text", "function", "image", "ephemeral"]),
    st.sampled_from([True, False, None, 0, 1, -1, 10**6, 10**19, 1.5, "\u20ac", "\ud800"]),
    st.text(max_size=5),
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
changes = st.lists(st.tuples(st.integers(0, 10**6), names, values), max_size=4)


def holders_of(value: Any) -> Iterator[Any]:
    """Return all lists and objects in ``value``."""
    if isinstance(value, (dict, list)):
        yield value
        for entry in value.values() if isinstance(value, dict) else value:
            yield from holders_of(entry)


def spoil(protocol: WireProtocol, made: list[tuple[int, str, Any]], way_out: int) -> dict[str, Any]:
    """Return a good body with ``made`` in it somewhere, and perhaps one of the ways out."""
    ways = [{}, *WAYS_OUT[protocol].values()]
    body: dict[str, Any] = copy.deepcopy({**GOOD[protocol], **ways[way_out % len(ways)]})
    for where, name, value in made:
        holders = list(holders_of(body))
        holder = holders[where % len(holders)]
        if isinstance(holder, dict):
            holder[name] = copy.deepcopy(value)
        else:
            holder.append(copy.deepcopy(value))
    return body


def pass_door(protocol: WireProtocol, body: dict[str, Any]) -> Admission | None:
    row = ROWS[protocol]
    request = Request(
        method="POST",
        target=row.build_target(MODEL),
        headers=[(name.lower(), value) for name, value in make_headers(row).items()],
        body=json.dumps(body).encode(),
    )
    try:
        return admit(request, make_upstream(row=row, output_limit=LIMIT), token=TOKEN)
    except RefusedError:
        return None


def find_fetched(value: Any) -> Iterator[str]:
    """Return the parts of ``value`` that the provider would fetch or look up."""
    if isinstance(value, list):
        for entry in value:
            yield from find_fetched(entry)
    elif isinstance(value, dict):
        for name, entry in value.items():
            is_inline = isinstance(entry, (dict, list)) or INLINE.fullmatch(str(entry or ""))
            if name in REFERENCES or (name in MEDIA and not is_inline):
                yield f"{name}: {entry}"
            is_argument = name == "input" and value.get("type") == "tool_use"
            if name not in FREE and not is_argument:
                yield from find_fetched(entry)


def find_foreign(body: dict[str, Any]) -> Iterator[str]:
    """Return the references of ``body``'s schemas to other documents."""
    for holder in holders_of(body.get("tools", [])):
        for name in ("$ref", "$id", "$dynamicRef"):
            value = holder.get(name) if isinstance(holder, dict) else None
            if isinstance(value, str) and "//" in value:
                yield f"{name}: {value}"


def caps_of(body: dict[str, Any]) -> list[Any]:
    config = body.get("generationConfig", {})
    names_of_caps = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    found = [body[name] for name in names_of_caps if name in body]
    return found + ([config["maxOutputTokens"]] if "maxOutputTokens" in config else [])


@settings(max_examples=3 * settings().max_examples)
@given(st.sampled_from(WireProtocol), changes, st.just(0) | st.integers(0, 100))
def test_whatever_passes_is_harmless(
    protocol: WireProtocol, made: list[tuple[int, str, Any]], way_out: int
) -> None:
    admission = pass_door(protocol, spoil(protocol, made, way_out))
    if admission is None:
        return

    assert admission.body.isascii()
    body = parse_body(admission.body)
    assert json.dumps(body).encode() == admission.body
    assert set(body) <= set(TABLES[protocol])
    caps = caps_of(body)
    # Names that not every provider knows, and thinking outside the answer, raise it.
    assert max(caps) <= admission.max_output <= max(caps) + 2 * LIMIT
    assert admission.model == MODEL
    assert all(type(cap) is int and 0 < cap <= LIMIT for cap in caps)
    assert list(find_fetched(body)) == []
    assert list(find_foreign(body)) == []
    assert (body.get("store", False), body.get("n"), "ttl" in body) == (False, None, False)


@given(st.sampled_from(WireProtocol), st.data())
def test_no_way_out_is_opened_by_what_stands_beside_it(
    protocol: WireProtocol, data: st.DataObject
) -> None:
    ways = list(WAYS_OUT[protocol].values())
    way_out = data.draw(st.integers(1, len(ways)))
    beside = data.draw(st.dictionaries(st.sampled_from(["something", "extra_body"]), values))

    body = {**spoil(protocol, [], way_out), **beside}

    assert pass_door(protocol, body) is None
