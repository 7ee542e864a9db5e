"""What the agent is told, and what is kept from it."""

from __future__ import annotations

from pathlib import Path

from pytest_agentfix.holdout import HoldOut, choose_hold_out
from pytest_agentfix.model import Cluster, Failure, ItemKind, Phase, TestOutcome
from pytest_agentfix.prompt import INSTRUCTIONS, first_prompt, next_prompt

TOP = Path("/project")
CASES = ("alpha-1", "beta-2", "gamma-3", "delta-4")
TEST = (
    "import pytest\nfrom words import count\n\n\n"
    "@pytest.mark.parametrize(\n    ('word', 'number'),\n    [\n"
    + "".join(f"        ({one.split('-')[0]!r}, {one.split('-')[1]}),\n" for one in CASES)
    + "    ],\n)\ndef test_count(word, number):\n    assert count(word) == number\n"
)
# pytest's long traceback shows the decorators.
TRACE = "".join(f"    {line}\n" for line in TEST.splitlines()[4:]) + "E   assert 0 == 1\n"


def read(path: str) -> tuple[bytes, bool] | None:
    return (TEST.encode(), False) if path == "test_words.py" else None


def nodeid(case: str) -> str:
    return f"test_words.py::test_count[{case}]"


def make_cluster() -> Cluster:
    failures = tuple(
        Failure(
            nodeid=nodeid(case),
            phase=Phase.CALL,
            kind=ItemKind.FUNCTION,
            path=TOP / "test_words.py",
            line=15,
            exception="AssertionError",
            message="assert 0 == 1",
            traceback=TRACE,
            case={"word": number, "number": number},
        )
        for number, case in enumerate(CASES)
    )
    return Cluster(slug="words", failures=failures)


def make_hold_out() -> HoldOut:
    return choose_hold_out(make_cluster(), top=TOP, read_base=read, can_edit_tests=False)


def make_red(*cases: str) -> list[TestOutcome]:
    return [TestOutcome(nodeid=nodeid(one), outcome="failed", detail=TRACE) for one in cases]


def start(hold_out: HoldOut, *red: str) -> str:
    return first_prompt(
        make_cluster(),
        make_red(*red),
        python="python3",
        top=TOP,
        read_base=read,
        hold_out=hold_out,
    )


def words_in(text: str) -> set[str]:
    return {case for case in CASES if case.split("-")[0] in text}


def test_everything_is_shown_without_a_hold_out() -> None:
    assert words_in(start(HoldOut(), *CASES)) == set(CASES)


def test_withheld_cases_are_in_no_part_of_the_prompt() -> None:
    hold_out = make_hold_out()
    secret = {case for case in CASES if nodeid(case) in hold_out.withheld}
    assert len(secret) == 2
    text = start(hold_out, *CASES)
    assert words_in(text) == set(CASES) - secret
    assert text.startswith("2 tests fail:\n\n- ")
    assert "assert 0 == 1" in text


def test_one_red_test_is_shown_where_only_withheld_ones_are_red() -> None:
    hold_out = make_hold_out()
    secret = [case for case in CASES if nodeid(case) in hold_out.withheld]
    assert nodeid(secret[0]) in start(hold_out, *secret)


def test_case_that_was_revealed_is_shown_and_no_other() -> None:
    hold_out = make_hold_out()
    first, second = (case for case in CASES if nodeid(case) in hold_out.withheld)
    later = hold_out.reveal([nodeid(first)])
    text = next_prompt(make_red(first), (), ["hold-out: 1 of 2 failed"], later)
    assert nodeid(first) in text
    assert second.split("-")[0] not in text


def test_the_way_out_is_told() -> None:
    assert "TEST IS WRONG: your reason" in INSTRUCTIONS
