"""Further numbers where a path may be taken by chance."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_agentfix.judge.in_sandbox.random_draws import DRAWS, draw_more, draw_numbers
from pytest_agentfix.judge.in_sandbox.value_variation import Vocabulary, vary_value

NO_WORDS = Vocabulary([], [])


def make_tries(taken: int, missed: int) -> list[dict[str, Any]]:
    """Make tries of ``n``, the first ``taken`` of which end condition 1 as the call did."""
    outcomes = ["T"] * taken + ["F"] * missed
    return [{"place": "n", "kind": "value", "met": {"1": one}} for one in outcomes]


@pytest.mark.parametrize(
    ("taken", "missed", "is_rare"),
    [(0, 20, False), (1, 20, True), (3, 17, True), (4, 16, False), (1, 5, False)],
)
def test_more_are_drawn_where_few_take_the_path(taken: int, missed: int, *, is_rare: bool) -> None:
    tries = make_tries(taken, missed)
    drawn = draw_more({"n": 5}, tries, {"1": "T"}, NO_WORDS, skip=frozenset())
    assert bool(drawn) is is_rare


def test_only_numbers_are_drawn_and_none_of_the_tests() -> None:
    tries = make_tries(1, 20)
    assert draw_more({"n": "five"}, tries, {"1": "T"}, NO_WORDS, skip=frozenset()) == []
    some = draw_numbers(5, NO_WORDS)[0]
    avoiding = Vocabulary([], [some])
    drawn = draw_more({"n": 5}, tries, {"1": "T"}, avoiding, skip=frozenset())
    assert some not in [one.value for one in drawn]


@pytest.mark.parametrize("value", [0, 5, 10**12, 0.25, -7.5, float("inf"), float("nan")])
def test_draws_are_new_of_one_type_and_the_same_each_time(value: float) -> None:
    drawn = draw_numbers(value, NO_WORDS)
    assert repr(drawn) == repr(draw_numbers(value, NO_WORDS))
    assert DRAWS // 3 < len(drawn) <= DRAWS
    assert {type(one) for one in drawn} == {type(value)}
    known = [other for _, _, other in vary_value(value, NO_WORDS)]
    assert not set(drawn) & {value, *known}
