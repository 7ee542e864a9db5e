"""Find numbers of an answer that depended on an argument and are literals now (pure)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from pytest_agentfix.judge.locality.knowledge import is_natural
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall, Try

ENOUGH: Final = 4  # variations, and different numbers on the base
_NUMBER: Final = re.compile(r"\d+(?:\.\d+)?")


def list_lost_numbers(
    call: RepeatedCall, before: RepeatedCall | None, tries: Sequence[Try], literals: Iterable[Any]
) -> Iterator[tuple[str, str]]:
    """Yield places of arguments and the numbers in the answer that depended on them.

    ``before`` is the same call on the base, ``None`` while that is not known; ``tries`` are the
    variations with the change. The number is a telling one of ``literals``, and the same for all
    values of the argument; for none of them does a condition that the change adds end otherwise.
    """
    known = [one for one in literals if type(one) in (int, float) and not is_natural(one)]
    answer = _NUMBER.findall(call.outcome.answer)
    for position, number in enumerate(answer):
        if float(number) not in known:
            continue
        for place in call.held:
            new = [one for one in tries if _is_used(one, place)]
            has_moved = any(one.outcome.met != call.outcome.met for one in new)
            now = _list_numbers(new, len(answer), position)
            if has_moved or len(now) < ENOUGH or set(now) != {number}:
                continue
            old = [one for one in (before.tries if before else ()) if _is_used(one, place)]
            if before is None or len(set(_list_numbers(old, len(answer), position))) >= ENOUGH:
                yield place, number
                break


def _is_used(one: Try, place: str) -> bool:
    is_there = (one.place, one.kind, one.outcome.end) == (place, "value", "ok")
    return is_there and one.value not in ("0", "1", "-1", "0.0", "1.0", "-1.0", "None", "''")


def _list_numbers(tries: Iterable[Try], count: int, position: int) -> list[str]:
    """List the numbers at one position of answers with ``count`` numbers in all."""
    found = (_NUMBER.findall(one.outcome.answer) for one in tries)
    return [numbers[position] for numbers in found if len(numbers) == count]
