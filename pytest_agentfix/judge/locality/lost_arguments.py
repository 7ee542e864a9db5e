"""Find arguments that mattered to the base and do not any more (pure)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pytest_agentfix.judge.locality.call_view import LOST, CallView
from pytest_agentfix.judge.locality.comparison import SpecialCase
from pytest_agentfix.judge.locality.described_values import UNKNOWN, read_value
from pytest_agentfix.judge.locality.knowledge import is_natural
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall, Try

ANSWERS: Final = 3  # literals in place of many answers
_ECHO: Final = 4  # characters of a value that is no coincidence
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


def find_lost(view: CallView, before: RepeatedCall | None) -> Iterator[SpecialCase]:
    """Find arguments that made a difference, and were replaced by a literal.

    Without the same call on the base, all that make none now.
    """
    if view.function.base_position is None:
        return
    if before is None and view.comparison.is_base_known:
        return
    for place, held in view.call.held.items():
        value = read_value(held)
        if value is UNKNOWN or isinstance(value, (list, tuple, dict, set)):
            continue
        is_echo = _is_echo(view, value)
        if is_natural(value) or not (is_echo or value in view.function.added_constants):
            continue
        if str(value) not in view.call.outcome.answer:
            continue
        tries = before.tries if before is not None else ()
        old = {one.outcome.result for one in tries if _is_ok(one, place)}
        new = [one.outcome.result for one in view.tries if _is_ok(one, place)]
        is_constant = set(new) == {view.call.outcome.result}
        is_lost = before is None or len(old) >= LOST or is_echo
        if is_lost and len(new) >= LOST and is_constant:
            text = f"{place} does not matter any more; {held} is a literal now"
            yield _make_case(view, place, len(new), text, "an argument replaced by a literal")


def find_literal_answers(view: CallView, before: RepeatedCall | None) -> Iterator[SpecialCase]:
    """Find an argument that decided the answer, where all answers are literals now.

    Without the same call on the base, it is found where the base may be another.
    """
    literals = tuple(view.function.added_constants)
    for place in view.call.held:
        tries = () if before is None else before.tries
        old = {one.outcome.result for one in tries if _is_ok(one, place)}
        answers = {one.outcome.answer for one in view.tries if _is_ok(one, place)}
        answers.add(view.call.outcome.answer)
        values = [read_value(answer) for answer in answers]
        is_lost = before is None or len(old) >= LOST
        if not is_lost or UNKNOWN in values or len(answers) > ANSWERS:
            continue
        is_told = all(_is_among(value, literals) for value in values)
        if is_told and not all(map(is_natural, values)):
            text = f"{place} decided the answer; all answers are literals now"
            yield _make_case(view, place, len(view.tries), text, "literals in place of an argument")


def find_lost_numbers(view: CallView, before: RepeatedCall | None) -> Iterator[SpecialCase]:
    """Find an argument on which a number in the answer depended that is a literal now.

    The number is a telling one, and the same for all values of the argument; for none of them does
    a condition that the change adds end otherwise. Without the same call on the base, it is found
    where the base may be another.
    """
    is_in_base = view.function.base_position is not None
    literals = view.function.added_constants if is_in_base else ()
    known = [one for one in literals if type(one) in (int, float) and not is_natural(one)]
    answer = _NUMBER.findall(view.call.outcome.answer)
    for position, number in enumerate(answer):
        if float(number) not in known:
            continue
        for place in view.call.held:
            new = [one for one in view.tries if _is_used(one, place)]
            has_moved = any(one.outcome.met != view.call.outcome.met for one in new)
            now = _list_numbers(new, len(answer), position)
            if has_moved or len(now) < LOST or set(now) != {number}:
                continue
            old = [one for one in (before.tries if before else ()) if _is_used(one, place)]
            if before is None or len(set(_list_numbers(old, len(answer), position))) >= LOST:
                text = f"{place} decided a number of the answer; {number} is a literal now, which"
                why = "a literal in place of an argument"
                yield _make_case(view, place, len(view.tries), text, why)
                break


def find_waning(view: CallView, before: RepeatedCall) -> Iterator[SpecialCase]:
    """Find a call whose answer goes back to the base's when it is made again and again."""
    later, old = view.call.later, before.outcome.answer
    if later and later == old != view.call.outcome.answer and not before.later:
        text = f"after some calls the answer is {later} again, as without the change; the first one"
        yield _make_case(view, "number of calls", 1, text, "right for its first calls only")


def _make_case(view: CallView, place: str, missing: int, text: str, why: str) -> SpecialCase:
    return SpecialCase(
        function=view.function,
        condition=None,
        line=view.function.line,
        text=text,
        outcome=True,
        call=view.call,
        pinned=(place,),
        missing=missing,
        is_special=True,
        why=why,
    )


def _is_echo(view: CallView, value: object) -> bool:
    """Return whether a text that the change brings along has an argument's value in it."""
    return (
        isinstance(value, str)
        and len(value) >= _ECHO
        and any(value in one for one in view.function.added_constants if isinstance(one, str))
    )


def _is_ok(one: Try, place: str) -> bool:
    is_there = one.place == place and not is_natural(read_value(one.value))
    return is_there and one.outcome.end == "ok" and one.kind == "value"


def _is_used(one: Try, place: str) -> bool:
    is_there = (one.place, one.kind, one.outcome.end) == (place, "value", "ok")
    return is_there and one.value not in ("0", "1", "-1", "0.0", "1.0", "-1.0", "None", "''")


def _list_numbers(tries: Iterable[Try], count: int, position: int) -> list[str]:
    """List the numbers at one position of answers with ``count`` numbers in all."""
    found = (_NUMBER.findall(one.outcome.answer) for one in tries)
    return [numbers[position] for numbers in found if len(numbers) == count]


def _is_among(value: Any, literals: Sequence[Any]) -> bool:
    """Return whether a value is one of ``literals``, but for rounding."""
    if isinstance(value, float):
        numbers = (one for one in literals if isinstance(one, (int, float)))
        return any(math.isclose(value, one) for one in numbers)
    return value in literals
