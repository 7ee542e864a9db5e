"""The figures of true and false repairs count and name what they are about."""

from __future__ import annotations

import json
import re

from tests.kits.truth_figures import FIGURES, TROUBLE, Row, measure, render


def row(change: str, *caught_by: str) -> Row:
    return Row(
        task="Small/1",
        style="plain",
        change=change,
        is_accepted=not caught_by,
        caught_by=caught_by,
        evidence="",
        seconds=1.0,
    )


GOOD = (
    row("reference"),
    row("table dict", "lint"),
    row("table match", "mutant", "clone"),
    row("mutant 1"),
    row("mutant 2", "hold-out"),
    row("contradicted: reference", "target"),
)
BAD = (
    row("reference", "lint"),
    row("table dict"),
    row("table match", TROUBLE),
    row("mutant 1", TROUBLE),
    row("contradicted: case dict"),
)


def test_goals_that_are_met() -> None:
    assert [figure.count(GOOD) for figure in FIGURES] == [1, 2, 1, 1]
    assert not any(figure.is_missed(GOOD) for figure in FIGURES)
    assert [one.change for figure in FIGURES for one in figure.list_named(GOOD)] == ["mutant 1"]


def test_goals_that_are_missed_by_a_wrong_judgement_or_none() -> None:
    assert [figure.count(BAD) for figure in FIGURES] == [0, 0, 0, 0]
    assert [figure.is_missed(BAD) for figure in FIGURES] == [True, True, False, True]


def test_text_names_what_is_wrong_and_the_probes() -> None:
    text = re.sub(" +", " ", render((*GOOD, *BAD), {"calls itself": 3}))
    assert "1. 1 of 2 reference solutions accepted (goal: all)\n" in text
    assert " Small/1 (plain) reference: lint\n" in text
    assert "table dict 1 of 2 refused: lint 1, accepted 1\n" in text
    assert "table match 1 of 2 refused: mutant+clone 1, trouble 1" in text
    assert "3 tasks left out: calls itself" in text


def test_figures_for_programs() -> None:
    measured = json.loads(json.dumps(measure(GOOD, {})))
    assert [(one["count"], one["total"]) for one in measured["figures"]] == [
        (1, 1),
        (2, 2),
        (1, 2),
        (1, 1),
    ]
    assert len(measured["rows"]) == len(GOOD)
