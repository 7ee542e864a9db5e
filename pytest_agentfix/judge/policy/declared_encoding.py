"""The encoding that a text declares for itself, and reading a text by it (pure)."""

from __future__ import annotations

import codecs
import re
import unicodedata
import warnings
from typing import Final

from pytest_agentfix.core.python_source import keeps_ascii

_MARKS: Final = (  # the longer one first where one begins like another
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# PEP 263's cookie, and what XML, HTML, gettext, Emacs and Vim write likewise.
_DECLARATION: Final = re.compile(rb"""(?:coding|charset)[:=][ \t]*["']?([-\w.]{1,40})""")
_START: Final = 1024  # bytes in which it is looked for, as in HTML
_WHITE_SPACE: Final = frozenset("\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def find_declared(content: bytes) -> str:
    """Return the encoding that ``content`` declares, by a mark or in words, or "".

    What Python does not know counts as none, and so does an encoding in which ASCII is not
    itself, unless a byte order mark tells it.
    """
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    found = _DECLARATION.search(content[:_START])
    name = found.group(1).decode("ascii", "replace").lower() if found else ""
    return name if is_like_ascii(name) else ""


def is_like_ascii(name: str) -> bool:
    """Return whether ``name`` is an encoding in which ASCII is itself."""
    try:
        return bool(name) and keeps_ascii(name)
    except LookupError:
        return False


def decode(content: bytes, encoding: str) -> str | None:
    """Return ``content`` as text, ``None`` where it is none in ``encoding``."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return content.decode(encoding)
    except (LookupError, ValueError):  # no such encoding, or none of text; not in it
        return None


def encode(text: str, encoding: str) -> bytes | None:
    """Return ``text`` in ``encoding``, ``None`` where it cannot be told in it."""
    try:
        return text.encode(encoding)
    except (LookupError, ValueError):
        return None


def find_controls(text: str) -> frozenset[str]:
    """Return the control characters of ``text`` that are no white space."""
    return frozenset(char for char in set(text) if _is_control(char)) - _WHITE_SPACE


def _is_control(char: str) -> bool:
    return unicodedata.category(char) == "Cc"
