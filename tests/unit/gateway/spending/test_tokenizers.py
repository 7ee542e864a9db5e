"""Upper bounds by the family of the tokenizer."""

from __future__ import annotations

import itertools
import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.gateway.spending.tokenizers import LETTERS, bound_tokens

PUBLISHED = ("gpt-5.2", "openai/gpt-4o", "o3", "o4-mini", "gpt-oss-120b", "Qwen/Qwen3-Coder", "qwq")
OTHERS = ("claude-sonnet-5-5", "gemini-3.8-flash", "deepseek-r1-distill-llama-70b", "gpt-6.1", "")


@pytest.mark.parametrize("model", OTHERS)
def test_an_unpublished_vocabulary_counts_by_the_byte(model: str) -> None:
    assert bound_tokens(b"return the first of them", model) == 24


@pytest.mark.parametrize("model", PUBLISHED)
@pytest.mark.parametrize(
    ("data", "most"),
    [
        (b"", 0),
        (b"a", 1),
        (b"an", 1),
        (b" a", 1),
        (b" an", 2),
        (b"fool", 3),
        (b"zqxj", 4),
        (b"AN", 2),
        (b"  ", 2),
        (b"    ", 2),
        (b"\\n        a", 5),
        (b" " * 40, 6),
    ],
)
def test_letters_and_spaces_of_a_published_one_are_merged(
    model: str, data: bytes, most: int
) -> None:
    assert bound_tokens(data, model) == most


class PairMerger:
    """A byte-pair encoder with any vocabulary that has the pairs and runs that are relied on."""

    def __init__(self, others: list[str]) -> None:
        pairs = ["".join(pair) for pair in itertools.product(LETTERS, repeat=2)]
        spaced = [f" {letter}" for letter in LETTERS]
        runs = [" " * count for count in range(2, 40)]
        self._ranks = {text: rank for rank, text in enumerate([*others, *pairs, *spaced, *runs])}

    def encode(self, text: str) -> list[str]:
        """Merge the neighbours of the lowest rank until none are a token together."""
        parts = list(text)
        while True:
            ranked = [
                (rank, place)
                for place, (one, two) in enumerate(itertools.pairwise(parts))
                if (rank := self._ranks.get(one + two)) is not None
            ]
            if not ranked:
                return parts
            _, place = min(ranked)
            parts[place : place + 2] = [parts[place] + parts[place + 1]]


@given(
    others=st.lists(st.text("abgm xZ\n", min_size=2, max_size=5), max_size=12),
    text=st.text("abg mxZ\n ", max_size=60),
)
def test_whatever_else_is_in_the_vocabulary(others: list[str], text: str) -> None:
    data = json.dumps(text).encode()[1:-1]
    assert len(PairMerger(others).encode(text)) <= bound_tokens(data, "gpt-5")


@given(st.text(max_size=30))
def test_a_tokenizer_may_decompose_characters(text: str) -> None:
    spelled = unicodedata.normalize("NFKC", text).encode("utf-8", "surrogatepass")
    assert len(spelled) <= bound_tokens(json.dumps(text).encode(), "claude-2.1")


def test_no_character_is_decomposed_into_more() -> None:
    for code in (0x0F77, 0x2034, 0x2057, 0x2230, 0x2A0C, 0x321D, 0x3316, 0x33AF, 0xFDFA, 0xFDFC):
        spelled = unicodedata.normalize("NFKC", chr(code)).encode()
        assert len(spelled) <= bound_tokens(json.dumps(chr(code)).encode()[1:-1], "m")


def test_a_text_too_long_for_any_model_counts_by_the_byte() -> None:
    data = b"return" * 700_000
    assert bound_tokens(data, "gpt-5") == bound_tokens(data, "other") == len(data)
