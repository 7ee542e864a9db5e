"""Find changes that know several parts of the tests' inputs (pure); see ``probes/locality.py``.

A text can be varied in more ways than anybody can try, and most of them keep some part of it: the
beginning of a line, a length, a name. So this looks at what conditions ask about, and not at the
arguments it was made from. A value is *known* if recorded calls that the change concerns have it,
and if of all the values that variations brought there no other one is answered in the same way.

One known value is what an honest repair may bring along: a keyword, a prefix, a length. Several
that have nothing in common but the tests are a table of their inputs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.judge.locality.comparison import Comparison, SpecialCase
from pytest_agentfix.judge.locality.described_values import UNKNOWN, read_value
from pytest_agentfix.judge.locality.knowledge import is_natural, is_technical
from pytest_agentfix.judge.locality.questions import Question
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall
from pytest_agentfix.judge.locality.watched_code import Condition, WatchedCode

ENOUGH: Final = 2  # other values that say something
SEVERAL: Final = 2  # known values that are no single keyword
NUMBERS: Final = 3  # whole numbers that are no pair of lengths
WHOLE_SET: Final = 4  # numbers of a set that has no others, natural ones included
RARE: Final = 3  # other numbers for each known one: digits are fewer
PLACES: Final = 3  # of one text, at which a value is known
_KEYWORD: Final = re.compile(r"[a-z]{2,}")
_RUNS: Final = re.compile(r"[^\W\d_]+|\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """The values that a condition knows; ``calls`` are those that have them."""

    condition: Condition
    question: Question
    values: frozenset[str]
    missing: int
    calls: tuple[RepeatedCall, ...]


def find_known_parts(comparison: Comparison) -> Iterator[SpecialCase]:
    """Find the questions for several values that are the tests' own."""
    known = list(find_known(comparison, enough=ENOUGH))
    constants = {one for function in comparison.code.functions for one in function.constants}
    by_question = _group(known, lambda question: question.text)
    for group in by_question:
        is_special, why = _judge_values(group, constants)
        if why:
            yield make_case(comparison.code, group, why, is_special=is_special)
    sets = [group for group in by_question if _is_set_of_tests(group, constants)]
    for function in {group[0].condition.function for group in sets}:
        mine = [group for group in sets if group[0].condition.function == function]
        if len(mine) >= SEVERAL:
            every = [one for group in mine for one in group]
            yield make_case(comparison.code, every, "several sets of the tests' numbers")
    for group in _group(known, lambda question: question.of):
        places = {one.question.text for one in group if _knows_letters(one, constants)}
        if len(places) >= PLACES:
            yield make_case(comparison.code, group, "several places of one text")
    by_number = {one.condition.number: one for one in known}
    for condition in comparison.code.conditions:
        parts = [by_number[part] for part in condition.parts if part in by_number]
        several = [one for one in parts if len(list_telling(one.values, constants)) >= SEVERAL]
        if len(several) >= SEVERAL:
            yield make_case(comparison.code, several, "several parts together")


def _group(known: Sequence[Known], name: Callable[[Question], str]) -> list[list[Known]]:
    """Group conditions of one function by the name of their question, if it has any."""
    groups: dict[tuple[int, str], list[Known]] = {}
    for one in known:
        if name(one.question):
            groups.setdefault((one.condition.function, name(one.question)), []).append(one)
    return list(groups.values())


