"""Removes secrets from text: those known by value and those recognised by shape (pure)."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "***"
_PREFIX: Final = 6  # providers echo keys with their middle starred out
_ALIKE: Final = 10  # leading characters of a key that no other word shares by chance
_ALIKE_WORD: Final = 12  # the same for a key that begins like a word
_ENCODED: Final = 8  # shorter secrets are not searched for in other encodings

# Each pattern starts at a word boundary and consumes all it has scanned, so no text is slow.
_SHAPES: Final = re.compile(
    r"""
    -----BEGIN\ [A-Z0-9 ]{0,40}PRIVATE\ KEY-----
      (?:[A-Za-z0-9+/=:,'\s]|-(?!-)|\\+[nr])*
      (?:-----END\ [A-Z0-9 ]{0,40}PRIVATE\ KEY-----)?
    | (?<![A-Za-z0-9_-])(?:
        sk-(?=[A-Za-z_-]{0,64}[0-9])[A-Za-z0-9_-]{20,}
      | (?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{16,}
      | gh[opsur]_[A-Za-z0-9]{20,}
      | github_pat_[A-Za-z0-9_]{20,}
      | (?:AKIA|ASIA)[A-Z0-9]{16}
      | AIza[A-Za-z0-9_-]{30,}
      | xox[a-z]-[A-Za-z0-9-]{10,}
      | glpat-[A-Za-z0-9_-]{16,}
      | (?:gsk|hf|npm)_[A-Za-z0-9]{20,}
      | (?:xai|pypi)-[A-Za-z0-9_-]{20,}
      | eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?
    )
    """,
    re.VERBOSE,
)
_BEARER: Final = re.compile(
    r"\b(Bearer)(\s{1,8})(?=[A-Za-z._~+/-]{0,64}[0-9])[A-Za-z0-9_.~+/-]{16,}={0,2}",
    re.IGNORECASE,
)
_BASIC: Final = re.compile(r"\b(Basic\s{1,8})([A-Za-z0-9+/]{8,}={0,2})", re.IGNORECASE)

# The characters of a key. Other secrets, such as JSON or a URL, begin like innocent text.
_KEY: Final = re.compile(r"[A-Za-z0-9._~+/=-]+")
_ECHO_START: Final = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrt]))"
_ECHO_REST: Final = r"[\w.~+/=*…•-]*"
_STARS: Final = ("**", "..", "…", "••")


def redact_secrets(text: str, secrets: Sequence[str] = ()) -> str:
    """Return ``text`` without ``secrets``, words that start like one, and known shapes of keys.

    Each is replaced by ``***``. Secrets are found as they are and as JSON, base64,
    percent-encoding and hexadecimal spell them. Text that was JSON stays JSON.
    """
    for hide in _build_hiders(tuple(secrets)):
        text = hide(text)
    text = _SHAPES.sub(HIDDEN, text)
    text = _BASIC.sub(_hide_basic, text)
    return _BEARER.sub(rf"\1\2{HIDDEN}", text)


def _hide_basic(found: re.Match[str]) -> str:
    """Hide the credential if it decodes to a name, a colon and a password."""
    try:
        is_pair = b":" in base64.b64decode(found[2].rstrip("=") + "==")
    except binascii.Error:
        is_pair = False
    return found[1] + HIDDEN if is_pair else found[0]


@lru_cache(maxsize=64)
def _build_hiders(secrets: tuple[str, ...]) -> tuple[Callable[[str], str], ...]:
    """Return functions that remove ``secrets`` from a text: whole ones first, then beginnings."""
    known = sorted({one for one in secrets if one}, key=len, reverse=True)
    forms = tuple(dict.fromkeys(_iter_forms(known)))
    echoes = [_build_echo(one) for one in known if len(one) >= 2 * _PREFIX and _KEY.fullmatch(one)]

    def hide(text: str) -> str:
        for form in forms:
            text = text.replace(form, HIDDEN)
        return text

    return (hide, *echoes)


def _iter_forms(secrets: Iterable[str]) -> Iterator[str]:
    """Yield each secret as it is, escaped as in JSON inside JSON, and in other encodings."""
    for secret in secrets:
        forms = {secret, quote(secret, safe="", errors="replace")}
        for _ in range(2):
            forms |= {
                json.dumps(one, ensure_ascii=is_ascii)[1:-1]
                for one in forms
                for is_ascii in (False, True)
            }
        if len(secret) >= _ENCODED:
            forms |= set(_iter_encoded(secret.encode("utf-8", "replace")))
        yield from sorted(forms, key=lambda one: (-len(one), one))


def _iter_encoded(secret: bytes) -> Iterator[str]:
    """Yield ``secret`` as hexadecimal, and as base64 at each offset in a longer text.

    Base64 characters that depend on the surrounding bytes are left out.
    """
    yield from (secret.hex(), secret.hex().upper())
    for before in range(3):
        text = base64.b64encode(b"\0" * before + secret).decode("ascii")
        start, end = (0, 2, 3)[before], (before + len(secret)) * 8 // 6
        core = text[start:end]
        yield from (core, core.replace("+", "-").replace("/", "_"))


def _build_echo(secret: str) -> Callable[[str], str]:
    """Return a function that hides words which start like ``secret``.

    Keys of one kind start alike, and some start like ordinary words. So a word must share more of
    the beginning, or contain the stars of an echoed key.
    """
    prefix = secret[:_PREFIX]
    alike = secret[: _count_alike(secret)]
    pattern = re.compile(_ECHO_START + re.escape(prefix) + _ECHO_REST)

    def hide(found: re.Match[str]) -> str:
        word = found[0]
        is_echo = word.startswith(alike) or any(stars in word for stars in _STARS)
        return HIDDEN if is_echo else word

    return lambda text: pattern.sub(hide, text) if prefix in text else text


def _count_alike(secret: str) -> int:
    """Return how many characters of a word have to be those of ``secret``."""
    if not secret[:_PREFIX].isalpha():
        return min(_ALIKE, len(secret) // 2)
    digit = next((place for place, char in enumerate(secret) if char.isdigit()), len(secret))
    return max(_ALIKE_WORD, digit + 1)
