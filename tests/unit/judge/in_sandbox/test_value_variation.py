"""Variations of texts: their words, and names that other arguments know; the order of places."""

from __future__ import annotations

import types
from typing import Any

from pytest_agentfix.judge.in_sandbox.call_variation import take_turns
from pytest_agentfix.judge.in_sandbox.value_description import digest_value
from pytest_agentfix.judge.in_sandbox.value_variation import (
    NAMES_LIMIT,
    PLACE_LIMIT,
    Variation,
    Vocabulary,
    find_places,
    vary,
    vary_words,
)

NO_WORDS = Vocabulary([], [])


def test_each_word_is_replaced_made_longer_and_shorter_and_left_out() -> None:
    assert list(vary_words("Ada of 1815, x Oslo", NO_WORDS)) == [
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
    assert list(vary_words("1815 x", NO_WORDS)) == []


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


def test_words_of_the_change_are_varied_first() -> None:
    text = "kind=code&user=ada&scope=open&page=first&lang=de"
    first = next(vary_words(text, Vocabulary([], [], ("['de']",))))
    assert first == ("another word in it", text.replace("de", "qw").replace("coqw", "code"))


def test_places_that_the_change_names_come_first_however_deep_they_lie() -> None:
    rows = [(f"name {number}", str(number)) for number in range(50)]
    held = types.SimpleNamespace(rows=rows, table={"b": {"c": [{"wanted": 31}]}})
    arguments = {"plain": 1, "held": held}
    found = find_places(arguments, skip=frozenset(), vocabulary=Vocabulary([], [], ("name 49", 31)))
    steps = [("attr", "table"), ("item", "b"), ("item", "c"), ("index", 0), ("item", "wanted")]
    assert found[:2] == [
        (("held", ("attr", "rows"), ("index", 49), ("index", 0)), "name 49"),
        (("held", *steps), 31),
    ]
    others = find_places(arguments, skip=frozenset())
    assert len(others) == PLACE_LIMIT
    assert found[2:] == others


def test_a_place_of_the_change_is_not_listed_twice() -> None:
    vocabulary = Vocabulary([], [], ("near",))
    found = find_places({"text": "near", "n": 2}, skip=frozenset(), vocabulary=vocabulary)
    assert found == [(("text",), "near"), (("n",), 2)]


def test_a_place_of_the_change_gets_several_turns() -> None:
    several = [Variation(("a",), "value", "", number) for number in range(8)]
    several += [Variation(("b",), "value", "", number, is_named=True) for number in range(8)]
    assert [one.place[0] for one in take_turns(several)][:8] == ["b"] * 5 + ["a"] + ["b"] * 2


def test_a_digest_knows_what_a_description_leaves_out() -> None:
    large = dict.fromkeys(range(99), "x" * 100)
    first, second = ({"large": large, "last": number} for number in (1, 2))
    assert digest_value(first) != digest_value(second)
    more = {**large, 99: "x", 100: "y"}
    assert digest_value(more) != digest_value({**more, 101: "z"})
    assert digest_value([0] * 300) != digest_value([0] * 301)