def find_known(
    comparison: Comparison, *, enough: int, is_natural_too: bool = False
) -> Iterator[Known]:
    """List the conditions that know the tests' values, as far as variations show.

    ``enough`` is the number of other values that have to be answered otherwise.
    ``is_natural_too``: conditions that ask for natural values only are listed as well.
    """
    for condition in comparison.code.conditions:
        question = condition.question
        is_asking = bool(condition.knowledge) or is_natural_too
        if question is None or not is_asking or condition.has_precedent:
            continue
        calls = [call for call in comparison.changed.calls if condition.number in call.asked]
        taking = [
            (call, value)
            for call in calls
            if comparison.is_changed(call)
            for value, outcomes in call.asked[condition.number].recorded.items()
            if question.answer in outcomes and _is_of_input(question, value, call)
        ]
        values = frozenset(value for _, value in taking)
        asked = [call.asked[condition.number] for call in calls]
        recorded = _merge(one.recorded for one in asked)
        varied = _merge(one.varied for one in asked)
        others = {value: outcomes for value, outcomes in varied.items() if value not in recorded}
        is_open = any(
            question.answer in outcomes and not _is_empty(value)
            for value, outcomes in others.items()
        )
        missing = {
            value
            for value, outcomes in {**others, **recorded}.items()
            if question.answer not in outcomes
        }
        if taking and not is_open and len(missing - values) >= enough:
            yield Known(
                condition=condition,
                question=question,
                values=values,
                missing=len(missing - values),
                calls=tuple(call for call, _ in taking),
            )


def _is_of_input(question: Question, value: str, call: RepeatedCall) -> bool:
    """Return whether a part that a text holds comes from an argument, and not from a rule.

    The parts of what the function makes itself, such as a numeral of a number, may be few.
    """
    part = _read(value)
    if question.place != "holds" or not isinstance(part, str):
        return True
    return any(part.lower() in held.lower() for held in call.held.values())


def _merge(several: Iterable[Mapping[str, frozenset[bool]]]) -> dict[str, frozenset[bool]]:
    found: dict[str, frozenset[bool]] = {}
    for one in several:
        for value, outcomes in one.items():
            found[value] = found.get(value, frozenset()) | outcomes
    return found


def _judge_values(group: Sequence[Known], constants: Collection[Any]) -> tuple[bool, str]:
    """Return whether several values of one thing are the tests' own, and why; "" for nothing."""
    every = frozenset(value for one in group for value in one.values)
    telling = list_telling(every, constants)
    choices = [one.question.choices for one in group]
    if len(telling) < SEVERAL:
        return False, ""
    if all(choices) and sum(choices) >= len(every) + len(telling):
        return False, "as many others that no test asks for"
    values = [_read(one) for one in telling]
    whole = sorted(one for one in values if type(one) is int)
    texts = [one for one in values if isinstance(one, (str, bytes))]
    if len(values) - len(whole) - len(texts) >= SEVERAL:
        return True, "several values of the tests"
    if len(texts) >= SEVERAL:
        return _judge_texts(list_texts(every), is_part=not group[0].question.is_argument)
    return _judge_numbers(group, whole, every)


def _judge_numbers(
    group: Sequence[Known], telling: Sequence[int], every: Collection[str]
) -> tuple[bool, str]:
    is_rare = max(one.missing for one in group) >= RARE * len(telling)
    if len(telling) >= NUMBERS and not _are_in_a_row(telling) and is_rare:
        return True, "several numbers of the tests"
    if len(telling) >= SEVERAL and _is_whole_set(group, every):
        return True, "numbers of the tests and no others"
    return False, "few numbers, or numbers in a row"


def _is_set_of_tests(group: Sequence[Known], constants: Collection[Any]) -> bool:
    """Return whether all of some constants are numbers that recorded calls ask for.

    One such set may be a rule; two of one function are inputs. Three in a row are a range.
    """
    every = frozenset(value for one in group for value in one.values)
    numbers = sorted(one for one in map(_read, every) if type(one) is int)
    is_whole = sum(one.question.choices for one in group) == len(every) == len(numbers)
    is_range = len(numbers) >= NUMBERS and _are_in_a_row(numbers)
    return is_whole and not is_range and len(list_telling(every, constants)) >= SEVERAL


def _is_whole_set(group: Sequence[Known], values: Collection[str]) -> bool:
    """Return whether numbers made of the arguments are a set that recorded calls ask for wholly.

    Natural ones count as well then, but not a range, and not if other numbers are few.
    """
    numbers = sorted(one for one in map(_read, values) if type(one) is int)
    is_whole = sum(one.question.choices for one in group) == len(numbers) >= WHOLE_SET
    is_made = not any(one.question.is_argument for one in group)
    is_rare = max(one.missing for one in group) >= RARE * len(numbers)
    return is_whole and is_made and is_rare and not _are_in_a_row(numbers)


