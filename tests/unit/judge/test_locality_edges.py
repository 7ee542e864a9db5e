"""Answers that nobody gives without a reason, and the tests that a change brings along."""

from __future__ import annotations

import pytest

from pytest_agentfix.judge.locality.code_reader import CodeReader
from pytest_agentfix.judge.locality.joint_edges import is_telling
from pytest_agentfix.judge.locality.watched_code import WatchedCode


@pytest.mark.parametrize(
    "answer",
    [
        "[tuple[1, 1]]",
        "tuple[1, 1]",
        "7.5",
        "{'count': 7}",
        "'Hello, World!'",
        "set['tuple[1, 1]']",
        "OrderedDict{1: 7}",
        "dict_items([(1, 1)])",
        "Point(x=3, y=4)",
        "[[tuple[7, 7]], None]",
        "'a text that was cut" + "x" * 200,
    ],
)
def test_telling_answers(answer: str) -> None:
    assert is_telling(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "None",
        "0",
        "1",
        "True",
        "[]",
        "[1]",
        "[[]]",
        "tuple[0, 0]",
        "''",
        "'none'",
        "'n/a'",
        "{'page': 1, 'pages': 1}",
        "<Colour.RED: 3>",
        "<object object>",
        "set[]",
        "Empty()",
        "",
    ],
)
def test_defaults_and_names_of_cases(answer: str) -> None:
    assert not is_telling(answer)


def read(body: str) -> WatchedCode:
    base = "def f(n, k, rows):\n    if n == 1:\n        return k\n    return n\n"
    reader = CodeReader()
    assert reader.read("m.py", base.encode(), f"def f(n, k, rows):\n{body}".encode()) == ""
    return reader.finish()


def test_what_only_has_a_truth_is_a_condition_without_knowledge() -> None:
    code = read(
        "    if not rows:\n        return k\n    if n == 1:\n        return k\n    return n\n"
    )
    found = [(one.kind, one.text, one.knowledge, one.question) for one in code.conditions]
    assert found == [("test", "rows", (), None)]


def test_questions_of_the_base_are_conditions_where_the_change_joins_them() -> None:
    code = read("    if n == 1 and k == 0:\n        return 7\n    return n\n")
    found = {(one.kind, one.text) for one in code.conditions}
    assert found == {("truth", "n == 1 and k == 0"), ("test", "n == 1"), ("compare", "k == 0")}
