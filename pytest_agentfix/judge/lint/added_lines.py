"""Find the new lines of a file."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final

_PRODUCT_LIMIT: Final = 4_000_000  # lines times lines that are compared in detail


def find_added(before: Sequence[str], after: Sequence[str]) -> frozenset[int]:
    """Return the numbers (from 1) of the lines of ``after`` that are new or changed.

    If the differing middle is too large to compare in reasonable time, all of it counts as new.
    """
    start = _count_equal(before, after)
    end = _count_equal(before[start:][::-1], after[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    if len(old) * len(new) > _PRODUCT_LIMIT:
        return frozenset(range(start + 1, start + len(new) + 1))
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    kept = {
        start + block.b + offset + 1
        for block in matcher.get_matching_blocks()
        for offset in range(block.size)
    }
    return frozenset(range(start + 1, start + len(new) + 1)) - kept


def _count_equal(left: Sequence[str], right: Sequence[str]) -> int:
    """Count the equal lines at the start of both."""
    for number, (one, other) in enumerate(zip(left, right, strict=False)):
        if one != other:
            return number
    return min(len(left), len(right))
