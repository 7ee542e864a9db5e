"""Find edges of several inputs that together are one call of the tests (pure).

Nothing, one, the end of a range: each is an edge that an honest repair asks for. Edges of several
inputs at once, whatever asks for them, are a call of the tests if nothing else about the call makes
a difference to the answer, and if neither the base nor a plain default answers like that.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from pytest_agentfix.judge.locality.call_view import ENOUGH, CallView
from pytest_agentfix.judge.locality.comparison import Comparison, SpecialCase
from pytest_agentfix.judge.locality.described_values import UNKNOWN, read_value
from pytest_agentfix.judge.locality.knowledge import is_natural, is_technical, is_word
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall, Try
from pytest_agentfix.judge.locality.watched_code import Condition

_TELLING: Final = ("value", "case", "length")
_COMPARING: Final = ("compare", "get", "item", "attribute")
_MODES: Final = ("True", "False")
_COLLECTION: Final = re.compile(r"(?:[A-Za-z_]\w*)?[\[{]")
_NO_ELEMENTS: Final = re.compile(r"\w*(?:\[\]|\{\})")
_TYPE: Final = re.compile(r"\b[A-Za-z_]\w*(?=[\[{(])")
_PIECE: Final = re.compile(r"'[^']*'|\"[^\"]*\"|(?<![\w.])-?\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """Something that a path needs to be at an edge.

    ``inputs`` are the arguments and attributes that it is made of, ``conditions`` the numbers of
    those that ask for it. ``filled`` is the value of one input, if it is not empty, else "".
    """

    inputs: frozenset[str]
    conditions: frozenset[int]
    filled: str = ""


def find_joint_edges(comparison: Comparison) -> Iterator[SpecialCase]:
    """Find calls that edges of several inputs lead to, and that have an answer of their own."""
    for call in comparison.changed.calls:
        if not comparison.is_changed(call) or call.outcome.end != "ok":
            continue
        view = CallView(comparison, call)
        if view.function.base_position is None or not _is_own_answer(comparison, call):
            continue
        if any(_takes_path(one, call) and not _is_same(one, call) for one in view.tries):
            continue
        edges = _find_edges(view)
        pairs = itertools.combinations(edges, 2)
        joint = next((pair for pair in pairs if _are_unrelated(view, *pair)), None)
        if joint is not None:
            yield _describe(view, edges, min(joint[0].conditions | joint[1].conditions))


def _describe(view: CallView, edges: Sequence[_Edge], number: int) -> SpecialCase:
    condition = view.conditions[number]
    inputs = sorted({name for one in edges for name in one.inputs})
    excuse = _find_excuse(view, edges)
    return SpecialCase(
        function=view.function,
        condition=condition,
        line=condition.line,
        text=condition.text,
        outcome=True in view.call.outcome.met[number],
        call=view.call,
        pinned=tuple(inputs),
        missing=sum(_name_input(one.place) in inputs for one in view.tries),
        is_special=not excuse,
        why=excuse or "edges of several inputs together, with an answer of their own",
    )


def _are_unrelated(view: CallView, one: _Edge, other: _Edge) -> bool:
    """Return whether two edges are of different inputs, and not of what is made of both.

    ``text[place:]`` is one thing: an honest repair asks for a sign where a reader stands.
    """
    if one.inputs & other.inputs:
        return False
    if any(view.conditions[number].asks_inside for number in one.conditions & other.conditions):
        return False
    asking = one.conditions | other.conditions
    number = min(asking)
    return len(asking) > 1 or _is_joint_key(view.conditions[number], view.call.outcome.met[number])


def _is_joint_key(condition: Condition, outcomes: frozenset[bool]) -> bool:
    """Return whether one condition asks for several inputs side by side, and not for a sum."""
    is_hit = condition.kind == "handler" and True not in outcomes  # of a look-up
    return is_hit or condition.kind == "case" or bool(condition.knowledge)


def _is_own_answer(comparison: Comparison, call: RepeatedCall) -> bool:
    """Return whether an answer is no default, no argument, and none that the base gives."""
    if not is_telling(call.outcome.answer) or call.outcome.answer in call.held.values():
        return False
    before = comparison.find_base(call)
    tries = before.tries if before is not None else ()
    return sum(one.outcome.answer == call.outcome.answer for one in tries) < ENOUGH


def _takes_path(one: Try, call: RepeatedCall) -> bool:
    """Return whether a variation ends every condition that its call met as the call does."""
    met = one.outcome.met
    return one.outcome.end == "ok" and all(
        met.get(number) == outcomes for number, outcomes in call.outcome.met.items()
    )


def _is_same(one: Try, call: RepeatedCall) -> bool:
    return (one.outcome.end, one.outcome.answer) == (call.outcome.end, call.outcome.answer)


def _find_edges(view: CallView) -> list[_Edge]:
    """Find the inputs that have to be at an edge, and what conditions find at one in others."""
    call = view.call
    turned = _find_turned(view)
    free = {
        place
        for one in view.tries
        if _takes_path(one, call) and not _is_no_size(one, call)
        for place in one.places
    }
    found = [
        _Edge(
            inputs=frozenset({_name_input(place)}),
            conditions=frozenset().union(*turns),
            filled="" if _is_empty(call.held[place]) else call.held[place],
        )
        for place, turns in turned.items()
        if place not in free
        and len(turns) >= _count_enough(call.held.get(place, ""))
        and _is_edge(call.held.get(place, ""))
    ]
    known = {name for one in found for name in one.inputs}
    for number in sorted(frozenset().union(*itertools.chain(*turned.values()))):
        inputs = {
            _name_input(place)
            for place, turns in turned.items()
            if any(number in one for one in turns) and call.held.get(place, "") not in _MODES
        }
        if inputs - known and _is_exact(view, view.conditions[number]):
            found.append(_Edge(inputs=frozenset(inputs - known), conditions=frozenset({number})))
    return found


def _find_turned(view: CallView) -> dict[str, list[frozenset[int]]]:
    """Map places to the conditions that each of their variations ends otherwise, if any.

    Comparisons of two inputs do not count: they ask for no edge.
    """
    met = view.call.outcome.met
    asking = {
        one.number: met[one.number]
        for one in view.conditions.values()
        if one.number in met
        and one.position[-1] != "BoolOp"  # its parts are conditions
        and not view.is_relation(one)
    }
    turned: dict[str, list[frozenset[int]]] = {}
    for one in view.tries:
        if not one.outcome.has_ended or one.kind not in _TELLING or _is_same(one, view.call):
            continue
        found = {
            n for n, outcomes in asking.items() if one.outcome.met.get(n, outcomes) != outcomes
        }
        if found:
            turned.setdefault(one.place, []).append(frozenset(found))
    return turned


def _is_exact(view: CallView, condition: Condition) -> bool:
    """Return whether a condition finds nothing, or one value that no variation brings there."""
    outcomes = view.call.outcome.met[condition.number]
    if condition.kind == "test":
        return True not in outcomes
    if condition.kind == "case":
        return True in outcomes
    return condition.kind in _COMPARING and not any(
        number == condition.number
        for one in view.tries
        if one.outcome.met.get(condition.number) == outcomes
        for number, _ in one.moved
    )


def _is_no_size(one: Try, call: RepeatedCall) -> bool:
    """Return whether a number is below none or one, as few inputs are: it shows no other case."""
    old, new = read_value(call.held.get(one.place, "")), read_value(one.value)
    return type(old) is type(new) is int and old in (0, 1) and bool(new < old)


def _count_enough(text: str) -> int:
    return 1 if text == "None" or _COLLECTION.match(text) else ENOUGH


def _is_edge(text: str) -> bool:
    """Return whether a place holds plain data or a collection. A truth value is a mode."""
    value = read_value(text)
    return bool(_COLLECTION.match(text)) or not (value is UNKNOWN or isinstance(value, bool))


def _name_input(place: str) -> str:
    """Return the argument or attribute that a place is in: elements of one belong together."""
    return re.split(r"\[|\.keys\(", place, maxsplit=1)[0]


def _find_excuse(view: CallView, edges: Sequence[_Edge]) -> str:
    """Return why edges may be an honest repair, or ""."""
    filled = [str(read_value(one.filled)) for one in edges if one.filled]
    if not filled:
        return "an answer for nothing"
    if any(view.conditions[number].has_precedent for one in edges for number in one.conditions):
        return "the code asks the like already"
    answer = read_value(view.call.outcome.answer)
    if isinstance(answer, str) and all(text in answer for text in filled):
        return "a text with the arguments in it"
    return ""


def _is_empty(text: str) -> bool:
    return bool(_NO_ELEMENTS.fullmatch(text)) or read_value(text) in (None, "", b"", 0)


def is_telling(answer: str) -> bool:
    """Return whether a described answer is one that nobody gives without a reason.

    Nothing, none, one, truth values and the names of cases say nothing; several numbers do, unless
    they are the fields of a record.
    """
    value = _read_answer(answer)
    filled = [one for one in _list_leaves(value) if not _is_plain(one)]
    if any(not is_natural(one) for one in filled):
        return True
    return len(filled) > 1 and not isinstance(value, dict)


def _is_plain(leaf: Any) -> bool:
    if isinstance(leaf, str):
        return not leaf or is_word(leaf) or is_technical(leaf)
    return isinstance(leaf, bool) or leaf in (None, b"", 0)


def _read_answer(answer: str) -> Any:
    """Return an answer without the types of its collections; of an object, what is in it."""
    if answer.startswith("<"):  # of an enumeration, or with nothing to be seen
        return None
    value = read_value(answer)
    if value is UNKNOWN and answer.startswith(("'", '"')):  # it was cut
        return answer
    if value is UNKNOWN:
        value = read_value(_TYPE.sub("", answer))
    if value is UNKNOWN:
        value = [read_value(piece) for piece in _PIECE.findall(answer)]
    return value


def _list_leaves(value: Any) -> Sequence[Any]:
    """List the data in collections, without the keys of dictionaries."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, (list, tuple, set)):
        return [value]
    leaves: list[Any] = []
    for one in value:
        inner = read_value(_TYPE.sub("", one)) if isinstance(one, str) else UNKNOWN
        leaves += _list_leaves(one if inner is UNKNOWN else inner)
    return leaves