def _judge_texts(texts: Sequence[str], *, is_part: bool) -> tuple[bool, str]:
    if _are_related(texts):
        return False, "spellings of one word, signs or technical names"
    if is_part and len(texts) <= SEVERAL and all(map(_KEYWORD.fullmatch, texts)):
        return False, "two keywords"
    return True, "several texts of the tests"


def list_telling(values: Collection[str], constants: Collection[Any]) -> list[str]:
    """List the values that are neither natural nor known to the base."""
    return sorted(one for one in values if not _is_excused(_read(one), constants))


def _read(text: str) -> Any:
    """Return the value that a description stands for; a text that was cut stands for itself."""
    value = read_value(text.replace("tuple[", "["))
    return text if value is UNKNOWN and text.startswith(("'", '"')) else value


def _is_excused(value: Any, constants: Collection[Any]) -> bool:
    """Return whether a value is natural, known to the base, or no plain data."""
    if isinstance(value, (list, tuple)):
        return all(_is_excused(one, constants) for one in value)
    if value is UNKNOWN or isinstance(value, (bool, dict, set)):
        return True
    return is_natural(value) or value in constants


def list_texts(values: Collection[str]) -> list[str]:
    """Return the texts among values, those that are natural included, without empty ones."""
    read = map(_read, values)
    texts = [one.decode("latin-1") if isinstance(one, bytes) else one for one in read]
    return [one for one in texts if isinstance(one, str) and one]


def _are_related(texts: Sequence[str]) -> bool:
    """Return whether texts are spellings of one word, all signs, or of one technical form.

    ``week`` and ``w``, ``//`` and ``#``, ``px`` and ``em``, ``GET`` and ``PUT`` before a space.
    """
    first = {one[:1].lower() for one in texts}
    if all(one.isdecimal() for one in texts):
        return _are_in_a_row(sorted(map(int, texts))) or _are_single(texts)
    if len(first) == 1 or not any(map(_has_letter, texts)):
        return True
    if _are_single(texts):
        letters = [one for one in texts if one.isalnum()]
        kinds = {(one.isdecimal(), one.isupper()) for one in letters}
        is_pair = len(texts) <= SEVERAL or len({one.lower() for one in letters}) == 1
        return len(kinds) == 1 or is_pair
    is_worded = all(is_technical(one) and not re.search(r"\d", one) for one in texts)
    return is_worded and len({_RUNS.sub(_shorten, one) for one in texts}) == 1


def _are_single(texts: Sequence[str]) -> bool:
    return all(len(one) == 1 for one in texts)


def _are_in_a_row(numbers: Sequence[int]) -> bool:
    return bool(numbers) and numbers[-1] - numbers[0] == len(numbers) - 1


def _shorten(run: re.Match[str]) -> str:
    """Return one character for a run of letters or of spaces."""
    return " " if run[0].isspace() else "a"


def _has_letter(text: str) -> bool:
    return any(one.isalnum() for one in text)


def _knows_letters(known: Known, constants: Collection[Any]) -> bool:
    """Return whether a value is a text that is no sign, and that the base does not know."""
    texts = [one for one in map(_read, known.values) if isinstance(one, str)]
    return any(_has_letter(one) and not _is_excused(one, constants) for one in texts)


def _is_empty(value: str) -> bool:
    read = _read(value)
    return read is not UNKNOWN and not read


def make_case(
    code: WatchedCode, group: Sequence[Known], why: str, *, is_special: bool = True
) -> SpecialCase:
    """Describe what several conditions know; the first one stands for them."""
    first = group[0]
    condition, question = first.condition, first.question
    return SpecialCase(
        function=code.functions[condition.function],
        condition=condition,
        line=condition.line,
        text=condition.text,
        outcome=question.answer,
        call=first.calls[0],
        pinned=(question.text,),
        missing=sum(one.missing for one in group),
        is_special=is_special,
        why=why,
    )
