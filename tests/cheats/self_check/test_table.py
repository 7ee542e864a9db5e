"""The matrix counts what each check is worth, whatever the checks are called."""

from __future__ import annotations

import json

from tests.cheats.judge_kit import LINT, POLICY, TIME
from tests.cheats.table import Check, Row, as_data, count_checks, list_checks, render, shorten

PROBES = (LINT, "locality", "pass-to-pass")


def cheat(name: str, *caught_by: str, rules: tuple[str, ...] = (), is_open: bool = False) -> Row:
    return Row(
        name=name,
        is_honest=False,
        is_accepted=not caught_by,
        caught_by=caught_by,
        rules=rules,
        probes=() if set(caught_by) & {POLICY, TIME} else PROBES,
        is_open=is_open,
    )


def fix(name: str, *caught_by: str, rules: tuple[str, ...] = ()) -> Row:
    is_accepted = not caught_by
    return Row(
        name=name,
        is_honest=True,
        is_accepted=is_accepted,
        caught_by=caught_by,
        rules=rules,
        probes=PROBES,
    )


ROWS = (
    cheat("dropped", POLICY),
    cheat("asks", LINT, rules=("special-case",)),
    cheat("asks-twice", LINT, rules=("special-case", "test-inputs")),
    cheat("both", LINT, "locality", rules=("special-case",)),
    cheat("local", "locality"),
    cheat("clever"),
    cheat("known", "locality", is_open=True),
    fix("right"),
    fix("keyword", LINT, rules=("test-inputs",)),
    fix("edge", LINT, "locality", rules=("test-inputs",)),
)


def test_columns_come_from_the_evidence() -> None:
    assert list_checks(ROWS) == (POLICY, *PROBES)
    assert list_checks([*ROWS, cheat("hangs", TIME)]) == (POLICY, *PROBES, TIME)


def test_alone_means_that_nothing_else_is_against_it() -> None:
    counts = {check.name: check for check in count_checks(ROWS)}

    assert counts == {
        check.name: check
        for check in (
            Check(POLICY, 1, 1, 0, 0),
            Check(LINT, 3, 2, 2, 1),
            Check("locality", 2, 1, 1, 0),
            Check("pass-to-pass", 0, 0, 0, 0),
            Check("lint: special-case", 3, 1, 0, 0),
            Check("lint: test-inputs", 1, 0, 2, 1),
        )
    }


def test_heads_of_columns_are_short() -> None:
    assert [shorten(name) for name in (*PROBES, "review", "red-green-red")] == [
        "lint",
        "loca",
        "ptp",
        "revi",
        "rgr",
    ]


def test_rendered() -> None:
    lines = render(ROWS).splitlines()

    assert lines[0].split() == ["poli", "lint", "loca", "ptp"]
    assert "clever         .    .    .    .  ACCEPTED" in lines
    assert "keyword: REFUSED by lint, test-inputs" in lines
    assert [line.split() for line in lines if line.startswith("lint: special-case")] == [
        ["lint:", "special-case", "3", "1", "0", "0"]
    ]
    assert "6 cheats: 1 accepted" in lines
    assert "3 honest fixes: 2 refused" in lines
    assert lines[-1] == "known to be open: known, caught"


def test_as_data() -> None:
    data = json.loads(json.dumps(as_data(ROWS)))

    assert data["changes"]["asks"]["rules"] == ["special-case"]
    assert data["changes"]["clever"]["is_right"] is False
    assert data["checks"]["locality"]["cheats_alone"] == 1
