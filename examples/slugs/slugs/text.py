"""Slugs are lower-case ASCII words joined by hyphens, safe in a URL and readable in a log."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container
from itertools import count

_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def slugify(title: str, *, max_length: int | None = None) -> str:
    """Turn a title into a slug, cut at a word's end where it is longer than ``max_length``."""
    slug = _NOT_A_WORD.sub("-", _to_ascii(title).lower()).strip("-")
    if max_length is not None and len(slug) > max_length:
        slug = _cut_at_word(slug, max_length)
    return slug


def unique_slug(title: str, taken: Container[str]) -> str:
    """Give a slug that is not ``taken`` yet, by counting up from 2."""
    slug = slugify(title)
    if slug not in taken:
        return slug
    return next(name for n in count(2) if (name := f"{slug}-{n}") not in taken)


def _to_ascii(title: str) -> str:
    """Write letters with accents as the letters they are made of."""
    composed = unicodedata.normalize("NFC", title)
    return composed.encode("ascii", "ignore").decode("ascii")


def _cut_at_word(slug: str, max_length: int) -> str:
    head = slug[: max_length + 1]
    word_end = head.rfind("-")
    return head[:word_end] if word_end > 0 else slug[:max_length]
