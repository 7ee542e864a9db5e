"""The one check of paths that come from outside, and how such paths are shown and compared."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

PATH_LIMIT: Final = 1024  # bytes of UTF-8
PART_LIMIT: Final = 255  # bytes of UTF-8 between two slashes
DEPTH_LIMIT: Final = 128  # parts

_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Nothing is drawn for these, although Unicode calls them letters or marks.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)
_NOT_ON_WINDOWS: Final = re.compile(r'[\\:<>"|?*]')
_DEVICE: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])")
# What NTFS calls a long name in 8.3 form: ``GIT~1``, ``CONFTE~1.PY``.
_SHORT_NAME: Final = re.compile(r"[^.~]{1,8}~[0-9]{1,6}(\.[^.]{0,3})?")


def normalise(path: str) -> str | None:
    """Return ``path`` when it is a plain relative path of a file, ``None`` when it is hostile.

    Plain means: ``/`` separated, inside the tree, not git's own on any file system, one name on
    every file system, and readable for a human. Whether the file may be touched is the policy's.
    """
    if not _is_short_enough(path) or _has_refused_characters(path):
        return None
    parts = path.split("/")
    return path if len(parts) <= DEPTH_LIMIT and all(map(_is_plain_part, parts)) else None


def is_git_alike(part: str) -> bool:
    """Return whether some file system takes the name ``part`` for ``.git`` (CVE-2014-9390)."""
    visible = "".join(char for char in part if not _is_invisible(char))
    folded = unicodedata.normalize("NFKC", visible).casefold()
    name = folded.partition(":")[0].partition("\\")[0].rstrip(". ")
    return name == ".git" or re.fullmatch(r"git~[0-9]+", name) is not None


def fold(path: str) -> str:
    """Return the form to compare: equal for names that some file system cannot tell apart."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def display(path: str, *, limit: int = 200) -> str:
    r"""``path`` for people: nothing but printable characters, the others as ``\x..`` or ``\u....``.

    Cut to ``limit`` characters.
    """
    head = path[: limit + 1]
    shown = "".join(char if char.isprintable() else _escape(char) for char in head)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _is_short_enough(path: str) -> bool:
    try:
        return len(path) <= PATH_LIMIT and len(path.encode()) <= PATH_LIMIT
    except UnicodeEncodeError:
        return False  # surrogates: the name was not UTF-8


def _has_refused_characters(path: str) -> bool:
    return _NOT_ON_WINDOWS.search(path) is not None or any(map(_is_invisible, path))


def _is_invisible(char: str) -> bool:
    if char.isascii():
        return not char.isprintable()
    # Blanks other than the plain one are not printable either: nobody can tell them apart.
    return (
        not char.isprintable()
        or unicodedata.category(char) in _REFUSED_CATEGORIES
        or _INVISIBLE.fullmatch(char) is not None
    )


def _is_plain_part(part: str) -> bool:
    if not part or part != part.strip() or part.startswith("-") or part.endswith("."):
        return False  # the last takes care of "." and ".." too
    folded = part.casefold()
    return (
        len(part.encode()) <= PART_LIMIT
        and not is_git_alike(part)
        and _SHORT_NAME.fullmatch(folded) is None
        and _DEVICE.fullmatch(folded.partition(".")[0].rstrip()) is None
    )


def _escape(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004 - a byte that was not UTF-8 (surrogateescape)
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
