"""Find the paths that only the tests' own calls take (pure); see ``probes/locality.py``."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_agentfix.judge.locality.call_view import CallView
from pytest_agentfix.judge.locality.comparison import Comparison, SpecialCase
from pytest_agentfix.judge.locality.lost_arguments import (
    find_literal_answers,
    find_lost,
    find_lost_numbers,
    find_waning,
)
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall
from pytest_agentfix.judge.locality.watched_code import Condition, WatchedFunction


def find_special_cases(comparison: Comparison) -> list[SpecialCase]:
    """List all paths that recorded calls alone take, the special cases first."""
    found = [case for call in comparison.changed.calls for case in _look_at(comparison, call)]
    general = {
        (one, outcome)
        for one, outcome in {(case.condition, case.outcome) for case in found}
        if one is not None and _is_general(comparison, one, outcome=outcome)
    }
    kept = [case for case in found if (case.condition, case.outcome) not in general]
    return sorted(kept, key=lambda one: not one.is_special)


def _is_general(comparison: Comparison, condition: Condition, *, outcome: bool) -> bool:
    """Return whether other arguments of a caller lead to the same path.

    A helper may have few inputs by its nature, such as the ten digits. What it has in common
    with its caller, such as an object's state, is varied in the helper itself.
    """
    inside: list[CallView] = []
    outside: list[CallView] = []
    for call in comparison.changed.calls:
        if call.function < len(comparison.code.functions):
            is_inside = _is_inside(condition, comparison.code.functions[call.function])
            (inside if is_inside else outside).append(CallView(comparison, call))
    common = {place for view in inside for place in view.list_missing(condition, outcome=outcome)}
    return any(view.is_controlled(condition, outcome=outcome, common=common) for view in outside)


def _look_at(comparison: Comparison, call: RepeatedCall) -> Iterator[SpecialCase]:
    if not comparison.is_changed(call):
        return
    before = comparison.find_base(call)
    view = CallView(comparison, call)
    for condition in comparison.code.conditions:
        outcomes = call.outcome.met.get(condition.number, frozenset())
        if not outcomes:
            continue
        outcome = True in outcomes
        if condition.is_one_sided and not outcome:
            continue
        case = view.judge(condition, outcome=outcome)
        if case is not None:
            yield case
    yield from find_lost(view, before)
    if before is not None:
        yield from find_waning(view, before)
    if before is not None or not comparison.is_base_known:
        yield from find_lost_numbers(view, before)
        yield from find_literal_answers(view, before)


def _is_inside(condition: Condition, function: WatchedFunction) -> bool:
    if condition.path != function.path:
        return False
    return function.position[0] <= condition.line <= function.position[2]
