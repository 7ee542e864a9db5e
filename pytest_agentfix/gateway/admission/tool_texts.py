"""Tells the model of the agent's tools in shorter words, the same in every request (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pytest_agentfix.core.tool_text import ToolText

# The field of a tool's schema, by protocol; Google's has two.
_SCHEMAS: Final = ("parameters", "parametersJsonSchema", "input_schema")


def shorten_tools(fields: dict[str, Any], texts: Mapping[str, ToolText]) -> None:
    """Replace the descriptions and schemas of the tools in ``texts``, in place.

    A tool whose parameters have other names than those in ``texts`` is another version of it, and
    keeps its own words. The agent checks its arguments itself, so a schema may say less.
    """
    for tool in _iter_tools(fields.get("tools")):
        name = tool.get("name")
        text = texts.get(name) if isinstance(name, str) else None
        field = next((name for name in _SCHEMAS if isinstance(tool.get(name), dict)), None)
        if text is None or field is None or tool.get("strict"):
            continue
        schema = tool[field]
        found = schema.get("properties")
        if isinstance(found, dict) and found.keys() == text.parameters.keys():
            tool["description"] = text.description
            tool[field] = {
                "type": "object",
                "properties": {name: dict(text.parameters[name]) for name in text.parameters},
                **({"required": schema["required"]} if "required" in schema else {}),
            }


def _iter_tools(tools: Any) -> Iterator[dict[str, Any]]:
    """Yield the objects that describe a tool, wherever the protocol has them."""
    for entry in tools if isinstance(tools, list) else []:
        if not isinstance(entry, dict):
            continue
        inner = entry.get("function", entry.get("functionDeclarations", entry))
        listed = inner if isinstance(inner, list) else [inner]
        yield from (one for one in listed if isinstance(one, dict))
