"""Untrusted text -> text that a terminal, a CI log or a report can show.

Node ids, reasons, paths and probe details can hold what the agent, the model or a test process
wrote. Shown raw, such text could move the cursor, set the clipboard, paint over a line, reorder
it, or be taken by a CI runner for one of its commands (CVE-2020-15228, CVE-2021-42574).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

DEFAULT_LIMIT: Final = 300
PATH_LIMIT: Final = 200
_GAP: Final = " [...] "

# Complete escape sequences, so that coloured text stays readable: CSI; then OSC, DCS, SOS, PM
# and APC with their terminator; then the two-character ones. An unfinished one is escaped below.
_ESCAPE_SEQUENCE: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-OQ-WYZ\\`-~]"
)
_SPACES: Final = re.compile(r"\s+")
# "::set-env name=x::y" counts at the start of a line, "##[command]" and "##vso[command]" anywhere.
_LEADING_COMMAND: Final = re.compile(r"\A:(?=:)")
_HASH_COMMAND: Final = re.compile(r"##(?=[\w.]*\[)")
# Invisible although Unicode does not call them format characters: joiners, fillers, selectors.
_INVISIBLE: Final = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0}
).union(range(0x180B, 0x1810), range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))
_NONCHARACTERS: Final = frozenset(
    plane << 16 | low for plane in range(17) for low in (0xFFFE, 0xFFFF)
).union(range(0xFDD0, 0xFDF0))
_SHORT_ESCAPES: Final = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\"}


def clean(text: str, *, limit: int = DEFAULT_LIMIT) -> str:
    r"""Make untrusted text one harmless line of at most ``limit`` characters.

    Escape sequences, zero-width and bidi characters are taken out, other control characters and
    lone surrogates become visible (``\x00``), white space becomes single blanks, and a CI
    workflow command is broken by a blank. Too long a text loses its middle. The result is valid
    in UTF-8 and XML 1.0. Cleaning twice changes nothing. It is not HTML- or Markdown-quoted.
    """
    shown = "".join(map(_show, _SPACES.sub(" ", _ESCAPE_SEQUENCE.sub("", text))))
    shown = _SPACES.sub(" ", shown).strip()
    shown = _LEADING_COMMAND.sub(": ", _HASH_COMMAND.sub("# #", shown))
    return shorten(shown, limit=limit)


def quote_path(path: str, *, limit: int = PATH_LIMIT) -> str:
    """Show a path from an untrusted tree: plain ones as they are, others quoted and escaped.

    Unlike ``clean`` it removes nothing, so that two different paths look different (unless both
    are longer than ``limit`` and differ in the middle only).
    """
    if path and path == clean(path, limit=len(path)) and not set(path) & set(" \"'\\`"):
        return shorten(path, limit=limit)
    body = "".join(map(_escape_in_path, path))
    return '"' + shorten(_HASH_COMMAND.sub(r"#\\x23", body), limit=limit - 2) + '"'


def shorten(text: str, *, limit: int) -> str:
    """Cut the middle out of ``text`` so that at most ``limit`` characters are left."""
    if len(text) <= limit:
        return text
    room = limit - len(_GAP)
    if room < 2:  # noqa: PLR2004 - one character at each end, or the gap says nothing
        return text[:limit].rstrip()
    tail = room // 2
    return text[: room - tail].rstrip() + _GAP + text[-tail:].lstrip()


def encodable(text: str) -> str:
    r"""Make ``text`` valid in UTF-8 and change nothing else: a lone surrogate shows as ``\udcff``.

    For names that others compare, such as node ids in the JSON report.
    """
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _show(char: str) -> str:
    if char.isascii() and char.isprintable():
        return char
    if _is_invisible(char):
        return ""
    return _escape(char) if _is_unshowable(char) else char


def _escape_in_path(char: str) -> str:
    short = _SHORT_ESCAPES.get(char)
    if short is not None:
        return short
    is_plain = char == " " or not (char.isspace() or _is_invisible(char) or _is_unshowable(char))
    return char if is_plain else _escape(char)


def _is_invisible(char: str) -> bool:
    return unicodedata.category(char) == "Cf" or ord(char) in _INVISIBLE


def _is_unshowable(char: str) -> bool:
    return unicodedata.category(char) in ("Cc", "Cs", "Co") or ord(char) in _NONCHARACTERS


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004 - the width of the escape
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004


def shorten_line(text: str, *, limit: int) -> str:
    """``text`` as one line of at most ``limit`` printable characters, cut between two words.

    A word that is longer than half of the limit is cut in its middle all the same.
    """
    line = clean_line(text, limit=len(text) + 1)
    if len(line) <= limit:
        return line
    start = line[: limit - 1]
    whole = start if line[limit - 1 : limit] == " " else start.rpartition(" ")[0]
    kept = whole if len(whole) >= limit // 2 else start
    return kept.rstrip(" ,;:(") + "…"


def clean_line(text: str, *, limit: int) -> str:
    """``text`` as one line of at most ``limit`` printable characters."""
    shown = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    line = " ".join(shown.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
