"""Counts the media in an admitted body, to estimate its cost (pure)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.gateway.providers.protocols import WireProtocol

_IMAGES: Final = frozenset({"image", "image_url", "input_image"})
_OTHERS: Final = frozenset(
    {"document", "document_url", "file", "input_audio", "input_file", "video_url"}
)
# Fields with tool arguments or schemas, which may look like media.
_ARGUMENTS: Final[Mapping[WireProtocol, frozenset[str]]] = {
    WireProtocol.CHAT: frozenset({"tools", "response_format"}),
    WireProtocol.RESPONSES: frozenset({"tools", "text"}),
    WireProtocol.MESSAGES: frozenset({"tools", "input", "output_config", "output_format"}),
    WireProtocol.GENERATE: frozenset({"tools", "args", "response", "generationConfig"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaCount:
    """The ``images`` in a body; ``is_measurable`` is false if other media have unknown tokens."""

    images: int
    is_measurable: bool


def count_media(body: Mapping[str, Any], protocol: WireProtocol) -> MediaCount:
    """Count the media in a body that ``clean_body`` returned."""
    found = [_judge(holder) for holder in _iter_objects(body, _ARGUMENTS[protocol])]
    return MediaCount(images=found.count("image"), is_measurable="other" not in found)


def _iter_objects(value: Any, hidden: frozenset[str]) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, list):
        for entry in value:
            yield from _iter_objects(entry, hidden)
    elif isinstance(value, dict):
        yield value
        for name, entry in value.items():
            if name not in hidden:
                yield from _iter_objects(entry, hidden)


def _judge(holder: Mapping[str, Any]) -> str:
    """Return "image", "other" or "" (no media) for an object."""
    blob = holder.get("inlineData")
    if isinstance(blob, dict):
        return "image" if str(blob.get("mimeType")).startswith("image/") else "other"
    kind = holder.get("type")
    if not isinstance(kind, str) or _is_text(holder):
        return ""
    return "image" if kind in _IMAGES else "other" if kind in _OTHERS else ""


def _is_text(holder: Mapping[str, Any]) -> bool:
    """Tell whether it is a plain-text document, which adds no tokens beyond its text."""
    source, citations = holder.get("source"), holder.get("citations")
    is_marked = isinstance(citations, dict) and bool(citations.get("enabled"))
    return isinstance(source, dict) and source.get("type") == "text" and not is_marked
