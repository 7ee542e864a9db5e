"""Vary a number by more values, where few of the usual ones take the path that a call takes.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.

A condition may compare what was made of a number: a remainder, a sum, a product. Then some other
number takes the same path by chance. Many numbers tell chance from a rule.
"""

import random
from typing import Any

from pytest_agentfix.judge.in_sandbox.value_variation import (
    Variation,
    Vocabulary,
    find_places,
    name_place,
    vary_value,
)

DRAWS = 120  # further values of one number
DRAWN_PLACES = 3  # of one call
RARE = 3  # variations of one place that may be chance
RARE_AFTER = 8  # when more have been drawn
LARGEST = 10**9
TELLING = 12  # variations of one place, below which it is not known to be rare


def draw_more(
    arguments: "dict[str, Any]",
    tries: "list[dict[str, Any]]",
    met: "dict[str, str]",
    vocabulary: Vocabulary,
    *,
    skip: "frozenset[str]",
) -> "list[Variation]":
    """List further variations of a call which had ``met`` and whose ``tries`` are known."""
    rare = find_rare(tries, met)
    places = [
        (place, value)
        for place, value in find_places(arguments, skip=skip, vocabulary=vocabulary)
        if type(value) in (int, float) and name_place(place) in rare
    ]
    return [
        Variation(place, "value", "at random", other)
        for place, value in places[:DRAWN_PLACES]
        for other in draw_numbers(value, vocabulary)
        if not vocabulary.avoids(other)
    ]


def find_rare(
    tries: "list[dict[str, Any]]", met: "dict[str, str]", most: int = RARE
) -> "frozenset[str]":
    """List the places of which 1 to ``most`` variations end a condition as the call does."""
    counts: dict[tuple[str, str], list[int]] = {}
    for one in tries:
        for number, outcomes in one["met"].items() if one["kind"] == "value" else ():
            wanted = "T" if "T" in met.get(number, "") else "F"
            count = counts.setdefault((one["place"], number), [0, 0])
            count[wanted in outcomes] += 1
    return frozenset(
        place
        for (place, number), (missed, taken) in counts.items()
        if number in met and 0 < taken <= most and missed + taken >= TELLING
    )


def keep_rare_operands(tries: "list[dict[str, Any]]", met: "dict[str, str]") -> None:
    """Drop the operands of all ``tries`` but those that may have taken a path by chance."""
    rare = find_rare(tries, met, RARE_AFTER)
    for one in tries:
        took = {
            number
            for number, outcomes in one["met"].items()
            if ("T" if "T" in met.get(number, "") else "F") in outcomes
        }
        if one["place"] not in rare or not took:
            one["operands"] = {}


def draw_numbers(value: Any, vocabulary: Vocabulary) -> "list[Any]":
    """Return numbers that are not varied to anyway, of several sizes; the same ones each time."""
    chosen = random.Random(repr(value))  # noqa: S311 - nothing is secret
    known = {value, *(other for _, _, other in vary_value(value, vocabulary))}
    found: dict[Any, None] = {}
    for number in range(DRAWS):
        size = 10 ** (number % 4) * max(25, min(abs(value), LARGEST))
        if isinstance(value, int):
            other: Any = chosen.randint(-size // 10, size)
        else:
            other = round(chosen.uniform(-size / 10, size), number % 3 + 1)
        if other not in known:
            found[other] = None
    return list(found)
