"""Upper bounds on the tokens of a text, by the family of the model's tokenizer (pure).

Every known tokenizer can spell any text by single bytes, so no text has more tokens than bytes. The
vocabularies of some families are published. In these, all pairs of the seventeen letters below are
tokens, and so are a space with a letter after it, and runs of up to 39 spaces. As byte-pair
encoding leaves no two neighbours unmerged that are a token together, no two letters in a row of
them can both stand alone: n such letters, the space before them included, are at most (2n + 1) / 3
tokens. ``benchmarks/vocabularies.py`` checks these facts in the vocabularies themselves.
"""

from __future__ import annotations

import re
from typing import Final

# Families with a published vocabulary: those of OpenAI, Qwen and DeepSeek, by the model's id.
_PUBLISHED: Final = re.compile(
    r"(?:.*/)?(?:chatgpt|codex|deepseek-(?!r1-distill)|gpt-(?:[45]|oss)|o[134](?:-|\Z)|qwen|qwq)",
    re.IGNORECASE,
)
LETTERS: Final = "abcdefghilnoprstu"
_MERGED: Final = re.compile(rb" [%b]+|[%b]{2,}| {3,16}" % (LETTERS.encode(), LETTERS.encode()))
# Characters whose compatibility decomposition (NFKC, which some tokenizers apply) has more bytes
# in UTF-8 than the character has in a body; 33 instead of 6 at most.
_EXPANDED: Final = re.compile(
    rb"\\u(?:0f7[79]|203[47]|2057|222d|2230|2a0c|321[de]|33[0-7][0-9a-f]|33a[ef]|fdf[2-8a-c])"
)
_EXPANSION: Final = 27
_LONGEST: Final = 4_000_000  # bytes that are searched for merged ones; no model reads as much


def bound_tokens(data: bytes, model: str) -> int:
    """Return the most tokens of ``data``, a part of a body in ASCII, for ``model`` (its id)."""
    if _PUBLISHED.match(model) and len(data) <= _LONGEST:
        return len(data) - sum(_count_merged(found[0]) for found in _MERGED.finditer(data))
    return len(data) + _EXPANSION * sum(1 for _ in _EXPANDED.finditer(data))


def _count_merged(run: bytes) -> int:
    """Return the number of bytes in ``run`` that are certainly part of a longer token.

    Spaces count as two tokens instead of one: the last may belong to the word that follows.
    """
    return (len(run) + 1) // 3 if run.strip(b" ") else len(run) - 2
