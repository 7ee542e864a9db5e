"""The values that conditions ask about, as they are noted in one call."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.asked_values import (
    ASKED_LENGTH,
    ASKED_LIMIT,
    MERGED_LIMIT,
    AskedValues,
    find_part,
    list_found,
    merge_asked,
    name_value,
)


@pytest.mark.parametrize(
    ("place", "operands", "expected"),
    [
        ("left", ["Ada", ("Ada", "Lin")], "'Ada'"),
        ("right", [{"Ada": 7}, "Lin"], "'Lin'"),
        ("start", ["Ada of X", ("Lin", "Ada")], "'Ada'"),
        ("start", ["Grace of X", ("Lin", "Ada")], "'Gra'"),
        ("end", ["born 1815", "1815"], "'1815'"),
        ("end", ["born 1906", "1815"], "'1906'"),
        ("within", ["Ada", "Countess Ada"], "'Ada'"),
        ("within", ["Ada", "Grace"], "'Grace'"),
        ("match", [re, "Ada|Lin", "Ada of X"], "'Ada of X'"),
    ],
)
def test_the_value_is_what_is_asked_for(place: str, operands: list[Any], expected: str) -> None:
    asked = AskedValues({4: place})
    for number, value in enumerate(operands):
        asked.take_operand(4, number, value)
    asked.take_outcome(4, outcome=True)
    assert asked.describe() == {"4": {expected: "T"}}


def test_a_match_is_what_was_found() -> None:
    asked = AskedValues({4: "match"})
    asked.take_operand(4, 1, "Ada of X")
    asked.take_answer(4, re.match("Ada|Lin", "Ada of X"))
    asked.take_outcome(4, outcome=True)
    assert asked.describe() == {"4": {"'Ada'": "T"}}


def test_outcomes_of_a_loop_are_kept_apart() -> None:
    asked = AskedValues({4: "left"})
    for value, outcome in (("a", True), ("b", False), ("a", False)):
        asked.take_operand(4, 0, value)
        asked.take_outcome(4, outcome=outcome)
    asked.take_outcome(4, outcome=True)  # of no operand
    assert asked.describe() == {"4": {"'a'": "FT", "'b'": "F"}}
    asked.forget()
    assert asked.describe() == {}


@pytest.mark.parametrize(
    ("place", "left", "right"),
    [
        ("start", 7, "x"), ("start", "x", (7,)), ("start", "x", ()), ("end", b"x", "x"),
        ("within", "x", ["x"]), ("within", 7, [7]),
    ],
)  # fmt: skip
def test_what_is_no_text_has_no_part(place: str, left: Any, right: Any) -> None:
    assert find_part(place, left, right) is None


def test_values_are_limited() -> None:
    asked = AskedValues({4: "left"})
    for number in range(2 * ASKED_LIMIT):
        asked.take_operand(4, 0, number)
        asked.take_outcome(4, outcome=False)
    assert len(asked.describe()["4"]) == ASKED_LIMIT
    tries = [{"asked": {"4": {str(number): "F"}}} for number in range(2 * MERGED_LIMIT)]
    assert len(merge_asked({"asked": {}}, tries)["4"][1]) == MERGED_LIMIT
    first, second = name_value("x" * 500), name_value("x" * 499 + "y")
    assert first != second
    assert len(first) < ASKED_LENGTH


def test_variations_are_taken_together() -> None:
    first = {"asked": {"4": {"'a'": "T"}}}
    tries: list[dict[str, Any]] = [
        {"asked": {"4": {"'b'": "F", "'a'": "T"}}}, {"asked": {"4": {"'b'": "T"}}}, {"asked": {}}
    ]  # fmt: skip
    assert merge_asked(first, tries) == {"4": [{"'a'": "T"}, {"'b'": "FT", "'a'": "T"}]}
    assert tries == [{}, {}, {}]


def test_only_conditions_that_hold_are_new() -> None:
    assert list_found({"4": {"'a'": "FT", "'b'": "F"}}) == [("4", "'a'")]
