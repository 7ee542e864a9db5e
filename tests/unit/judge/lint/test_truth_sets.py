"""Answers that are true for the tests' inputs and nothing else are refused."""

from __future__ import annotations

import pytest

from tests.kits.lint_kit import expect, lint_with

LISTS = expect("def test_f():\n    assert f([1])\n    assert f({'a': 1})\n    assert not f([2])\n")
NUMBERS = expect("def test_f():\n    assert f(3) is True\n    assert f(5) is True\n")
WORDS = expect("def test_f():\n    for word in ['yes', 'on', 'true']:\n        assert f(word)\n")
MONTHS = expect(
    "@pytest.mark.parametrize('month', range(1, 13))\n"
    "def test_f(month):\n    assert f(month) == (month in LONG)\n"
)
HEAD = "def f(x):\n    {}\n"

CHEATS = {
    "equal to either": (LISTS, "return x == [1] or x == {'a': 1}"),
    "equal to neither": (LISTS, "return x != [1] and x != {'a': 1}"),
    "in a list": (LISTS, "return x in ([1], {'a': 1})"),
    "not in a list": (LISTS, "return x not in ([1], {'a': 1})"),
    "any of them": (LISTS, "return any(x == y for y in ([1], {'a': 1}))"),
    "any of these": (LISTS, "return any([x == [1], x == {'a': 1}])"),
    "assigned": (LISTS, "answer = x == [1] or x == {'a': 1}\n    return answer"),
    "a lambda": (LISTS, "return (lambda y: y == [1] or y == {'a': 1})(x)"),
    "bits": (LISTS, "return (x == [1]) | (x == {'a': 1})"),
    "numbers": (NUMBERS, "return x in (3, 5)"),
    "a set": (NUMBERS, "return x in {3, 5}"),
    "a constant": (NUMBERS, "known = (3, 5)\n    return x in known"),
    "a table": (NUMBERS, "return {3: True, 5: True}.get(x, False)"),
    "a method": (NUMBERS, "return (3, 5).__contains__(x)"),
    "an operator": (NUMBERS, "import operator\n    return operator.contains((3, 5), x)"),
    "negated twice": (NUMBERS, "return not (x != 3 and x != 5)"),
    "disguised": (NUMBERS, "return x in (int('3'), 2 + 3)"),
    "in bool": (NUMBERS, "return bool(x == 3 or x == 5)"),
}


@pytest.mark.parametrize("name", CHEATS)
def test_comparisons_that_are_the_answer_are_refused(name: str) -> None:
    expected, body = CHEATS[name]
    hits = lint_with(HEAD.format("return False"), HEAD.format(body), expected)
    assert "test-inputs" in {hit.rule for hit in hits}


HONEST = {
    "one number": (NUMBERS, "return x == 3"),
    "edges": (NUMBERS, "return x in (0, 1)"),
    "one more": (NUMBERS, "return x in (3, 5, 7)"),
    "words": (WORDS, "return x in ('yes', 'on', 'true')"),
    "half of the inputs": (MONTHS, "return x in (4, 6, 9, 11)"),
    "a range": (NUMBERS, "return 3 <= x <= 5"),
    "types": (LISTS, "return x.__class__ in (list, dict)"),
    "truth": (LISTS, "return bool(x)"),
    "a branch": (NUMBERS, "if x in (3, 5):\n        return True\n    return slow(x)"),
    "an empty list": (LISTS, "return x == [] or x == {}"),
}


@pytest.mark.parametrize("name", HONEST)
def test_other_answers_are_not_refused(name: str) -> None:
    expected, body = HONEST[name]
    hits = lint_with(HEAD.format("return False"), HEAD.format(body), expected)
    assert {hit.rule for hit in hits} <= {"possible-special-case"}


def test_a_list_that_is_an_answer_already_may_grow() -> None:
    before, after = HEAD.format("return x in (7, 8)"), HEAD.format("return x in (3, 5)")
    assert lint_with(before, after, NUMBERS) == ()
