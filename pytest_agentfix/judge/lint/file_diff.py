"""One file of a change set, before and after, with its new lines."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.hunks import count_equal_ends
from pytest_agentfix.judge.lint.module import Module, read_module

_SUFFIXES: Final = (".py", ".pyw")
_PRODUCT_LIMIT: Final = 4_000_000  # lines times lines that are compared in detail


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """Two versions of a file; ``old`` and ``new`` are ``None`` if absent or no parsable Python."""

    path: str
    before: bytes | None
    after: bytes | None
    old: Module | None
    new: Module | None
    added: frozenset[int]  # lines of the new file
    removed: int  # how many lines of the old one

    @classmethod
    def of(cls, path: str, before: bytes | None, after: bytes | None) -> FileDiff:
        """Compare two contents of ``path``; ``None`` means that the file does not exist."""
        old, new = (_read(path, content) for content in (before, after))
        old_lines = _split(before) if old is None else old.lines
        new_lines = _split(after) if new is None else new.lines
        added = find_added(old_lines, new_lines)
        kept = len(new_lines) - len(added)
        return cls(
            path=path,
            before=before,
            after=after,
            old=old,
            new=new,
            added=added,
            removed=len(old_lines) - kept,
        )

    @property
    def is_unparsable(self) -> bool:
        """Tell whether the new version is Python that cannot be parsed."""
        return is_python(self.path) and self.after is not None and self.new is None

    @property
    def was_unparsable(self) -> bool:
        """Tell whether the old version was no better: this Python may be too old for either."""
        return self.before is not None and self.old is None


def is_python(path: str) -> bool:
    """Return whether the interpreter would take the file for a module or program."""
    return path.casefold().endswith(_SUFFIXES)


def find_added(before: Sequence[str], after: Sequence[str]) -> frozenset[int]:
    """Return the numbers (from 1) of the lines of ``after`` that are new or changed.

    If the differing middle is too large to compare in reasonable time, all of it counts as new.
    """
    return frozenset(range(1, len(after) + 1)) - match_lines(before, after).keys()


def match_lines(before: Sequence[str], after: Sequence[str]) -> dict[int, int]:
    """Map the numbers (from 1) of the lines of ``after`` that are not new to those in ``before``.

    See ``find_added``.
    """
    start, end = count_equal_ends(before, after)
    matched = {number: number for number in range(1, start + 1)}
    shift = len(before) - len(after)
    matched |= {number: number + shift for number in range(len(after) - end + 1, len(after) + 1)}
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) > _PRODUCT_LIMIT:
        return matched
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    for block in matcher.get_matching_blocks():
        for offset in range(1, block.size + 1):
            matched[start + block.b + offset] = start + block.a + offset
    return matched


def _read(path: str, content: bytes | None) -> Module | None:
    return read_module(path, content) if content is not None and is_python(path) else None


def _split(content: bytes | None) -> list[str]:
    if not content:
        return []
    return content.decode("utf-8", "backslashreplace").replace("\r\n", "\n").split("\n")
