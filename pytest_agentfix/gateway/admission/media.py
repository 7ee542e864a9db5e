"""Checks that images and documents are inside the request itself (pure)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.admission.shapes import (
    DROPPED,
    Fields,
    Kinds,
    Shape,
    plain,
    refusing_with,
)

MEDIA_WORDS: Final = "Only media inside the request is allowed here: no URL, no stored file."

# An SVG image may refer to further files; media types ignore case.
_SUBTYPE: Final = r"(?![A-Za-z0-9.*+-]{0,60}(?i:svg))[A-Za-z0-9.*+-]{1,60}"
_IMAGE_TYPE: Final = re.compile(rf"image/{_SUBTYPE}")
_ANY_TYPE: Final = re.compile(
    rf"(?:(?:audio|image|text|video)/{_SUBTYPE}|application/(?:json|pdf))"
)
_HEAD: Final = re.compile(r"data:([^;,]{1,80})((?:;[A-Za-z0-9=._-]{1,100}){0,5}?);base64,")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")


def image_url(value: Any) -> Any:
    """Return a ``data:`` URL of an image; refuse any other."""
    return _check_url(value, _IMAGE_TYPE)


def data_url(value: Any) -> Any:
    """Return a ``data:`` URL in base64; refuse any other."""
    return _check_url(value, _ANY_TYPE)


def _check_url(value: Any, kind: re.Pattern[str]) -> Any:
    head = _HEAD.match(value) if isinstance(value, str) else None
    if head is None or not kind.fullmatch(head[1]) or not _BASE64.fullmatch(value, head.end()):
        raise RefusedError(403, MEDIA_WORDS)
    return value


def base64_data(value: Any) -> Any:
    """Return bare base64; refuse anything else."""
    return _check_text(value, _BASE64)


def image_type(value: Any) -> Any:
    """Return the media type of an image; refuse any other."""
    return _check_text(value, _IMAGE_TYPE)


def media_type(value: Any) -> Any:
    """Return a media type that models can read; refuse any other."""
    return _check_text(value, _ANY_TYPE)


def _check_text(value: Any, form: re.Pattern[str]) -> Any:
    if not isinstance(value, str) or not form.fullmatch(value):
        raise RefusedError(403, MEDIA_WORDS)
    return value


def file_data(value: Any) -> Any:
    """Return base64, bare or as a ``data:`` URL: the protocols accept both."""
    return data_url(value) if isinstance(value, str) and ":" in value else base64_data(value)


def image_object(value: Any) -> Any:
    """Return the ``data:`` URL of an image, or an object that has one as its ``url``."""
    if isinstance(value, str):
        return image_url(value)
    return Fields({"url": image_url, "detail": plain})(value)


def media_object(value: Any) -> Any:
    """Return a ``data:`` URL, or an object that has one as its ``url``."""
    return data_url(value) if isinstance(value, str) else Fields({"url": data_url})(value)


def cache_control(value: Any) -> Any:
    """Return the plain cache mark: a longer lifetime would cost more."""
    is_plain = isinstance(value, dict) and value.get("type") == "ephemeral"
    return {"type": "ephemeral"} if is_plain else DROPPED


# Fields, in parts of all protocols, that the provider would have to fetch or look up.
ELSEWHERE: Final[Mapping[str, Shape]] = refusing_with(
    MEDIA_WORDS,
    *("audio_url", "document_url", "file_url", "image_url", "video_url", "url", "uri"),
    *("fileData", "fileId", "fileUri", "file_data", "file_id", "file_uri", "image_file"),
)


def _make_source(kind: Shape) -> Fields:
    return Fields({**ELSEWHERE, "type": plain, "media_type": kind, "data": base64_data})


# Anthropic's sources: plain text, or base64 for everything else.
IMAGE_SOURCE: Final = Kinds("A source", {"base64": _make_source(image_type)})
DOCUMENT_SOURCE: Final = Kinds(
    "A source",
    {
        "base64": _make_source(media_type),
        "text": Fields({**ELSEWHERE, "type": plain, "media_type": media_type, "data": plain}),
    },
)
