"""How much work a comparison of two texts is, before it is begun."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence


def count_pairs(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    """The pairs of equal lines that difflib may have to look at."""
    counts: Mapping[bytes, int] = Counter(old)
    return sum(counts[line] * count for line, count in Counter(new).items())
