"""Counts the lines that a change adds and removes."""

from __future__ import annotations

from collections import Counter
from difflib import SequenceMatcher
from typing import Final

from pytest_agentfix.core.hunks import count_equal_ends, count_pairs
from pytest_agentfix.core.model import FileStat
from pytest_agentfix.repository.objects import Blob, States

_EFFORT_LIMIT: Final = 1_000_000  # pairs of equal lines; some seconds


def count_lines(before: States, after: States) -> tuple[FileStat, ...]:
    """Return one ``FileStat`` for each path of ``after``, sorted by path."""
    return tuple(_stat(path, before.get(path), after[path]) for path in sorted(after))


def _stat(path: str, old: Blob | None, new: Blob | None) -> FileStat:
    removed, added = _differing(_lines(old), _lines(new))
    same = _count_same(removed, added)
    return FileStat(path=path, added=len(added) - same, removed=len(removed) - same)


def _count_same(removed: list[bytes], added: list[bytes]) -> int:
    """Count the lines in both in the same order, or in any order where that takes too long."""
    if count_pairs(removed, added) > _EFFORT_LIMIT:
        return (Counter(removed) & Counter(added)).total()
    matcher = SequenceMatcher(None, removed, added)
    return sum(block.size for block in matcher.get_matching_blocks())


def _lines(blob: Blob | None) -> list[bytes]:
    return [] if blob is None else blob.content.splitlines(keepends=True)


def _differing(old: list[bytes], new: list[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Drop the common lines at both ends, which keeps the comparison quick."""
    start, end = count_equal_ends(old, new)
    return old[start : len(old) - end], new[start : len(new) - end]
