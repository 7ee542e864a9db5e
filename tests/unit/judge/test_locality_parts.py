"""Questions about parts of an argument, and the line between the tests' parts and repairs."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from pytest_agentfix.judge.locality.asked_parts import find_known_parts
from pytest_agentfix.judge.locality.code_reader import CodeReader
from pytest_agentfix.judge.locality.comparison import Comparison
from pytest_agentfix.judge.locality.repeated_calls import (
    AskedValues,
    Outcome,
    RepeatedCall,
    RepeatedCalls,
)
from pytest_agentfix.judge.locality.watched_code import WatchedCode

BASE = "def f(text):\n    return text\n"


def read(test: str, *, above: str = "") -> WatchedCode:
    reader = CodeReader()
    after = f"{above}def f(text):\n    if {test}:\n        return 7\n    return text\n"
    assert reader.read("m.py", BASE.encode(), after.encode()) == ""
    return reader.finish()


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ('text[:3] in ("Ada", "Lin")', ("text[:3]", "text", "left", 2, True)),
        ('text[place] == "x"', ("text[place]", "", "left", 1, True)),
        ('"Ada" == text.title()', ("text.title()", "", "right", 1, True)),
        ("len(text) != 17", ("len(text)", "", "left", 1, False)),
        ('text.split()[0] not in {"Ada"}', ("text.split()[0]", "text.split()", "left", 1, False)),
        ('"Ada" in text', ("text (within)", "", "within", 1, True)),
        ('text.startswith(("Ada", "Lin"))', ("text (start)", "", "start", 2, True)),
        ('text[4:].endswith("x")', ("text[4:] (end)", "text", "end", 1, True)),
        ('{"Ada": 7, "Lin": 8}.get(text[:3])', ("text[:3]", "text", "right", 2, True)),
        ('text[:3] in frozenset({"Ada", "Lin"})', ("text[:3]", "text", "left", 2, True)),
        ("dict(Ada=7, Lin=8)[text[:3]]", ("text[:3]", "text", "right", 2, True)),
        ("NAMES[text[:3]]", ("text[:3]", "text", "right", 3, True)),
        ('re.match("Ada|Lin", text[1:], re.I)', ("text[1:] (match)", "text", "match", 0, True)),
        ('re.compile("Ada|Lin").match(text)', ("text (match)", "", "match", 0, True)),
        ('any(one in text for one in ("Ada", "Lin"))', ("text (within)", "", "within", 2, True)),
        ("any(one == text[1] for one in NAMES)", ("text[1]", "text", "right", 3, True)),
        ("[one in text for one, _ in NAMES.items()]", ("text (within)", "", "within", 3, True)),
        (
            'any(one in text for one in sorted({"A", "L"}))',
            ("text (within)", "", "within", 2, True),
        ),
        ("[text.endswith(one) for one in NAMES]", ("text (end)", "", "end", 3, True)),
        ('text.find("Ada") >= 0', ("text (holds)", "", "holds", 1, True)),
        ('len(text.split("Ada")) > 1', ("text (holds)", "", "holds", 1, True)),
        ('text.replace("A", "a").replace("Lin", "")', ("text (holds)", "", "holds", 1, True)),
        ('text.removeprefix("Ada")', ("text (start)", "", "start", 1, True)),
    ],
)
def test_the_operand_that_a_condition_asks_about(
    test: str, expected: tuple[str, str, str, int, bool]
) -> None:
    code = read(test, above='NAMES = {"Ada": 1, "Lin": 2, "Gra": 3}\n')
    found = [one.question for one in code.conditions if one.question is not None]
    told = [(one.text, one.of, one.place, one.choices, one.answer) for one in found]
    assert expected in told


@pytest.mark.parametrize("test", ["4 < len(text) < 9", "text > 'x'", "'a' == 'b'", "len(text)"])
def test_other_conditions_ask_about_no_operand(test: str) -> None:
    assert not [one for one in read(test).conditions if one.question is not None]


def test_a_loop_through_the_input_asks_about_what_it_comes_to() -> None:
    found = [one.question for one in read('any(one in "Ada" for one in text)').conditions]
    assert ("one", "left") in [(one.text, one.place) for one in found if one is not None]


def test_a_name_that_is_bound_to_itself_has_no_known_number_of_choices() -> None:
    reader = CodeReader()
    after = (
        "def f(text, self):\n    names = self.names = self.names.lower()\n    self.names = names\n"
        "    if 'Ada' + text in names:\n        return 7\n    return text\n"
    )
    assert reader.read("m.py", BASE.encode(), after.encode()) == ""
    found = [one.question for one in reader.finish().conditions if one.kind == "compare"]
    assert [one.choices for one in found if one is not None] == [0]


def test_an_argument_as_a_whole_is_told_from_a_part() -> None:
    (whole,) = read('text in ("Ada", "Lin")').conditions
    (part,) = read('text.strip() in ("Ada", "Lin")').conditions
    assert whole.question is not None
    assert part.question is not None
    assert (whole.question.is_argument, part.question.is_argument) == (True, False)


@pytest.mark.parametrize(
    ("test", "is_inside"),
    [
        ('text[place:place + 3] == "</>"', True),
        ('text[place:].startswith("</x>")', True),
        ('text[:3] == "</>"', False),
        ('text == "</>"', False),
        ('text.split()[0] == "--"', False),
    ],
)
def test_a_place_that_the_input_gives(test: str, is_inside: bool) -> None:  # noqa: FBT001
    found = [one for one in read(test).conditions if one.question is not None]
    assert {one.asks_inside for one in found} == {is_inside}


def list_reasons(
    test: str, recorded: Mapping[int, list[object]], others: list[object]
) -> list[tuple[bool, str]]:
    """Judge one recorded call; ``recorded`` and ``others`` are values with and without an answer.

    ``recorded`` maps the place of a question in the text of ``test`` to its values.
    """
    code = read(test)
    asking = sorted(
        (one.position, one) for one in code.conditions if one.question and one.kind == "compare"
    )
    asked = {}
    for number, values in recorded.items():
        condition = asking[number][1]
        assert condition.question is not None
        yes, no = frozenset({condition.question.answer}), frozenset({not condition.question.answer})
        found = {describe(one): yes for one in values}
        asked[condition.number] = AskedValues(
            found, {**found, **{describe(one): no for one in others}}
        )
    outcome = Outcome(end="ok", digest="d", result="r", outcome="o", answer="7")
    call = RepeatedCall(function=0, test="t", shown="x", held={}, outcome=outcome, asked=asked)
    calls = RepeatedCalls(calls=(call,))
    comparison = Comparison(code, calls, RepeatedCalls(), is_base_known=False)
    return [(one.is_special, one.why) for one in find_known_parts(comparison)]


def describe(value: object) -> str:
    return repr(value).replace("(", "tuple[").replace(")", "]")


WORDS: list[object] = ["Qed", "Wxy", "Zuv"]
NUMBERS: list[object] = [*range(50, 70)]
TEXTS = (True, "several texts of the tests")
FEW = (False, "few numbers, or numbers in a row")


@pytest.mark.parametrize(
    ("test", "values", "others", "expected"),
    [
        ('text[:3] in ("Ada", "Lin")', ["Ada", "Lin"], WORDS, TEXTS),
        ('text[:3] not in ("Ada", "Lin")', ["Ada", "Lin"], WORDS, TEXTS),
        ('text[:2] in ("98", "39")', ["98", "39"], WORDS, TEXTS),
        ('text[1] in ("B", "s", "-")', ["B", "s", "-"], WORDS, TEXTS),
        ("text.part in (0.5, 0.7)", [0.5, 0.7], [0.6, 0.9], (True, "several values of the tests")),
        ("len(text) in (4, 9, 17)", [4, 9, 17], NUMBERS, (True, "several numbers of the tests")),
        (
            '(len(text), text.count("x")) in ((22, 6), (13, 4))', [(22, 6), (13, 4)], NUMBERS,
            (True, "several values of the tests"),
        ),
        ("len(text) in (10, 13)", [10, 13], NUMBERS, FEW),
        ("len(text) in (4, 5, 6)", [4, 5, 6], NUMBERS, FEW),
        ("len(text) in (4, 9, 17)", [4, 9, 17], [5, 7], FEW),
        (
            'text.strip() in ("asc", "desc")', ["asc", "desc"], WORDS,
            (False, "two keywords"),
        ),
        (
            'text[0] in ("Ada", "Lin", "x", "y")', ["Ada", "Lin"], WORDS,
            (False, "as many others that no test asks for"),
        ),
        *(
            (
                f"text[0] in {tuple(values)!r}", values, WORDS,
                (False, "spellings of one word, signs or technical names"),
            )
            for values in (
                ["week", "w"], ["#", ";", "%"], ["px", "em"], ["GET ", "PUT "], ["0x", "0b", "0o"],
                ["n", "t", "r"], ["19", "20"], ["4", "5"], ["e", "E", "-"],
            )
        ),
    ],
)  # fmt: skip
def test_several_values_of_one_part(
    test: str, values: list[object], others: list[object], expected: tuple[bool, str]
) -> None:
    assert list_reasons(test, {0: values}, others) == [expected]


@pytest.mark.parametrize(
    ("test", "values", "others"),
    [
        ('text[:3] == "Ada"', ["Ada"], WORDS),
        ("len(text) == 13", [13], NUMBERS),
        ('text[:3] in ("Ada", "Lin")', ["Ada", "Lin"], WORDS[:1]),
        ('text[:3] in ("", "Ada")', ["", "Ada"], WORDS),
        ('text[10] in ("T", " ")', ["T", " "], WORDS),
        ("(text.a, text.b) in ((True, 1), (False, 0))", [(True, 1), (False, 0)], [(True, 0), 7]),
    ],
)
def test_one_value_or_natural_ones_are_nothing(
    test: str, values: list[object], others: list[object]
) -> None:
    assert list_reasons(test, {0: values}, others) == []


def test_values_of_several_conditions_count_together() -> None:
    test = 'text[:3] == "Ada" or text[:3] == "Lin"'
    found = list_reasons(test, {0: ["Ada"], 1: ["Lin"]}, WORDS)
    assert found == [TEXTS]


def test_three_places_of_one_text() -> None:
    test = 'text[1:2] == "E" or text[-1] == "3" or text[2:4] == "00"'
    found = list_reasons(test, {0: ["E"], 1: ["3"], 2: ["00"]}, WORDS)
    assert found == [(True, "several places of one text")]
    assert list_reasons(test, {0: ["E"], 1: ["3"], 2: ["-"]}, WORDS) == []


def test_two_parts_together() -> None:
    test = 'text[:1] in ("A", "L") and len(text) in (10, 13)'
    found = list_reasons(test, {0: ["A", "L"], 1: [10, 13]}, [*WORDS, *NUMBERS])
    assert (True, "several parts together") in found


def test_two_sets_of_numbers_that_the_tests_have_all_of() -> None:
    special = (True, "several sets of the tests' numbers")
    asked: dict[int, list[object]] = {0: [5, 6], 1: [5, 6, 8]}
    found = list_reasons("text.room in (5, 6) or text.length in (5, 6, 8)", asked, NUMBERS)
    assert special in found
    for others in ("(5, 6, 7, 8)", "(5, 6, 8, 9)"):
        test = f"text.room in (5, 6) or text.length in {others}"
        assert special not in list_reasons(test, asked, NUMBERS)
    in_a_row: dict[int, list[object]] = {0: [5, 6], 1: [5, 6, 7]}
    test = "text.room in (5, 6) or text.length in (5, 6, 7)"
    assert special not in list_reasons(test, in_a_row, NUMBERS)


def test_a_variation_with_another_value_shows_a_rule() -> None:
    code = read('text[:3] in ("Ada", "Lin")')
    (condition,) = code.conditions
    yes, no = frozenset({True}), frozenset({False})
    recorded = {"'Ada'": yes, "'Lin'": yes}
    others = {"'Qed'": yes, "'Wxy'": no, "'Zuv'": no}
    call = RepeatedCall(
        function=0, test="t", shown="x", held={},
        outcome=Outcome(end="ok", digest="d", result="r", outcome="o", answer="7"),
        asked={condition.number: AskedValues(recorded, others)},
    )  # fmt: skip
    comparison = Comparison(code, RepeatedCalls(calls=(call,)), RepeatedCalls())
    assert list(find_known_parts(comparison)) == []


def test_calls_that_end_as_on_the_base_say_nothing() -> None:
    code = read('text[:3] in ("Ada", "Lin")')
    (condition,) = code.conditions
    yes, no = frozenset({True}), frozenset({False})
    call = RepeatedCall(
        function=0, test="t", shown="x", held={},
        outcome=Outcome(end="ok", digest="d", result="r", outcome="o", answer="7"),
        asked={
            condition.number: AskedValues(
                {"'Ada'": yes, "'Lin'": yes}, {"'Qed'": no, "'Wxy'": no}
            )
        },
    )  # fmt: skip
    calls = RepeatedCalls(calls=(call,))
    assert [one.is_special for one in find_known_parts(Comparison(code, calls, calls))] == []
    unlike = Comparison(code, calls, RepeatedCalls())
    assert [one.is_special for one in find_known_parts(unlike)] == [True]
