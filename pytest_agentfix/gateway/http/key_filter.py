"""Removes the user's key from a provider's answers. Pure, with state."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

_SHORTEST: Final = 8  # characters; a shorter key is a word, or soon guessed
_LONG: Final = 16  # characters; a key this long is no ordinary word
_TRIPLE: Final = 3  # bytes that base64 turns into four letters


def is_secret(key: str) -> bool:
    """Tell whether ``key`` has the form of a secret.

    A local server is often given a word for a key: "ollama", "dummy", "EMPTY", "test". Removing
    such a word from answers would spoil the code that a model writes.
    """
    is_mixed = any(char.isdigit() for char in key) and not key.isdigit()
    return len(key) >= _LONG or (len(key) >= _SHORTEST and is_mixed)


class KeyFilter:
    """Removes the key from a stream of bytes, wherever the stream is cut into pieces.

    The spellings of the key in JSON, in URLs and in base64 are removed as well. A key that is an
    ordinary word (see ``is_secret``) is left in.
    """

    def __init__(self, key: str) -> None:
        forms = {form.encode() for form in _iter_forms(key)} if is_secret(key) else set()
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return the bytes held back and ``data``, up to where the key might begin."""
        if not self._forms:
            return data
        data = self._held + data
        for form in self._forms:  # one plain search after the other is faster than a pattern
            data = data.replace(form, b"***")
        cut = max(_count_begun(data, form) for form in self._forms)
        self._held = data[len(data) - cut :]
        return data[: len(data) - cut]

    def finish(self) -> bytes:
        """Return the bytes held back, which turned out not to be the key."""
        held, self._held = self._held, b""
        return held


def _count_begun(data: bytes, form: bytes) -> int:
    """Return how many bytes at the end of ``data`` may be the beginning of ``form``."""
    start = data.find(form[:1], max(0, len(data) - len(form) + 1))
    while start >= 0:
        if form.startswith(data[start:]):
            return len(data) - start
        start = data.find(form[:1], start + 1)
    return 0


def _iter_forms(key: str) -> Iterator[str]:
    """Yield ``key`` in the spellings that a server may use in its answer."""
    inner = json.dumps(key)[1:-1]
    yield from (key, inner, inner.replace("/", "\\/"))
    # Some servers escape what has a meaning in HTML.
    yield re.sub(r"[&<>'+=/]", lambda found: f"\\u{ord(found[0]):04x}", key)
    yield re.sub(r"[&<>'+=/]", lambda found: f"\\u{ord(found[0]):04X}", key)
    escaped = quote(key, safe="")
    yield escaped
    yield re.sub(r"%..", lambda found: found[0].lower(), escaped)
    yield from _iter_base64(key.encode())


def _iter_base64(key: bytes) -> Iterator[str]:
    """Yield the base64 letters that do not depend on bytes around the key, in both alphabets."""
    for before in range(_TRIPLE):
        first = (_TRIPLE - before) % _TRIPLE  # bytes of the key that share letters with others
        inner = key[first : len(key) - (len(key) - first) % _TRIPLE]
        for alternatives in (b"+/", b"-_"):
            yield b64encode(inner, altchars=alternatives).decode()
