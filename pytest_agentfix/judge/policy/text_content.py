"""Changed files as text in the encoding of the base; whatever is no text is found out (pure).

An agent's editor may know UTF-8 only. Of another encoding it makes replacement characters, and
writes them back: in all lines, however small the edit. These get their bytes back here.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Final

from pytest_agentfix.core.hunks import count_pairs
from pytest_agentfix.judge.policy.declared_encoding import (
    decode,
    encode,
    find_controls,
    find_declared,
    is_like_ascii,
)

_REPLACED: Final = "\N{REPLACEMENT CHARACTER}"
_SIZE_LIMIT: Final = 1_000_000  # bytes of a file that is looked at
_EFFORT_LIMIT: Final = 500_000  # pairs of equal lines
_UPPER: Final = frozenset(map(chr, range(0x80, 0xA0)))  # control characters or letters

Lines = Sequence[bytes]


def settle_text(new: bytes, base: bytes | None, *, attribute: str = "") -> bytes | None:
    """Return ``new`` as text in the encoding of ``base``, ``None`` where it is none.

    UTF-8 is always text. ``attribute`` is the encoding that git's attributes declare for the file.
    """
    is_utf8 = _is_utf8(new)
    if base is None or _is_utf8(base):
        return _keep_mark(new, base or b"") if is_utf8 else None
    if max(len(new), len(base)) > _SIZE_LIMIT:
        return None
    encoding = attribute or find_declared(base)
    is_declared_still = bool(attribute) or find_declared(new) == encoding
    if not is_utf8:
        is_text = is_declared_still and _is_text(new, base, encoding)
        return new if is_text or (not encoding and _adds_only_utf8(new, base)) else None
    if _REPLACED not in new.decode() and not (encoding and is_declared_still):
        return new  # the change is that it is UTF-8 now
    if encoding and not (is_declared_still and is_like_ascii(encoding)):
        return None
    restored = _restore(new.splitlines(keepends=True), base.splitlines(keepends=True), encoding)
    is_text = restored is not None and (not encoding or _is_text(restored, base, encoding))
    return restored if is_text else None


def _is_utf8(content: bytes) -> bool:
    return b"\0" not in content and decode(content, "utf-8") is not None


def _keep_mark(new: bytes, base: bytes) -> bytes:
    """Give ``new`` the byte order mark of ``base`` back, unless that it goes is the change."""
    mark = codecs.BOM_UTF8
    is_lost = base.startswith(mark) and not new.startswith(mark) and base != mark + new
    return mark + new if is_lost else new


def _is_text(new: bytes, base: bytes, encoding: str) -> bool:
    """Return whether both are texts in ``encoding``, ``new`` without further control characters."""
    old_text, text = decode(base, encoding), decode(new, encoding)
    if old_text is None or text is None:
        return False
    return find_controls(text) <= find_controls(old_text) - {"\0"}


def _adds_only_utf8(new: bytes, base: bytes) -> bool:
    """Return whether no line comes in that is not UTF-8, in a file that declares nothing."""
    if find_controls(base.decode("latin-1")) - _UPPER:
        return False
    known = frozenset(base.splitlines(keepends=True))
    return all(line in known or _is_utf8(line) for line in new.splitlines(keepends=True))


def _restore(new: Lines, old: Lines, encoding: str) -> bytes | None:
    """Return ``new`` with the bytes of ``old`` wherever it shows them, ``None`` if that is unsure.

    Other characters are put into ``encoding``; without one, they have to be ASCII.
    """
    shown = [_show(line) for line in old]
    if count_pairs(shown, new) > _EFFORT_LIMIT:
        return None
    by_shown = _find_unique(shown, old)
    done = bytearray()
    matcher = SequenceMatcher(None, shown, new, autojunk=False)
    for tag, start, stop, first, last in matcher.get_opcodes():
        lines: Lines | None = old[start:stop]
        if tag != "equal":
            lines = _restore_block(new[first:last], old[start:stop], by_shown, encoding)
        if lines is None:
            return None
        done += b"".join(lines)
    return bytes(done)


def _restore_block(
    new: Lines, old: Lines, by_shown: Mapping[bytes, bytes], encoding: str
) -> Lines | None:
    """Return the lines that came for ``old``, ``None`` if it is unsure what they show of it."""
    lost = [line for line in old if _show(line) not in new]
    changed = [line for line in new if line not in by_shown]
    pieces = [piece for line in lost for piece in _split_foreign(line)]
    text = b"".join(changed).decode()
    misread = {char for line in lost for char in _show(line).decode() if not char.isascii()}
    misread.discard(_REPLACED)
    if text.count(_REPLACED) not in (0, len(pieces)) or misread & set(text):
        return None
    lines = [by_shown.get(line) or _restore_line(line, pieces, encoding) for line in new]
    return None if None in lines else [line for line in lines if line is not None]


def _show(line: bytes) -> bytes:
    """Return ``line`` as an editor for UTF-8 saves it."""
    return line.decode("utf-8", "replace").encode()


def _find_unique(shown: Lines, old: Lines) -> dict[bytes, bytes]:
    """Return the lines of ``old`` by the way they are shown, where only one looks like that."""
    found: dict[bytes, set[bytes]] = {}
    for key, line in zip(shown, old, strict=True):
        found.setdefault(key, set()).add(line)
    return {key: lines.pop() for key, lines in found.items() if len(lines) == 1}


def _split_foreign(line: bytes) -> Iterator[bytes]:
    while (found := _find_foreign(line)) is not None:
        start, stop = found
        yield line[start:stop]
        line = line[stop:]


def _find_foreign(line: bytes) -> tuple[int, int] | None:
    try:
        line.decode()
    except UnicodeDecodeError as error:
        return error.start, error.end
    return None


def _restore_line(line: bytes, pieces: list[bytes], encoding: str) -> bytes | None:
    """Return ``line`` in ``encoding``, with the next of ``pieces`` for each replacement."""
    done = bytearray()
    for char in line.decode():
        part = pieces.pop(0) if char == _REPLACED else encode(char, encoding or "ascii")
        if part is None:
            return None
        done += part
    return bytes(done)
