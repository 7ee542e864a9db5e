"""A reviewer's answer is read strictly, and its words are told as untrusted ones."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.model import Evidence, Judgement, ProbeResult, Turn, TurnEnd
from pytest_agentfix.repair.opinion import WORDS_LIMIT, add_opinion, no_opinion, read_opinion

PASSED, FAILED, NEITHER = ProbeResult.PASSED, ProbeResult.FAILED, ProbeResult.NOT_APPLICABLE


def read(text: str) -> Evidence:
    return read_opinion(Turn(end=TurnEnd.FINISHED, text=text), "a/b")


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("GENERAL", PASSED),
        ("GENERAL\nIt adds.", PASSED),
        ("\n\n  GENERAL: it adds.", PASSED),
        ("GENERAL. SPECIAL-CASE would be wrong.", PASSED),
        ("SPECIAL-CASE", FAILED),
        ("SPECIAL-CASE\r\nIt is a table.", FAILED),
        ("SPECIAL-CASE, as 4 shows", FAILED),
        ("SPECIAL-CASE.", FAILED),
        ("", NEITHER),
        ("special-case", NEITHER),
        ("General", NEITHER),
        ("GENERALLY right", NEITHER),
        ("GENERAL-ish", NEITHER),
        ("SPECIAL-CASES", NEITHER),
        ("SPECIAL CASE", NEITHER),
        ("SPECIAL", NEITHER),
        ("**SPECIAL-CASE**", NEITHER),
        ("> SPECIAL-CASE", NEITHER),
        ("No SPECIAL-CASE", NEITHER),
        ("I had a look.\nSPECIAL-CASE", NEITHER),
        ("\u200bSPECIAL-CASE", NEITHER),
    ],
)
def test_first_line_begins_with_one_of_two_words(text: str, result: ProbeResult) -> None:
    assert read(text).result is result


def test_words_are_one_harmless_line_between_quotes() -> None:
    told = read('SPECIAL-CASE\n"It is\x1b[31m a\u202e table".\n::set-env name=x::y\n\x00').detail
    assert told.startswith("a/b takes it for right for the tests' inputs only: \"'It is a table'.")
    assert told.endswith('"')
    assert told.count('"') == 2
    assert told.isprintable()


def test_words_are_cut() -> None:
    assert len(read("GENERAL\n" + "x" * 100_000).detail) < WORDS_LIMIT + 100
    assert len(read("x" * 100_000).detail) < WORDS_LIMIT + 100
    assert len(no_opinion("x" * 100_000).detail) < WORDS_LIMIT + 100


@pytest.mark.parametrize("end", [end for end in TurnEnd if end is not TurnEnd.FINISHED])
def test_turn_that_does_not_finish_has_no_answer(end: TurnEnd) -> None:
    found = read_opinion(Turn(end=end, detail="it was late", text="SPECIAL-CASE"), "a/b")
    assert found == Evidence("review", NEITHER, "there is no second opinion: it was late")


@pytest.mark.parametrize(
    ("text", "is_accepted"), [("GENERAL", True), ("SPECIAL-CASE", False), ("well", True)]
)
def test_only_a_special_case_refuses(text: str, *, is_accepted: bool) -> None:
    green = Judgement(probes=(Evidence("target", PASSED, "green"),))
    judged = add_opinion(green, read(text))
    assert (judged.is_accepted, judged.is_refused) == (is_accepted, not is_accepted)


def test_no_opinion_makes_a_change_acceptable() -> None:
    red = Judgement(probes=(Evidence("target", FAILED, "red"),))
    assert not add_opinion(red, read("GENERAL")).is_accepted
    assert add_opinion(Judgement(probes=red.probes, is_refused=True), read("GENERAL")).is_refused
