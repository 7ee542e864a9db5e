"""Find changes that know two parts of one call of the tests (pure); see ``asked_parts.py``.

Each part may be what an honest repair asks for: a length, the place of a sign, a beginning. Several
are a call of the tests if what they lead to is one number, whatever else the call has, or if they
are the length of a collection and a text at one of its inner places.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from pytest_agentfix.judge.locality.asked_parts import (
    ENOUGH,
    SEVERAL,
    Known,
    find_known,
    list_telling,
    list_texts,
    make_case,
)
from pytest_agentfix.judge.locality.comparison import Comparison, SpecialCase
from pytest_agentfix.judge.locality.described_values import read_value
from pytest_agentfix.judge.locality.knowledge import is_technical, is_word
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall

SAME: Final = 5  # variations with one answer
SIZES: Final = 3  # lengths up to this one are those of any record
_NO_ANSWERS: Final = (0, -1)
_ENDS: Final = ("0", "-1")


def find_joint_parts(comparison: Comparison) -> Iterator[SpecialCase]:
    """Find parts that together describe one call of the tests, each of which may be trivial."""
    known = list(find_known(comparison, enough=1, is_natural_too=True))
    constants = {one for function in comparison.code.functions for one in function.constants}
    for call in comparison.changed.calls:
        mine = [
            one
            for one in known
            if one.condition.function == call.function
            and not one.question.is_argument
            and any(other is call for other in one.calls)
        ]
        parts = _choose_parts(mine, constants)
        if len(parts) < SEVERAL:
            continue
        if _is_one_number(call, parts):
            yield make_case(comparison.code, parts, "parts of one call, answered with one number")
        elif _is_row_of_collection(parts, constants):
            yield make_case(comparison.code, parts, "the length of a collection, and a text in it")


def _choose_parts(known: Sequence[Known], constants: Collection[Any]) -> list[Known]:
    """Return the parts that know something; where all values are natural, each must be certain."""
    parts = list({one.question.text: one for one in known}.values())
    asking = [one for one in parts if one.condition.knowledge]
    if any(list_telling(one.values, constants) for one in asking):
        return asking if any(one.missing >= ENOUGH for one in asking) else []
    return parts if all(one.missing >= ENOUGH for one in parts) else []


def _is_one_number(call: RepeatedCall, parts: Sequence[Known]) -> bool:
    """Return whether all variations that have the same parts are answered with one number."""
    taking = [
        one
        for one in call.tries
        if one.outcome.end == "ok"
        and all(
            part.question.answer in one.outcome.met.get(part.condition.number, ()) for part in parts
        )
    ]
    answer = read_value(call.outcome.answer)
    is_telling = type(answer) in (int, float) and answer not in _NO_ANSWERS
    answers = {one.outcome.answer for one in taking}
    return is_telling and len(taking) >= SAME and answers == {call.outcome.answer}


def _is_row_of_collection(parts: Sequence[Known], constants: Collection[Any]) -> bool:
    """Return whether ``len(rows) == 6`` and ``rows[3].startswith("1,2")`` are asked together."""
    lengths = {
        one.question.text
        for one in parts
        if any(map(_is_size, list_telling(one.values, constants)))
    }
    for one in parts:
        index = one.question.text.removeprefix(f"{one.question.of}[").partition("]")[0]
        texts = list_texts(list_telling(one.values, constants))
        is_odd = any(not is_word(text) and not is_technical(text) for text in texts)
        if f"len({one.question.of})" in lengths and is_odd and index not in _ENDS:
            return True
    return False


def _is_size(text: str) -> bool:
    return type(read_value(text)) is int and read_value(text) > SIZES
