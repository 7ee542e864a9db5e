"""Functions that compare two values, going by their names."""

from __future__ import annotations

import re
from typing import Final

from pytest_agentfix.judge.variants.random_names import split_words

_WORDS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_COMPARING: Final = split_words(
    "near nearly close isclose allclose same equal equals eq equiv equivalent similar identical "
    "alike almost approx approximately"
)
_OTHERWISE: Final = split_words("not un no never unequal differ different file")


def is_comparer(name: str) -> bool:
    """Return whether a function of this name is true of two values that agree."""
    words = {word.lower() for word in _WORDS.findall(name)}
    return bool(words & _COMPARING) and not words & _OTHERWISE
