"""Changes after which the tests' own inputs alone have other answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import pytest

from pytest_agentfix.judge.in_sandbox.value_description import describe_value, digest_text
from pytest_agentfix.judge.locality.code_reader import CodeReader
from pytest_agentfix.judge.locality.comparison import Comparison
from pytest_agentfix.judge.locality.repeated_calls import Outcome, RepeatedCall, RepeatedCalls, Try
from pytest_agentfix.judge.locality.same_answers import find_same_answers
from pytest_agentfix.judge.locality.watched_code import WatchedCode

Function = Callable[[object], object]
TEXTS = [f"{number}x{number + 3}y" for number in range(30)]
NUMBERS = [*range(40, 70)]
ALONE = [(True, "no other input has another answer")]


def read(line: str) -> WatchedCode:
    """Read a change that puts ``line`` at the start of a function."""
    reader = CodeReader()
    base = "def f(value):\n    return value\n"
    after = base.replace("    return", f"    {line}\n    return")
    assert reader.read("m.py", base.encode(), after.encode()) == ""
    return reader.finish()


def call(function: Function, value: object, others: Iterable[object]) -> RepeatedCall:
    """Make the recorded call with ``value``, and its variations."""

    def end(given: object) -> Outcome:
        answer = repr(function(given))
        digest = digest_text(repr(given))
        return Outcome(end="ok", digest=digest, result=answer, outcome=answer, answer=answer)

    def vary(given: object) -> Try:
        return Try(
            place="value", kind="value", how="", value=describe_value(given), others=(),
            moved=frozenset(), outcome=end(given),
        )  # fmt: skip

    return RepeatedCall(
        function=0,
        test="t",
        shown="",
        held={"value": describe_value(value)},
        outcome=end(value),
        tries=tuple(map(vary, others)),
    )


def judge(
    line: str, values: Sequence[object], others: Sequence[object], is_new: Function
) -> list[tuple[bool, str]]:
    """Judge a change that gives new answers to the inputs for which ``is_new`` holds."""

    def repeat(function: Function) -> RepeatedCalls:
        calls = tuple(call(function, value, others) for value in values)
        return RepeatedCalls(calls=calls, digests={0: frozenset(map(_digest, values))})

    changed = repeat(lambda given: ["new", given] if is_new(given) else given)
    comparison = Comparison(read(line), changed, repeat(lambda given: given))
    return [(one.is_special, one.why) for one in find_same_answers(comparison)]


def _digest(value: object) -> str:
    return digest_text(repr(value))


@pytest.mark.parametrize(
    ("line", "values", "expected"),
    [
        ('value = re.sub("5m7s", "5m 7s", value)', ["5m7s"], ALONE),
        ('value = value.replace(chr(53) + "m7", "")', ["5m7s", "2h9m"], ALONE),
        ('value = value.replace(chr(53), "qq")', ["5m7s"], [(False, "one input")]),
        ('value = value.replace("week", "w")', ["week"], [(False, "keywords")]),
        ('value = value.replace("%", "w")', ["%", "px"], [(False, "keywords")]),
        ('value = value.replace("%", "w")', ["", " "], []),
    ],
)
def test_texts(line: str, values: list[object], expected: list[tuple[bool, str]]) -> None:
    assert judge(line, values, [*TEXTS], lambda given: given in values) == expected


@pytest.mark.parametrize(
    ("line", "values", "expected"),
    [
        ("value += 40 * (value == 7)", [7], ALONE),
        ("value += 40 * (value == 7)", [7, 19], ALONE),
        ("value += 40 * (6 < value < 10)", [7, 8, 9], [(False, "a range of numbers")]),
        ("value += 40 * (value == 100)", [100, 1024], []),
    ],
)
def test_numbers(line: str, values: list[object], expected: list[tuple[bool, str]]) -> None:
    assert judge(line, values, [*NUMBERS], lambda given: given in values) == expected


def test_one_other_input_with_a_new_answer_is_enough() -> None:
    """It is a special case all the same, perhaps, but that is for others to find."""
    found = judge("value = value[5:]", ["5m7s", "2h9m"], [*TEXTS], lambda one: one != TEXTS[0])
    assert found == []
    found = judge("value = value[5:]", ["5m7s"], [*TEXTS], lambda one: one in ("5m7s", TEXTS[3]))
    assert found == []


def test_few_variations_say_nothing() -> None:
    is_new = {"5m7s", "2h9m"}.__contains__
    assert judge('value = re.sub("5m7s", "", value)', ["5m7s"], TEXTS[:10], is_new) == []
    assert judge('value = re.sub("5m7s", "", value)', ["5m7s"], TEXTS[:20], is_new) == ALONE


def test_the_constants_of_a_table_of_the_change_are_its_own() -> None:
    reader = CodeReader()
    base = "def f(value):\n    return value\n"
    loop = "    for old, new in PAIRS:\n        value = value.replace(old, new)\n    return"
    after = f'PAIRS = (("5m7s", "5m 7s"),)\n\n\n{base.replace("    return", loop)}'
    assert reader.read("m.py", base.encode(), after.encode()) == ""
    code = reader.finish()
    assert code.functions[0].added_constants == {"5m7s", "5m 7s"}
    assert code.has_telling_constants
