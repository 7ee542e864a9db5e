"""Prompts hold what the agent needs, and nothing that is withheld."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Cluster, Failure, HoldOut, ItemKind, Phase, TestOutcome
from pytest_agentfix.repair.holdout import choose_hold_out
from pytest_agentfix.repair.prompts.prompt import (
    INSTRUCTIONS,
    PROMPT_BUDGET,
    first_prompt,
    next_prompt,
)

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


WORDS = "def count(word):\n    return 0\n"
FILES = {"test_words.py": TEST, "words.py": WORDS}


def read(path: str) -> tuple[bytes, bool] | None:
    return (FILES[path].encode(), False) if path in FILES else None


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


def start(
    hold_out: HoldOut,
    *red: str,
    cluster: Cluster | None = None,
    detail: str = TRACE,
    note: str = "",
) -> str:
    return first_prompt(
        cluster or make_cluster(),
        [replace(outcome, detail=detail) for outcome in make_red(*red)],
        python="python3",
        top=TOP,
        read_base=read,
        hold_out=hold_out,
        note=note,
    )


def make_printing(output: str) -> Cluster:
    cluster = make_cluster()
    failures = tuple(replace(failure, output=output) for failure in cluster.failures)
    return replace(cluster, failures=failures)


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
    assert text.startswith("2 tests fail:\n\n- test_words.py::test_count[")
    assert "assert 0 == 1" in text


def test_one_red_test_is_shown_where_only_withheld_ones_are_red() -> None:
    hold_out = make_hold_out()
    secret = [case for case in CASES if nodeid(case) in hold_out.withheld]
    text = start(hold_out, *secret)
    assert f"[{secret[0]}]" in text
    assert secret[1].split("-")[0] not in text


def test_case_that_was_revealed_is_shown_and_no_other() -> None:
    hold_out = make_hold_out()
    first, second = (case for case in CASES if nodeid(case) in hold_out.withheld)
    later = hold_out.reveal([nodeid(first)])
    text = next_prompt(make_red(first), (), ["hold-out: 1 of 2 failed"], later)
    assert nodeid(first) in text
    assert second.split("-")[0] not in text


def test_withheld_cases_are_in_no_output_note_or_cause() -> None:
    hold_out = make_hold_out()
    secret = [case for case in CASES if nodeid(case) in hold_out.withheld]
    lines = "\n".join(f"looking at test_count[{case}]" for case in CASES)
    text = start(hold_out, *CASES, cluster=make_printing(lines), note=lines)
    assert not [case for case in secret if case in text]
    assert "looking at test_count[" in text


def test_withheld_case_on_a_line_too_long_to_be_shown_whole_is_not_shown_in_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = re.sub(r"(\('\w+', \d\),)\n", rf"\1  # {'9' * 2_000}\n", TEST)
    monkeypatch.setitem(FILES, "test_words.py", long)
    hold_out = make_hold_out()
    assert min(map(len, hold_out.hidden_lines)) > 2_000
    text = start(hold_out, *CASES, detail="E   assert 0 == 1")
    secret = {case for case in CASES if nodeid(case) in hold_out.withheld}
    assert "test_words.py, lines 5-15 (some are left out):" in text
    assert words_in(text) == set(CASES) - secret


def test_what_tests_have_in_common_is_told_on_one_line() -> None:
    cause = "same error\nE assert 0" + "x" * 9_000
    text = start(HoldOut(), *CASES, cluster=replace(make_cluster(), cause=cause))
    line = next(line for line in text.split("\n") if line.startswith("They are presumed"))
    assert "to have one cause (same error E assert 0xx" in line
    assert len(line) < 400


def test_cause_that_spells_a_withheld_case_is_not_told() -> None:
    hold_out = make_hold_out()
    cause = f"same as {hold_out.withheld[0]}"
    text = start(hold_out, *CASES, cluster=replace(make_cluster(), cause=cause))
    assert "They are presumed" not in text


def test_each_line_of_source_is_told_once_and_the_product_with_the_test() -> None:
    text = start(HoldOut(), *CASES)
    for line in ("def test_count(word, number):", "def count(word):", "('gamma', 3),"):
        assert text.count(line) == 1
    assert "test_words.py, lines 5-15:\n" in text
    assert "words.py, lines 1-2:\n```python\ndef count(word):\n    return 0\n```" in text


def test_further_failures_are_told_by_what_is_different() -> None:
    red = [replace(one, detail=TRACE) for one in make_red(*CASES[:3])]
    red[1] = replace(red[1], detail=TRACE.replace("0 == 1", "0 == 2"))
    text = next_prompt(red, (), ())
    assert text.count("assert 0 == 1") == 1
    assert text.endswith(f"Of the others:\n```\n{nodeid('beta-2')}:\nE   assert 0 == 2\n```")


def test_nothing_makes_a_prompt_grow() -> None:
    huge = "E   assert 0\n" * 20_000
    cluster = make_printing(huge)
    text = start(HoldOut(), *CASES, cluster=cluster, detail=huge, note="n" * 200_000)
    assert len(text) <= PROMPT_BUDGET
    assert text.endswith("python3 -m pytest 'test_words.py::test_count'")
    assert len(next_prompt(make_red(*CASES) * 50, (), ["c" * 9_000] * 50)) <= PROMPT_BUDGET


def test_same_failure_gives_the_same_prompt_in_each_run() -> None:
    first, second = (
        start(HoldOut(), *CASES, detail=f"E   <A at 0x{one}>\nE   /tmp/pytest-of-me/pytest-{n}/x")
        for n, one in enumerate(("7f0000001000", "7f0000002000"))
    )
    assert first == second
    assert "<A at 0x1>" in first


def test_note_stands_before_the_command() -> None:
    text = start(HoldOut(), *CASES, note="Another fix was first.")
    assert text.index("assert 0 == 1") < text.index("Another fix was first.")
    assert text.index("Another fix was first.") < text.index("Run from /project:")


def test_the_way_out_is_told() -> None:
    assert "TEST IS WRONG: your reason" in INSTRUCTIONS
