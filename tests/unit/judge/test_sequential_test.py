"""The sequential test that decides from repeated runs whether a change breaks a test."""

from __future__ import annotations

import math
import random

import pytest

from pytest_agentfix.judge.sequential_test import MOST_PAIRS, Decision, Tally

OPEN, BROKEN, RED_ANYWAY, BY_CHANCE = Decision


def make_tally(with_change: str, without: str, *, is_known_red: bool = False) -> Tally:
    """Make a tally of runs: ``r`` for a red one, ``g`` for a green one."""
    tally = Tally(is_known_red=is_known_red)
    for letter in with_change:
        tally.add_with_change(is_red=letter == "r")
    for letter in without:
        tally.add_without_change(is_red=letter == "r")
    return tally


@pytest.mark.parametrize(
    ("with_change", "without", "decision"),
    [
        ("r", "", OPEN),
        ("r", "g", OPEN),
        ("rr", "gg", OPEN),
        ("rrr", "ggg", OPEN),
        ("rrrr", "ggg", OPEN),
        ("rrrr", "gggg", BROKEN),
        ("rrr", "gggg", OPEN),
        ("r", "r", OPEN),  # may be chance on both sides
        ("r", "rr", RED_ANYWAY),
        ("rrrr", "rg", OPEN),
        ("rg", "g", OPEN),
        ("rgg", "g", BY_CHANCE),
        ("rgrg", "gg", BY_CHANCE),
        ("rrg", "ggg", OPEN),
    ],
)
def test_steady_suite(with_change: str, without: str, decision: Decision) -> None:
    assert make_tally(with_change, without).decide(is_steady=True) is decision


@pytest.mark.parametrize(
    ("with_change", "without", "decision"),
    [
        ("rrr", "ggg", OPEN),
        ("rrrr", "gggg", OPEN),
        ("rrrrr", "ggggg", OPEN),
        ("rrrrrr", "ggggg", BROKEN),
        ("rrrrrr", "rggggg", OPEN),
        ("rrrrrrr", "rgggggg", BROKEN),
        ("rgg", "ggg", BY_CHANCE),
    ],
)
def test_suite_with_tests_that_are_red_by_chance(
    with_change: str, without: str, decision: Decision
) -> None:
    assert make_tally(with_change, without).decide(is_steady=False) is decision


def test_red_without_the_change_in_another_order() -> None:
    assert make_tally("r", "r", is_known_red=True).decide(is_steady=True) is RED_ANYWAY
    assert make_tally("r", "g", is_known_red=True).decide(is_steady=True) is OPEN
    assert make_tally("r", "", is_known_red=True).decide(is_steady=True) is OPEN


@pytest.mark.parametrize(
    ("with_change", "without", "decision"),
    [
        ("r", "g", BROKEN),
        ("rr", "gr", BY_CHANCE),
        ("rrrg", "ggg", BY_CHANCE),
        ("rrrrrrg", "gggg", BY_CHANCE),  # always red, it would be broken; so it has to be sure
        ("rrrrrrr", "rggg", BROKEN),
    ],
)
def test_no_time_for_more(with_change: str, without: str, decision: Decision) -> None:
    assert make_tally(with_change, without).decide(is_steady=True, is_last=True) is decision


def test_always_decided_in_the_end() -> None:
    for reds in range(MOST_PAIRS + 1):
        with_change = "r" * reds + "g" * (MOST_PAIRS - reds)
        for base_reds in range(MOST_PAIRS + 1):
            without = "r" * base_reds + "g" * (MOST_PAIRS - base_reds)
            tally = make_tally(with_change, without)
            decision = tally.decide(is_steady=False, is_last=True)
            assert decision is not OPEN
            assert (decision is BROKEN) <= (reds > base_reds)


def test_probability_is_fishers_without_the_first_run_with_the_change() -> None:
    assert math.isclose(make_tally("rrrr", "ggg").probability, 1 / 20)
    assert math.isclose(make_tally("rrrrrr", "ggggg").probability, 1 / 252)
    assert math.isclose(make_tally("rrrrrrrr", "rgggggg").probability, 7 / 3003)
    assert make_tally("rg", "r").probability == 1


@pytest.mark.parametrize("chance", [0.1, 0.3, 0.5])
def test_red_by_chance_on_both_sides_is_hardly_ever_blamed(chance: float) -> None:
    trials, rng = 2000, random.Random(1)
    blamed = sum(find_decision(chance, rng) is BROKEN for _ in range(trials))
    assert blamed <= trials // 50


def find_decision(chance: float, rng: random.Random) -> Decision:
    """Repeat a test that is red with this probability on both sides, first red with the change."""
    tally = make_tally("r", "g")
    for _ in range(MOST_PAIRS):
        tally.add_with_change(is_red=rng.random() < chance)
        tally.add_without_change(is_red=rng.random() < chance)
        if (decision := tally.decide(is_steady=False)) is not OPEN:
            return decision
    return tally.decide(is_steady=False, is_last=True)


def test_words() -> None:
    tally = make_tally("rg", "g")
    assert str(tally) == "red in 1 of 2 runs with the change, in 0 of 1 without it"
