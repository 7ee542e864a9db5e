"""Cuts untrusted text to size, and takes out of it what changes from run to run. Pure.

Everything here takes time in proportion to the text's length, whatever the text is.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Final

LINE_LIMIT: Final = 400  # characters of one line of output
_NOTE: Final = 44  # characters that a note about what was left out may take
_FIRST: Final = 4  # lines of a large function's beginning
_RUN: Final = 8  # lines of source in a row that are shown whole in a traceback
_RUN_HEAD: Final = 1
_RUN_TAIL: Final = 4
_MARKS: Final = ("E ", "> ", "FAILED ", "ERROR ")
_WORDS: Final = ("Error", "Exception", "assert")
_LOCATION: Final = re.compile(r"\s{0,8}[^\s:]{1,200}\.\w{1,8}:\d{1,7}(?::|\Z)")
_ADDRESS: Final = re.compile(
    r"(?<= at 0x)[0-9a-fA-F]{6,16}(?![0-9a-fA-F])|(?<=\.\.\.)[0-9a-f]{8,12}(?=>)"
)
_PYTEST_FOLDER: Final = re.compile(r"pytest-of-[^/\s]{1,64}/pytest-\d{1,9}/")


class StableText:
    """Writes texts of one prompt in the same way in each run.

    Addresses of objects become numbers, the same one for the same object, so that what is one
    object and what are two can still be told. The number of the run goes from pytest's temporary
    folders.
    """

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def __call__(self, text: str) -> str:
        """``text`` without what is of this run only."""
        return _PYTEST_FOLDER.sub("pytest-of-user/pytest-0/", _ADDRESS.sub(self._number, text))

    def _number(self, found: re.Match[str]) -> str:
        address = found.group().lower().lstrip("0")
        return str(self._numbers.setdefault(address, len(self._numbers) + 1))


def cut_middle(text: str, limit: int) -> str:
    """At most ``limit`` characters: the first and the last part, with a note between them."""
    if len(text) <= limit:
        return text
    half = max(0, (limit - _NOTE) // 2)
    end = text[len(text) - half :]
    return f"{text[:half]}\n[... {len(text) - 2 * half} characters left out ...]\n{end}"


def cut_line(text: str, limit: int) -> str:
    """At most ``limit`` characters of one line, which stays one."""
    if len(text) <= limit:
        return text
    half = max(0, (limit - _NOTE) // 2)
    end = text[len(text) - half :]
    return f"{text[:half]} [... {len(text) - 2 * half} characters left out ...] {end}"


def cut_output(text: str, limit: int) -> str:
    """At most ``limit`` characters, with the lines that tell most.

    These are the first and the last ones, and between them, from the end on, those that tell of
    an error. What was left out is counted in its place.
    """
    lines = [cut_line(line, LINE_LIMIT) for line in text.split("\n")]
    whole = "\n".join(lines)
    if len(whole) <= limit:
        return whole
    # The last line is the raising one's place; the whole stays within the limit in any case.
    return cut_middle(_join(lines, _choose(lines, limit)), limit)


def cut_around(lines: Sequence[str], index: int, limit: int) -> str:
    """All lines where they fit; else the first ones and as many around ``index`` as fit."""
    if not lines:
        return ""
    if sum(len(line) + 1 for line in lines) <= limit:
        return "\n".join(lines)
    index = min(max(index, 0), len(lines) - 1)
    chosen = set(range(min(_FIRST, len(lines)))) | {index}
    size = sum(len(lines[number]) + 1 for number in chosen) + 120  # and two notes
    # Two lines before for each one after: what led there tells more than what would follow.
    before, after = index - 1, index + 1
    while before >= 0 or after < len(lines):
        step = [n for n in (before, before - 1, after) if 0 <= n < len(lines) and n not in chosen]
        size += sum(len(lines[number]) + 1 for number in step)
        if size > limit:
            break
        chosen.update(step)
        before, after = before - 2, after + 1
    return _join(lines, chosen)[:limit]


def leave_out_source(trace: str, shown: Collection[str]) -> str:
    """Return pytest's text of a failure without source lines that are ``shown`` elsewhere.

    ``shown`` are lines without the spaces around them. Marked lines, ``E`` lines and places stay.
    Of long runs of other source, a library's mostly, the beginning and the end stay.
    """
    kept: list[str] = []
    run = 0  # lines of source at the end of ``kept``
    for line in trace.split("\n"):
        bare = line.strip()
        # pytest's text begins without the spaces that were before its first line.
        is_source = line.startswith("    ") or not (kept or line.startswith(_MARKS))
        if _is_ruler(bare) or (is_source and bare in shown):
            continue
        if not bare:
            if kept and kept[-1] and not run:
                kept.append("")
            continue
        if not is_source:
            _shorten(kept, run)
        kept.append(line)
        run = run + 1 if is_source else 0
    _shorten(kept, run)
    return "\n".join(kept).strip("\n")


def fence(text: str, language: str = "") -> str:
    """A code block that its content cannot close."""
    longest = run = 0
    for char in text:
        run = run + 1 if char == "`" else 0
        longest = max(longest, run)
    marks = "`" * max(3, longest + 1)
    return f"{marks}{language}\n{text}\n{marks}"


def _choose(lines: Sequence[str], limit: int) -> set[int]:
    """The numbers of the lines to keep."""
    chosen: set[int] = set()
    left = limit - 2 * _NOTE
    last, first = len(lines) - 1, 0
    # Three tenths for the end, two for the beginning, the rest for what tells of an error.
    spent = 0
    while last >= 0 and spent + len(lines[last]) < left * 3 // 10:
        spent += len(lines[last]) + 1
        chosen.add(last)
        last -= 1
    while first < last and spent + len(lines[first]) < left // 2:
        spent += len(lines[first]) + 1
        chosen.add(first)
        first += 1
    for number in range(last, first - 1, -1):
        if not is_telling(lines[number]):
            continue
        price = len(lines[number]) + 1 + (0 if number + 1 in chosen else _NOTE)
        if spent + price > left:
            break
        spent += price
        chosen.add(number)
    return chosen


def _join(lines: Sequence[str], chosen: Collection[int]) -> str:
    parts: list[str] = []
    missing = 0
    for number, line in enumerate(lines):
        if number not in chosen:
            missing += 1
            continue
        if missing:
            parts.append(_count_missing(missing))
            missing = 0
        parts.append(line)
    if missing:
        parts.append(_count_missing(missing))
    return "\n".join(parts)


def _count_missing(number: int) -> str:
    return f"[... {number} {'line' if number == 1 else 'lines'} left out ...]"


def is_telling(line: str) -> bool:
    """Return whether a line of output tells of an error: what went wrong, or where."""
    return (
        line.startswith(_MARKS)
        or any(word in line for word in _WORDS)
        or _LOCATION.match(line) is not None
    )


def _is_ruler(bare: str) -> bool:
    """Return whether a line only separates, or points at a part of the line above."""
    return bool(bare) and (not bare.strip("_ ") or not bare.strip("^~ "))


def _shorten(kept: list[str], run: int) -> None:
    """Cut the run of source lines at the end of ``kept``."""
    if run <= _RUN:
        return
    head, tail = len(kept) - run + _RUN_HEAD, len(kept) - _RUN_TAIL
    kept[head:tail] = [f"    {_count_missing(tail - head)}"]
