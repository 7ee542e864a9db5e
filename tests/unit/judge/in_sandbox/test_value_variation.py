"""Variations of texts: their words, and names that other arguments know; the order of places."""

from __future__ import annotations

from typing import Any

from pytest_agentfix.judge.in_sandbox.call_variation import take_turns
from pytest_agentfix.judge.in_sandbox.value_variation import (
    NAMES_LIMIT,
    Variation,
    Vocabulary,
    vary,
    vary_words,
)

NO_WORDS = Vocabulary([], [])


def test_each_word_is_replaced_made_longer_and_shorter_and_left_out() -> None:
    assert list(vary_words("Ada of 1815, x Oslo")) == [
        ("another word in it", "qwe of 1815, x Oslo"),
        ("longer word in it", "Adaish of 1815, x Oslo"),
        ("shorter word in it", "Ad of 1815, x Oslo"),
        ("no word in it", " of 1815, x Oslo"),
        ("another word in it", "Ada qw 1815, x Oslo"),
        ("longer word in it", "Ada ofish 1815, x Oslo"),
        ("shorter word in it", "Ada o 1815, x Oslo"),
        ("no word in it", "Ada  1815, x Oslo"),
        ("another word in it", "Ada of 1815, x qwer"),
        ("longer word in it", "Ada of 1815, x Osloish"),
        ("shorter word in it", "Ada of 1815, x Osl"),
        ("no word in it", "Ada of 1815, x "),
    ]
    assert list(vary_words("1815 x")) == []


def list_names(arguments: dict[str, Any], place: str) -> list[object]:
    found = vary(arguments, NO_WORDS, skip=frozenset())
    return [one.value for one in found if one.place == (place,) and one.how.startswith("a key")]


def test_a_name_is_varied_by_the_other_names_of_its_table() -> None:
    table = {"upper": str.upper, "lower": str.lower, "title": str.title, 7: None}
    assert list_names({"name": "lower", "table": table}, "name") == ["upper", "title"]
    assert list_names({"name": "other", "table": table}, "name") == []
    many = {f"n{number}": number for number in range(50)}
    assert len(list_names({"name": "n3", "table": many}, "name")) == NAMES_LIMIT - 1


def test_no_place_waits_for_all_of_another_one() -> None:
    def make(place: str, value: int) -> Variation:
        return Variation((place,), "value", "", value)

    several = [make("a", 1), make("a", 2), make("a", 3), make("b", 1), make("b", 2), make("c", 1)]
    names = [(one.place[0], one.value) for one in take_turns(several)]
    assert names == [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("b", 2), ("a", 3)]
