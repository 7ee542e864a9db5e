"""Untrusted text cut to size."""

from __future__ import annotations

import pytest

from pytest_agentfix.repair.prompts.truncation import (
    StableText,
    cut_line,
    cut_middle,
    cut_output,
    fence,
    is_telling,
    leave_out_source,
)

NOISE = [f"line {number} of what a test printed, which says nothing" for number in range(2_000)]
HOSTILE = {
    "one long line": "x" * 200_000,
    "addresses": " at 0x" * 33_000,
    "dots": "." * 200_000,
    "folders": "pytest-of-" * 20_000,
    "blank lines after a long one": " " * 100_000 + "\n" * 100_000,
    "errors only": "E   assert 0\n" * 15_000,
    "places": "a.py:1: \n" * 20_000,
    "fences": "`" * 200_000,
    "source": "    pass\n" * 20_000,
    "rulers": "_ _ \n" * 40_000,
}


@pytest.mark.parametrize("limit", [100, 1_000, 6_000])
@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_gets_longer_than_its_limit(name: str, limit: int) -> None:
    text = StableText()(HOSTILE[name])
    assert len(cut_output(text, limit)) <= limit
    assert len(cut_middle(text, limit)) <= limit
    assert len(cut_line(text, limit)) <= limit
    assert len(cut_output(leave_out_source(text, {"pass"}), limit)) <= limit


def test_short_text_is_left_as_it_is() -> None:
    assert cut_output("one\ntwo\n", 100) == "one\ntwo\n"
    assert cut_middle("one", 3) == "one"


def test_lines_that_tell_of_an_error_stay_and_the_rest_is_counted() -> None:
    lines = [*NOISE]
    lines[900] = ">       assert count('a') == 1"
    lines[901] = "E       assert 0 == 1"
    lines[903] = "words.py:12: AssertionError"
    cut = cut_output("\n".join(lines), 2_000).split("\n")
    middle = [lines[900], lines[901], "[... 1 line left out ...]", lines[903]]
    start = cut.index(lines[900])
    assert cut[start : start + 4] == middle
    assert cut[0] == NOISE[0]
    assert cut[-1] == NOISE[-1]
    left_out = [int(line.split()[1]) for line in cut if line.endswith("left out ...]")]
    assert sum(left_out) + len(cut) - len(left_out) == len(lines)


def test_of_too_many_errors_the_last_ones_stay() -> None:
    errors = [f"E   error {number} of very many of the same kind" for number in range(1_000)]
    cut = cut_output("\n".join([*errors, *NOISE]), 2_000)
    assert errors[-1] in cut
    assert errors[500] not in cut


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        ("E       assert 0 == 1", True),
        (">       run()", True),
        ("ValueError: no", True),
        ("src/words.py:12: in count", True),
        ("src/words.py:12:", True),
        ("12:30:01 started", False),
        ("all is well", False),
        ("", False),
    ],
)
def test_what_a_telling_line_is(line: str, *, is_one: bool) -> None:
    assert is_telling(line) is is_one


def test_source_that_is_shown_elsewhere_is_left_out_of_a_traceback() -> None:
    trace = (
        "    def test_count(word):\n        text = word * 2\n>       assert count(text) == 2\n"
        "               ^^^^^\n\ntest_words.py:9: \n_ _ _ _ _\n\nword = 'a'\n\n"
        "    def count(word):\n>       return other(word)\nE       KeyError: 'a'\n\n"
        "words.py:2: KeyError"
    )
    shown = {"def test_count(word):", "text = word * 2", "assert count(text) == 2"}
    assert leave_out_source(trace, shown) == (
        ">       assert count(text) == 2\n\ntest_words.py:9: \n\nword = 'a'\n\n"
        "    def count(word):\n>       return other(word)\nE       KeyError: 'a'\n\n"
        "words.py:2: KeyError"
    )


def test_of_a_long_function_that_is_not_shown_the_ends_stay() -> None:
    body = [f"        step({number})" for number in range(30)]
    trace = "\n".join(["    def load(text):", *body, ">       fail()", "E       ValueError"])
    assert leave_out_source(trace, ()).split("\n") == [
        "    def load(text):",
        "    [... 26 lines left out ...]",
        *body[-4:],
        ">       fail()",
        "E       ValueError",
    ]


def test_addresses_are_numbers_that_keep_objects_apart() -> None:
    steady = StableText()
    text = "assert <Item object at 0x7f6076164150> is <Item object at 0x7f6076164999>"
    again = "E   <Item object at 0x7f6076164150>, <test.I...7f6076164999>"
    assert steady(text) == "assert <Item object at 0x1> is <Item object at 0x2>"
    assert steady(again) == "E   <Item object at 0x1>, <test.I...2>"
    assert StableText()(again) != again
    assert StableText()("assert hex(value) == '0xdeadbeef'") == "assert hex(value) == '0xdeadbeef'"


def test_numbers_of_pytests_folders_do_not_vary() -> None:
    paths = [f"/tmp/pytest-of-me/pytest-{number}/test_a0/f.txt" for number in (3, 44)]
    assert {StableText()(path) for path in paths} == {"/tmp/pytest-of-user/pytest-0/test_a0/f.txt"}


def test_no_content_closes_its_fence() -> None:
    text = "a ``` b ```` c"
    assert fence(text, "diff") == f"`````diff\n{text}\n`````"
    assert fence("plain") == "```\nplain\n```"
