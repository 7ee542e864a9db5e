"""Bodies of all four protocols: the agent's real ones, and ways out of the sandbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pytest_agentfix.gateway.providers.registry import (
    ANTHROPIC,
    COMPATIBLE,
    GOOGLE,
    OPENAI,
    ProviderRow,
    WireProtocol,
)
from tests.kits.gateway_kit import MODEL

ROWS: Mapping[WireProtocol, ProviderRow] = {
    WireProtocol.CHAT: COMPATIBLE,
    WireProtocol.RESPONSES: OPENAI,
    WireProtocol.MESSAGES: ANTHROPIC,
    WireProtocol.GENERATE: GOOGLE,
}

DATA = "AAAA"
IMAGE = f"data:image/png;base64,{DATA}"
PDF = f"data:application/pdf;base64,{DATA}"
ELSEWHERE = "https://models.example/x.png"
SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "id": "Edit",
    "type": "object",
    "properties": {"url": {"type": "string"}, "id": {"$ref": "#/$defs/id"}, "$ref": {}},
    "$defs": {"id": {"type": "string"}},
}
# Each would make some validator fetch a document.
FOREIGN_SCHEMAS = {
    "reference": {"$ref": ELSEWHERE},
    "nested reference": {"properties": {"a": {"anyOf": [{}, {"$ref": f"{ELSEWHERE}#/a"}]}}},
    "relative reference": {"$ref": "x.json"},
    "reference without a scheme": {"$dynamicRef": "//models.example/x"},
    "recursive reference": {"$recursiveRef": "file:///etc/passwd"},
    "id": {"$id": ELSEWHERE, "$ref": "#/a"},
    "old id": {"items": {"id": ELSEWHERE, "$ref": "#a"}},
    "other language": {"$schema": ELSEWHERE},
    "almost the language": {"$schema": "https://json-schema.org.evil.example/draft"},
}
FUNCTION = {"type": "function", "function": {"name": "edit", "parameters": SCHEMA}}
LOOKS_ODD = {"type": "image", "file_id": "f", "url": ELSEWHERE, "fileUri": "gs://x"}

# These pass unchanged. They are OpenCode's own, shortened.
GOOD: Mapping[WireProtocol, dict[str, Any]] = {
    WireProtocol.CHAT: {
        "model": MODEL,
        "messages": [
            {
                "role": "system",
                "content": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
            },
            {"role": "user", "content": f"see {ELSEWHERE} and file_id: x"},
            {
                "role": "assistant",
                "content": None,
                "reasoning": "r",
                "reasoning_content": "r",
                "reasoning_details": [{"type": "reasoning.text", "text": "r", "signature": "s"}],
                "tool_calls": [
                    {
                        "id": "call_0",
                        "type": "function",
                        "function": {"name": "edit", "arguments": '{"file_id": "x"}'},
                        "extra_content": {"google": {"thought_signature": "s"}},
                    }
                ],
            },
            {"role": "tool", "tool_call_id": "call_0", "name": "edit", "content": ELSEWHERE},
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": IMAGE}},
                    {"type": "image_url", "image_url": IMAGE},
                    {"type": "file", "file": {"filename": "a.pdf", "file_data": PDF}},
                    {"type": "document_url", "document_url": PDF},
                    {"type": "thinking", "thinking": [{"type": "text", "text": "t"}]},
                ],
            },
        ],
        "tools": [FUNCTION],
        "tool_choice": "auto",
        "stream": True,
        "stream_options": {"include_usage": True},
        "usage": {"include": True},
        "max_tokens": 16_000,
        "max_completion_tokens": 16_000,
        "temperature": 1,
        "top_p": 0.95,
        "top_k": 64,
        "reasoning": {"effort": "high", "max_tokens": 2000},
        "reasoning_effort": "high",
        "verbosity": "low",
        "thinking": {"type": "enabled", "clear_thinking": False},
        "enable_thinking": True,
        "chat_template_args": {"enable_thinking": True},
        "parallel_tool_calls": True,
        "prompt_cache_key": "ses_1",
        "service_tier": "flex",
        "store": False,
        "response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}},
    },
    WireProtocol.RESPONSES: {
        "model": MODEL,
        "input": [
            {"role": "developer", "content": "s"},
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": ELSEWHERE},
                    {"type": "input_image", "image_url": IMAGE},
                    {"type": "input_file", "filename": "a.pdf", "file_data": PDF},
                ],
            },
            {
                "type": "reasoning",
                "encrypted_content": "e",
                "summary": [{"type": "summary_text", "text": "t"}],
            },
            {"role": "assistant", "content": [{"type": "output_text", "text": "t"}]},
            {"type": "function_call", "call_id": "c", "name": "edit", "arguments": '{"a": 1}'},
            {"type": "function_call_output", "call_id": "c", "output": ELSEWHERE},
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_image", "image_url": IMAGE}],
            },
        ],
        "instructions": "i",
        "max_output_tokens": 32_000,
        "text": {"verbosity": "low"},
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "ses_1",
        "reasoning": {"effort": "high", "summary": "auto"},
        "parallel_tool_calls": True,
        "tools": [
            {"type": "function", "name": "bash", "parameters": SCHEMA, "strict": False},
            {"type": "custom", "name": "apply_patch", "format": {"type": "text"}},
        ],
        "tool_choice": {"type": "function", "name": "bash"},
        "stream": True,
    },
    WireProtocol.MESSAGES: {
        "model": MODEL,
        "max_tokens": 32_000,
        "thinking": {
            "type": "enabled",
            "budget_tokens": 16_000,
            "display": "summarized",
            "block_binding": {"prefix_mismatch_behavior": "drop_block"},
        },
        "output_config": {"effort": "high"},
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "t", "signature": "s"},
                    {"type": "redacted_thinking", "data": "x"},
                    {"type": "tool_use", "id": "t", "name": "edit", "input": LOOKS_ODD},
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "t",
                        "content": [
                            {"type": "text", "text": ELSEWHERE},
                            {
                                "type": "image",
                                "source": {
                                    "type": "base64",
                                    "media_type": "image/png",
                                    "data": DATA,
                                },
                            },
                            {
                                "type": "document",
                                "source": {
                                    "type": "base64",
                                    "media_type": "application/pdf",
                                    "data": DATA,
                                },
                            },
                        ],
                        "cache_control": {"type": "ephemeral"},
                    }
                ],
            },
        ],
        "tools": [{"name": "edit", "input_schema": SCHEMA}, {"type": "custom", "name": "bash"}],
        "tool_choice": {"type": "auto"},
        "context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]},
        "service_tier": "standard_only",
        "stream": True,
    },
    WireProtocol.GENERATE: {
        "generationConfig": {
            "maxOutputTokens": 32_000,
            "temperature": 1,
            "topK": 64,
            "topP": 0.95,
            "thinkingConfig": {"thinkingBudget": 31_999, "includeThoughts": True},
        },
        "contents": [
            {"role": "user", "parts": [{"text": "gs://x"}]},
            {
                "role": "model",
                "parts": [
                    {"text": "t", "thought": True},
                    {
                        "functionCall": {"name": "edit", "args": LOOKS_ODD},
                        "thoughtSignature": "s",
                    },
                ],
            },
            {
                "role": "user",
                "parts": [
                    {
                        "functionResponse": {
                            "name": "edit",
                            "response": {"name": "edit", "content": ELSEWHERE},
                            "parts": [{"inlineData": {"mimeType": "image/png", "data": DATA}}],
                        }
                    }
                ],
            },
        ],
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "edit", "parameters": SCHEMA}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "AUTO"}},
    },
}


def _say(part: dict[str, Any], field: str = "messages") -> dict[str, Any]:
    return {field: [{"role": "user", "content": [part]}]}


def _part(part: dict[str, Any]) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [part]}]}


def _item(item: dict[str, Any]) -> dict[str, Any]:
    return {"input": [item]}


def _result(part: dict[str, Any]) -> dict[str, Any]:
    return _say({"type": "tool_result", "tool_use_id": "t", "content": [part]})


def _source(kind: str, **source: Any) -> dict[str, Any]:
    return {"type": kind, "source": source}


# Changes to a good body that would run something at the provider, make it fetch, or reach data
# that was never in the sandbox; each is refused with 403.
WAYS_OUT: Mapping[WireProtocol, Mapping[str, dict[str, Any]]] = {
    WireProtocol.CHAT: {
        **{
            f"tool {kind}": {"tools": [FUNCTION, {"type": kind}]}
            for kind in (
                *("web_search", "web_search_preview", "code_interpreter", "file_search", "mcp"),
                *("image_generation", "computer_use", "local_shell", "browser_search"),
                *("live_search", "openrouter:web_search", "namespace"),
            )
        },
        "tool without a type": {"tools": [{"function": {"name": "edit"}}]},
        "tool of an odd type": {"tools": [{"type": ["function"]}]},
        "builtin": {"tools": [{"type": "builtin_function", "function": {"name": "$web_search"}}]},
        **{
            f"{name} as a function": {"tools": [{"type": "function", "function": {"name": name}}]}
            for name in ("$web_search", "openrouter:web_search", "browser.search", "a/b", "")
        },
        **{
            f"schema with {what}": {
                "tools": [{"type": "function", "function": {"name": "edit", "parameters": schema}}]
            }
            for what, schema in FOREIGN_SCHEMAS.items()
        },
        "foreign schema of the answer": {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": FOREIGN_SCHEMAS["reference"]},
            }
        },
        "choice of a hosted tool": {"tool_choice": {"type": "web_search"}},
        "choice of a set": {"tool_choice": {"type": "allowed_tools", "tools": []}},
        "choice by a word": {"tool_choice": "web_search"},
        **{
            name: {name: value}
            for name, value in {
                "web_search_options": {},
                "search_parameters": {"mode": "auto"},
                "plugins": [{"id": "web"}],
                "models": ["other"],
                "route": "fallback",
                "fallbacks": ["other"],
                "mcp_servers": [{"url": ELSEWHERE}],
                "container": "c",
                "background": True,
                "conversation": "conv_1",
                "previous_response_id": "resp_1",
                "prompt": {"id": "pmpt_1"},
                "preset": "p",
                "documents": [{"url": ELSEWHERE}],
                "enable_search": True,
                "web_search": {},
                "compound_custom": {"tools": {"enabled_tools": ["web_search"]}},
            }.items()
        },
        "two answers": {"n": 2},
        "as good as one answer": {"n": True},
        "best of": {"best_of": 3},
        "image elsewhere": _say({"type": "image_url", "image_url": {"url": ELSEWHERE}}),
        "image as text elsewhere": _say({"type": "image_url", "image_url": ELSEWHERE}),
        "image in a file": _say({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}),
        "not quite data": _say({"type": "image_url", "image_url": {"url": " data:image/png,x"}}),
        "data that is none": _say(
            {"type": "image_url", "image_url": {"url": f"{IMAGE} {ELSEWHERE}"}}
        ),
        "drawing": _say(
            {"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,AAAA"}}
        ),
        "drawing in capitals": _say(
            {"type": "image_url", "image_url": {"url": "data:image/SVG+xml;base64,AAAA"}}
        ),
        "drawing by another name": _say(
            {"type": "image_url", "image_url": {"url": "data:image/x-svg;base64,AAAA"}}
        ),
        "url beside text": _say({"type": "text", "text": "t", "image_url": ELSEWHERE}),
        "video elsewhere": _say({"type": "video_url", "video_url": {"url": ELSEWHERE}}),
        "document elsewhere": _say({"type": "document_url", "document_url": ELSEWHERE}),
        "stored file": _say({"type": "file", "file": {"file_id": "f"}}),
        "file elsewhere": _say({"type": "file", "file": {"file_data": ELSEWHERE}}),
        "unknown part": _say({"type": "something"}),
        "part without a type": _say({"text": "t"}),
        "part in a thought": _say(
            {"type": "thinking", "thinking": [{"type": "image_url", "image_url": ELSEWHERE}]}
        ),
    },
    WireProtocol.RESPONSES: {
        **{
            f"tool {kind}": {"tools": [{"type": kind}]}
            for kind in (
                *("web_search", "web_search_preview", "web_search_2025_08_26", "file_search"),
                *("code_interpreter", "computer", "computer_use_preview", "image_generation"),
                *("mcp", "local_shell", "shell", "apply_patch", "tool_search", "namespace"),
            )
        },
        "foreign schema": {
            "tools": [
                {"type": "function", "name": "edit", "parameters": FOREIGN_SCHEMAS["reference"]}
            ]
        },
        "foreign schema of the answer": {
            "text": {
                "format": {"type": "json_schema", "name": "a", "schema": FOREIGN_SCHEMAS["id"]}
            }
        },
        "choice of a hosted tool": {"tool_choice": {"type": "file_search"}},
        "choice of a server": {"tool_choice": {"type": "mcp", "server_label": "s"}},
        **{
            name: {name: value}
            for name, value in {
                "background": True,
                "conversation": {"id": "conv_1"},
                "previous_response_id": "resp_1",
                "prompt": {"id": "pmpt_1"},
                "models": ["other"],
                "plugins": [{"id": "web"}],
                "container": "c",
            }.items()
        },
        **{
            f"item {kind}": _item({"type": kind, "id": "x_1"})
            for kind in (
                *("item_reference", "web_search_call", "mcp_call", "mcp_approval_response"),
                *("file_search_call", "code_interpreter_call", "computer_call_output"),
                *("local_shell_call", "image_generation_call", "compaction"),
            )
        },
        "stored file": _say({"type": "input_file", "file_id": "f"}, "input"),
        "file elsewhere": _say({"type": "input_file", "file_url": ELSEWHERE}, "input"),
        "image elsewhere": _say({"type": "input_image", "image_url": ELSEWHERE}, "input"),
        "stored image": _say({"type": "input_image", "file_id": "f"}, "input"),
        "image elsewhere in a result": _item(
            {
                "type": "function_call_output",
                "call_id": "c",
                "output": [{"type": "input_image", "image_url": ELSEWHERE}],
            }
        ),
        "unknown part": _say({"type": "something"}, "input"),
    },
    WireProtocol.MESSAGES: {
        **{
            f"tool {kind}": {"tools": [{"type": kind, "name": "x"}]}
            for kind in (
                *("web_search_20250305", "web_search_20260209", "web_fetch_20250910"),
                *("code_execution_20250825", "computer_20250124", "bash_20250124"),
                *("text_editor_20250728", "memory_20250818", "mcp_toolset"),
                *("tool_search_tool_regex_20251119", "advisor_20260301"),
            )
        },
        "foreign schema": {
            "tools": [{"name": "edit", "input_schema": FOREIGN_SCHEMAS["nested reference"]}]
        },
        "foreign schema of the answer": {
            "output_config": {
                "format": {"type": "json_schema", "schema": FOREIGN_SCHEMAS["reference"]}
            }
        },
        "choice of a hosted tool": {"tool_choice": {"type": "web_search"}},
        **{
            name: {name: value}
            for name, value in {
                "mcp_servers": [{"url": ELSEWHERE}],
                "container": {"skills": [{"type": "anthropic", "skill_id": "pdf"}]},
                "skills": ["pdf"],
                "fallbacks": [{"model": "other"}],
            }.items()
        },
        "image elsewhere": _say(_source("image", type="url", url=ELSEWHERE)),
        "stored image": _say(_source("image", type="file", file_id="f")),
        "url beside data": _say(
            _source("image", type="base64", media_type="image/png", data=DATA, url=ELSEWHERE)
        ),
        "document elsewhere": _say(_source("document", type="url", url=ELSEWHERE)),
        "url as data": _say(
            _source("document", type="base64", media_type="application/pdf", data=ELSEWHERE)
        ),
        "image elsewhere in a result": _result(_source("image", type="url", url=ELSEWHERE)),
        "stored file in a result": _result(_source("document", type="file", file_id="f")),
        "system elsewhere": {"system": [_source("image", type="url", url=ELSEWHERE)]},
        **{
            f"part {kind}": _say({"type": kind})
            for kind in (
                *("container_upload", "server_tool_use", "mcp_tool_use", "search_result"),
                *("web_search_tool_result", "compaction", "tool_reference", "something"),
            )
        },
    },
    WireProtocol.GENERATE: {
        **{
            f"tool {kind}": {"tools": [{"functionDeclarations": [], kind: {}}]}
            for kind in (
                *("googleSearch", "google_search", "googleSearchRetrieval", "urlContext"),
                *("codeExecution", "googleMaps", "enterpriseWebSearch", "retrieval"),
                *("computerUse", "fileSearch", "mcpServers", "something"),
            )
        },
        **{
            f"foreign schema as {name}": {
                "tools": [
                    {
                        "function_declarations": [
                            {"name": "edit", name: FOREIGN_SCHEMAS["reference"]}
                        ]
                    }
                ]
            }
            for name in ("parameters", "parameters_json_schema", "responseJsonSchema", "response")
        },
        **{
            f"foreign schema of the answer as {name}": {
                "generationConfig": {name: FOREIGN_SCHEMAS["old id"]}
            }
            for name in ("responseSchema", "response_json_schema")
        },
        "cachedContent": {"cachedContent": "cachedContents/x"},
        "cached_content": {"cached_content": "cachedContents/x"},
        "model": {"model": "models/other"},
        "routing": {"generationConfig": {"routingConfig": {"autoMode": {}}}},
        "two answers": {"generationConfig": {"candidateCount": 2}},
        "two answers in snake case": {"generationConfig": {"candidate_count": 2}},
        "file elsewhere": _part({"fileData": {"fileUri": "gs://x"}}),
        "file elsewhere in snake case": _part({"file_data": {"file_uri": ELSEWHERE}}),
        "uri beside data": _part({"inlineData": {"data": DATA, "fileUri": "gs://x"}}),
        "file elsewhere in a result": _part(
            {"functionResponse": {"name": "a", "parts": [{"fileData": {"fileUri": "gs://x"}}]}}
        ),
        "file elsewhere in the instruction": {
            "systemInstruction": {"parts": [{"fileData": {"fileUri": "gs://x"}}]}
        },
        "code that was run": _part({"executableCode": {"code": "1"}}),
    },
}
