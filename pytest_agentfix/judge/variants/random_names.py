"""Random words: names that no change can have been written for."""

from __future__ import annotations

import random
from typing import Final

_CONSONANTS: Final = "bdfgklmnprstvz"
_VOWELS: Final = "aeiou"
_SYLLABLES: Final = 5


def make_word(rng: random.Random) -> str:
    """Make a random word of lower-case letters, like ``dolifebaru``."""
    return "".join(rng.choice(_CONSONANTS) + rng.choice(_VOWELS) for _ in range(_SYLLABLES))


def make_number(rng: random.Random) -> int:
    """Make a number that occurs in nobody's expectation."""
    return 1_000_003 + rng.randrange(8_000_000)


def split_words(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())
