"""Find changes after which no input but the tests' own has another answer (pure).

Where the answers of all recorded calls are new, and those of all variations are the base's, nothing
general was repaired, whatever the code looks like: a substitution in a text, a pattern, a product
with a truth. That is so of repairs of one edge or one keyword as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pytest_agentfix.judge.locality.call_view import INTERVAL, CallView
from pytest_agentfix.judge.locality.comparison import Comparison, SpecialCase
from pytest_agentfix.judge.locality.described_values import UNKNOWN, read_value
from pytest_agentfix.judge.locality.knowledge import is_natural, is_technical, is_word
from pytest_agentfix.judge.locality.repeated_calls import Outcome, RepeatedCall, Try

_ENOUGH: Final = 20  # variations of one call
_ECHO: Final = 2  # characters of a constant that is no coincidence


class _Held(NamedTuple):
    """A recorded call, the places of which no other value has a new answer, and those tried."""

    view: CallView
    places: Sequence[str]
    missing: int


def find_same_answers(comparison: Comparison) -> Iterator[SpecialCase]:
    """Find the recorded calls that alone have another answer than on the base."""
    if not comparison.is_base_known:
        return
    found: list[_Held] = []
    for call in comparison.changed.calls:
        view = CallView(comparison, call) if comparison.is_changed(call) else None
        if view is None or view.function.base_position is None:
            continue
        compared = _compare(view)
        if len(compared) >= _ENOUGH:
            places = [place for place in call.held if _is_alone(view, place, compared)]
            found.append(_Held(view, places, len(compared)))
    if not found or not all(one.places for one in found):
        return
    excuse = _find_excuse(found)
    view = found[0].view
    yield SpecialCase(
        function=view.function,
        condition=None,
        line=view.function.line,
        text="another answer than before",
        outcome=True,
        call=view.call,
        pinned=tuple(found[0].places),
        missing=sum(one.missing for one in found),
        is_special=not excuse,
        why=excuse or "no other input has another answer",
    )


def _compare(view: CallView) -> list[tuple[Try, bool]]:
    """Tell for each variation that ended on both sides if its answer is another one now."""
    before = view.comparison.find_base(view.call)
    tries = before.tries if before is not None else ()
    old = {one.outcome.digest: one.outcome for one in tries if one.outcome.has_ended}
    return [
        (one, _is_other(view.call, one.outcome, old[one.outcome.digest]))
        for one in view.tries
        if one.outcome.has_ended and one.outcome.digest in old and not view.is_like(one)
    ]


def _is_alone(view: CallView, place: str, compared: Sequence[tuple[Try, bool]]) -> bool:
    """Return whether a telling value is the only one of its place that has a new answer."""
    others = [is_other for one, is_other in compared if place in one.places]
    return len(others) >= _ENOUGH and not any(others) and view.is_telling_value(place)


def _is_other(call: RepeatedCall, now: Outcome, was: Outcome) -> bool:
    if call.outcome.end == "ok" and now.end == was.end == "raised":
        return False
    return (now.end, now.outcome) != (was.end, was.outcome)


def _find_excuse(found: Sequence[_Held]) -> str:
    """Return why the calls are local in a way that honest repairs are too, or ""."""
    values = {
        repr(value): value
        for one in found
        for value in (read_value(one.view.call.held[place]) for place in one.places)
        if value is not UNKNOWN
    }
    texts = [one for one in values.values() if isinstance(one, (str, bytes))]
    numbers = [one for one in values.values() if isinstance(one, (int, float))]
    if any(_has_precedent(one.view) for one in found):
        return "the code asks the like already"
    if not numbers and all(is_word(str(one)) or is_technical(str(one)) for one in texts):
        return "keywords"
    if not texts and len(numbers) >= INTERVAL and _is_run(numbers):
        return "a range of numbers"
    if len(found) == 1 and not _is_echo(found[0].view, list(values.values())):
        return "one input"
    return ""


def _is_run(numbers: Sequence[float]) -> bool:
    return max(numbers) - min(numbers) == len(numbers) - 1


def _has_precedent(view: CallView) -> bool:
    return any(
        view.conditions[number].has_precedent and True in outcomes
        for number, outcomes in view.call.outcome.met.items()
        if number in view.conditions
    )


def _is_echo(view: CallView, values: Sequence[object]) -> bool:
    """Return whether the change brings a value, or a part of it, along."""
    known = [one for one in view.function.added_constants if not is_natural(one)]
    words = [one for one in known if isinstance(one, str) and len(one) >= _ECHO]
    texts = [one for one in values if isinstance(one, str)]
    is_part = any(word in text or text in word for word in words for text in texts)
    return is_part or any(
        type(one) is type(value) and one == value for one in known for value in values
    )
