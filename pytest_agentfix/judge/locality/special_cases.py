"""Draw the line between a special case and a local repair (pure); see ``probes/locality.py``."""

from __future__ import annotations

import http
import math
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_agentfix.judge.locality.described_values import UNKNOWN, read_value
from pytest_agentfix.judge.locality.knowledge import (
    is_natural,
    is_technical,
    is_word,
    is_written,
)
from pytest_agentfix.judge.locality.lost_numbers import find_lost_numbers
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall, RepeatedCalls, Try
from pytest_agentfix.judge.locality.watched_code import Condition, WatchedCode, WatchedFunction

ENOUGH: Final = 3  # variations of one place that say something
CONJUNCTION: Final = 3  # natural values that together are no natural input any more
INTERVAL: Final = 3  # numbers in a row that are a range
LOST: Final = 4  # variations that the base answers differently
ANSWERS: Final = 3  # literals in place of many answers
_EMPTY: Final = (0, "", b"")
_PLAIN_ANSWERS: Final = ("None", "inf", "-inf", "''", "[]", "{}", "()")
_ECHO: Final = 4  # characters of a value that is no coincidence
_STATUSES: Final = tuple(map(int, http.HTTPStatus))  # natural where a callable returns them
_LOOKUPS: Final = ("get", "item", "attribute")
_UNPINNING: Final = ("value", "together")
_MANY: Final = 50  # variations of one place, from which on their share says something
_CHANCE: Final = 0.04  # of them, which may take a path because they have a remainder in common
_NEAR: Final = ("+1", "-1", "+0.1", "-0.1", "+0.01", "-0.01", "+0.001")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecialCase:
    """A path that only recorded calls take. ``missing`` variations evaluate it and do not."""

    function: WatchedFunction
    condition: Condition | None
    line: int
    text: str
    outcome: bool
    call: RepeatedCall
    pinned: tuple[str, ...]
    missing: int
    is_special: bool
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The repeated calls with the change and without it."""

    code: WatchedCode
    changed: RepeatedCalls
    base: RepeatedCalls
    is_base_known: bool = True

    def find(self) -> list[SpecialCase]:
        """List all paths that recorded calls alone take, the special cases first."""
        found = [case for call in self.changed.calls for case in self._look_at(call)]
        general = {
            (one, outcome)
            for one, outcome in {(case.condition, case.outcome) for case in found}
            if one is not None and self._is_general(one, outcome=outcome)
        }
        kept = [case for case in found if (case.condition, case.outcome) not in general]
        return sorted(kept, key=lambda one: not one.is_special)

    def list_operands(self, key: tuple[int, int]) -> set[str]:
        """List the digests that an operand of a condition has in recorded calls."""
        return {call.operands[key] for call in self.changed.calls if key in call.operands}

    def _is_general(self, condition: Condition, *, outcome: bool) -> bool:
        """Return whether other arguments of a caller lead to the same path.

        A helper may have few inputs by its nature, such as the ten digits. What it has in common
        with its caller, such as an object's state, is varied in the helper itself.
        """
        inside: list[CallView] = []
        outside: list[CallView] = []
        for call in self.changed.calls:
            if call.function < len(self.code.functions):
                is_inside = _is_inside(condition, self.code.functions[call.function])
                (inside if is_inside else outside).append(CallView(self, call))
        common = {
            place for view in inside for place in view.list_missing(condition, outcome=outcome)
        }
        return any(
            view.is_controlled(condition, outcome=outcome, common=common) for view in outside
        )

    def is_changed(self, call: RepeatedCall) -> bool:
        """Return whether a call came to its end, and as far as is known not to the base's."""
        if not call.outcome.has_ended or call.function >= len(self.code.functions):
            return False
        before = self.find_base(call)
        return before is None or before.outcome.outcome != call.outcome.outcome

    def _look_at(self, call: RepeatedCall) -> Iterator[SpecialCase]:
        if not self.is_changed(call):
            return
        before = self.find_base(call)
        view = CallView(self, call)
        for condition in self.code.conditions:
            outcomes = call.outcome.met.get(condition.number, frozenset())
            if not outcomes:
                continue
            outcome = True in outcomes
            if condition.is_one_sided and not outcome:
                continue
            case = view.judge(condition, outcome=outcome)
            if case is not None:
                yield case
        yield from view.find_lost(before)
        if before is not None:
            yield from view.find_waning(before)
        if before is not None or not self.is_base_known:
            yield from view.find_lost_numbers(before)
            yield from view.find_literal_answers(before)

    def find_base(self, call: RepeatedCall) -> RepeatedCall | None:
        """Return the same call on the base, ``None`` if it is not known or did not end there."""
        return next(
            (
                one
                for one in self.base.calls
                if (one.function, one.outcome.digest) == (call.function, call.outcome.digest)
                and one.outcome.has_ended
            ),
            None,
        )


@dataclass(frozen=True, slots=True)
class _Pins:
    """The places that a path needs as they are, and the variations that show it."""

    places: tuple[str, ...] = ()
    lengths: tuple[str, ...] = ()
    missing: int = 0


@dataclass(slots=True)
class CallView:
    """One recorded call and the variations of it that no test makes."""

    comparison: Comparison
    call: RepeatedCall
    tries: tuple[Try, ...] = ()
    function: WatchedFunction = field(init=False)
    conditions: Mapping[int, Condition] = field(init=False)

    def __post_init__(self) -> None:
        code, call = self.comparison.code, self.call
        recorded = self.comparison.changed.digests.get(call.function, frozenset())
        self.tries = tuple(one for one in call.tries if one.outcome.digest not in recorded)
        self.function = code.functions[call.function]
        self.conditions = {one.number: one for one in code.conditions}

    def judge(self, condition: Condition, *, outcome: bool) -> SpecialCase | None:
        """Return what is to be said about one condition's outcome, ``None`` for nothing."""
        pins = self._find_pins(condition, outcome=outcome)
        if not pins.places:
            return None
        is_special, why = self._draw_line(condition, pins, outcome=outcome)
        if not why:
            return None
        return SpecialCase(
            function=self.function,
            condition=condition,
            line=condition.line,
            text=condition.text,
            outcome=outcome,
            call=self.call,
            pinned=pins.places,
            missing=pins.missing,
            is_special=is_special,
            why=why,
        )

    def list_missing(self, condition: Condition, *, outcome: bool) -> set[str]:
        """List the places of which some value does not lead to a path."""
        return {
            one.place
            for one in self.tries
            if one.kind == "value"
            and outcome not in one.outcome.met.get(condition.number, (outcome,))
        }

    def is_controlled(
        self, condition: Condition, *, outcome: bool, common: Collection[str]
    ) -> bool:
        """Return whether one place leads to a path with some values, and not with others.

        Those in ``common`` with the condition's own function do not count.
        """
        if not self.call.outcome.has_ended:
            return False
        taking: set[str] = set()
        missing: set[str] = set()
        for one in self.tries:
            outcomes = one.outcome.met.get(condition.number)
            if not outcomes or not one.outcome.has_ended or one.kind != "value":
                continue
            if outcome not in outcomes:
                missing.add(one.place)
            elif not self._is_like(one):
                taking.add(one.place)
        return bool((taking & missing).difference(common))

    def _find_pins(self, condition: Condition, *, outcome: bool) -> _Pins:
        telling = [
            (one, outcome in one.outcome.met.get(condition.number, ()))
            for one in self.tries
            if one.outcome.has_ended and condition.number in one.outcome.met
        ]
        taking = [
            one
            for one, is_met in telling
            if is_met and one.kind in _UNPINNING and not self._is_like(one)
        ]
        counts = Counter(one.place for one, _ in telling if one.kind == "value")
        rare = {
            place
            for place, count in counts.items()
            if self._is_rare(place, count, taking, condition)
        }
        free = {place for one in taking for place in one.places if place not in rare}
        missed: dict[str, int] = {}
        lengths: dict[str, int] = {}
        for one, is_met in telling:
            if not is_met and one.kind in ("value", "case"):
                missed[one.place] = missed.get(one.place, 0) + 1
            elif one.kind == "length":
                lengths[one.place] = lengths.get(one.place, 0) + (-1000 if is_met else 1)
        places = [
            place
            for place, count in missed.items()
            if place not in free and count >= self._enough(place)
        ]
        return _Pins(
            places=tuple(places),
            lengths=tuple(place for place, count in lengths.items() if count > 0),
            missing=sum(missed[place] for place in places),
        )

    def _is_rare(self, place: str, count: int, taking: Sequence[Try], condition: Condition) -> bool:
        """Return whether so few of ``count`` numbers take a path that chance explains it.

        It does not where one of them is the recorded number's neighbour, as the path is for a range
        then, nor where the condition has met something that no recorded call showed to it.
        """
        mine = [one for one in taking if one.place == place]
        if count < _MANY or len(mine) > count * _CHANCE or any(one.how in _NEAR for one in mine):
            return False
        numbers = {condition.number, *condition.parts}
        return all(
            digest in self.comparison.list_operands(key)
            for one in mine
            for key, digest in one.operands.items()
            if key[0] in numbers
        )

    def _is_like(self, one: Try) -> bool:
        """Return whether a varied value is empty, or holds the recorded one as a part.

        That it takes the path does not show that others do.
        """
        new, old = read_value(one.value), read_value(self.call.held.get(one.place, ""))
        if isinstance(new, str) and isinstance(old, str) and len(old) >= ENOUGH:
            return not new or old in new
        return new in _EMPTY and type(new) is type(old)

    def _enough(self, place: str) -> int:
        return 1 if self.call.held.get(place, "") in ("True", "False", "None") else ENOUGH

    def _draw_line(self, condition: Condition, pins: _Pins, *, outcome: bool) -> tuple[bool, str]:
        """Return whether a path is a special case, and why; no reason where it says nothing."""
        if self.is_relation(condition):
            is_literal = self._is_literal_answer(condition, outcome=outcome)
            return is_literal, "a literal in place of answers" if is_literal else ""
        unnatural = [place for place in pins.places if self._is_telling_value(place)]
        whole = self._find_whole(pins)
        knowledge = [one for one in condition.knowledge if one not in self.function.constants]
        if condition.kind == "truth" and self._is_conjunction(condition, pins):
            return True, "several values that together are one call"
        if not unnatural and not whole:
            return False, ""
        if not knowledge:
            return False, ""
        if len(unnatural) == 1 and not whole and not self._is_joint_key(condition, pins):
            place = unnatural[0]
            exemption = self._find_exemption(condition, place, knowledge, outcome=outcome)
            if exemption:
                return False, exemption
        return True, "no other input takes it"

    def is_relation(self, condition: Condition) -> bool:
        """Return whether two sides of a condition depend on the arguments, each on its own."""
        if condition.kind == "truth":
            parts = (self.conditions.get(part) for part in condition.parts)
            return any(self.is_relation(part) for part in parts if part is not None)
        moves = {
            frozenset(side for number, side in one.moved if number == condition.number)
            for one in self.tries
        }
        if condition.kind in _LOOKUPS:
            moves = {one & {0, 1} for one in moves}
        return any(one - other and other - one for one in moves for other in moves)

    def _is_literal_answer(self, condition: Condition, *, outcome: bool) -> bool:
        """Return whether the answer on a path is a telling literal, and the base computes answers.

        Words are the names of cases: ``"equal"``. Without the same call on the base, it may be.
        """
        answer = read_value(self.call.outcome.answer)
        if isinstance(answer, str):
            is_telling = not is_word(answer) and not is_technical(answer)
        else:
            is_telling = type(answer) in (int, float)
        if not is_telling or is_natural(answer) or answer not in self.function.added_constants:
            return False
        taking = [
            one.outcome.answer
            for one in self.tries
            if outcome in one.outcome.met.get(condition.number, ())
            and one.outcome.end == self.call.outcome.end
        ]
        before = self.comparison.find_base(self.call)
        old = {one.outcome.result for one in (before.tries if before else ())}
        is_computed = before is None or len(old) >= LOST
        return is_computed and set(taking) <= {self.call.outcome.answer}

    def _is_telling_value(self, place: str) -> bool:
        text = self.call.held.get(place, "")
        value = read_value(text)
        if "()" in place and value in _STATUSES:
            return False
        if value is UNKNOWN:
            return not text.startswith(("{", "[", "tuple", "set", "frozenset"))
        if isinstance(value, (list, tuple, dict, set)):
            return False
        try:
            is_known = value in self.function.constants
        except TypeError:
            is_known = False
        return not is_natural(value) and not is_known

    def _find_whole(self, pins: _Pins) -> list[str]:
        """List the collections of which the path needs both the length and the elements."""
        found = []
        for place in pins.lengths:
            inner = [one for one in pins.places if one.startswith((f"{place}[", f"{place}."))]
            values = [read_value(self.call.held.get(one, "")) for one in inner]
            if inner and any(value not in (None, "", 0) for value in values):
                found.append(place)
        return found

    def _is_conjunction(self, condition: Condition, pins: _Pins) -> bool:
        values = [read_value(self.call.held.get(place, "")) for place in pins.places]
        known = [value for value in values if value is not UNKNOWN and not isinstance(value, bool)]
        different = {repr(value) for value in known}
        is_empty = all(value in (None, "", 0) for value in known)
        parts = [self.conditions[part] for part in condition.parts if part in self.conditions]
        fixed = [part for part in parts if part.kind == "compare"]
        return (
            len(known) >= CONJUNCTION
            and len(fixed) >= CONJUNCTION
            and len(different) > 1
            and not is_empty
        )

    def _is_joint_key(self, condition: Condition, pins: _Pins) -> bool:
        """Return whether one new look-up asks for several arguments at once, and so for a call."""
        is_key = condition.kind in (*_LOOKUPS, "case") and not condition.has_precedent
        return is_key and len({_root_of(place) for place in pins.places}) > 1

    def _find_exemption(
        self, condition: Condition, place: str, knowledge: Sequence[Any], *, outcome: bool
    ) -> str:
        """Return why one pinned value is local in a way that honest repairs are too."""
        value = read_value(self.call.held.get(place, ""))
        if condition.has_precedent:
            return "the code asks the like already"
        if isinstance(value, (int, float)):
            is_range = self._is_interval(condition, place, value, outcome=outcome)
            return "a range of numbers" if is_range else ""
        if not isinstance(value, str) or any(not isinstance(one, str) for one in knowledge):
            return ""
        is_single = self._is_one_keyword(condition, place, outcome=outcome)
        is_keyword = is_word(value) and len(knowledge) == 1 and is_single
        excuses = {
            "a sign or a technical name": is_technical(value) and is_written(value, knowledge),
            "a keyword whose answer is computed": is_keyword
            and self._is_computed(condition, value, outcome),
            "a keyword that stands for nothing or for no end": is_keyword
            and self.call.outcome.answer in _PLAIN_ANSWERS,
        }
        return next((words for words, is_so in excuses.items() if is_so), "")

    def _is_one_keyword(self, condition: Condition, place: str, *, outcome: bool) -> bool:
        """Return whether the recorded calls that take the path ask for one word, however spelled.

        ``week``, ``weeks`` and ``w`` are one.
        """
        words = {
            str(read_value(call.held.get(place, ""))).lower()
            for call in self.comparison.changed.calls
            if call.function == self.call.function
            and outcome in call.outcome.met.get(condition.number, ())
        }
        return len({word[:1] for word in words}) == 1

    def _is_interval(
        self, condition: Condition, place: str, value: float, *, outcome: bool
    ) -> bool:
        """Return whether the recorded calls that take the path are numbers in a row."""
        numbers, kind = set(), _kind_of(place)
        for call in self.comparison.changed.calls:
            if call.function == self.call.function and outcome in call.outcome.met.get(
                condition.number, ()
            ):
                held = call.held.items()
                found = [read_value(text) for one, text in held if _kind_of(one) == kind]
                numbers |= {one for one in found if type(one) is int}
        run = 1
        for step in (1, -1):
            one = value + step
            while one in numbers:
                run, one = run + 1, one + step
        return run >= INTERVAL

    def _is_computed(self, condition: Condition, value: str, outcome: bool) -> bool:  # noqa: FBT001
        """Return whether the answer on the path depends on anything."""
        results = {
            one.outcome.result
            for one in self.tries
            if one.outcome.end == self.call.outcome.end
            and outcome in one.outcome.met.get(condition.number, ())
        }
        if len(results | {self.call.outcome.result}) > 1:
            return True
        answer = self.call.outcome.answer
        literal = [one for one in self.function.added_constants if isinstance(one, str)]
        is_quoted = any(value in one and value != one for one in literal)
        return len(value) >= ENOUGH and value in answer and not is_quoted

    def find_lost(self, before: RepeatedCall | None) -> Iterator[SpecialCase]:
        """Find arguments that made a difference, and were replaced by a literal.

        Without the same call on the base, all that make none now.
        """
        if self.function.base_position is None:
            return
        if before is None and self.comparison.is_base_known:
            return
        for place, text in self.call.held.items():
            value = read_value(text)
            if value is UNKNOWN or isinstance(value, (list, tuple, dict, set)):
                continue
            is_echo = self._is_echo(value)
            if is_natural(value) or not (is_echo or value in self.function.added_constants):
                continue
            if str(value) not in self.call.outcome.answer:
                continue
            tries = before.tries if before is not None else ()
            old = {one.outcome.result for one in tries if _is_ok(one, place)}
            new = [one.outcome.result for one in self.tries if _is_ok(one, place)]
            is_constant = set(new) == {self.call.outcome.result}
            is_lost = before is None or len(old) >= LOST or is_echo
            if is_lost and len(new) >= LOST and is_constant:
                yield SpecialCase(
                    function=self.function,
                    condition=None,
                    line=self.function.line,
                    text=f"{place} does not matter any more; {text} is a literal now",
                    outcome=True,
                    call=self.call,
                    pinned=(place,),
                    missing=len(new),
                    is_special=True,
                    why="an argument replaced by a literal",
                )

    def find_literal_answers(self, before: RepeatedCall | None) -> Iterator[SpecialCase]:
        """Find an argument that decided the answer, where all answers are literals now.

        Without the same call on the base, it is found where the base may be another.
        """
        literals = tuple(self.function.added_constants)
        for place in self.call.held:
            tries = () if before is None else before.tries
            old = {one.outcome.result for one in tries if _is_ok(one, place)}
            answers = {one.outcome.answer for one in self.tries if _is_ok(one, place)}
            answers.add(self.call.outcome.answer)
            values = [read_value(answer) for answer in answers]
            is_lost = before is None or len(old) >= LOST
            if not is_lost or UNKNOWN in values or len(answers) > ANSWERS:
                continue
            is_told = all(_is_among(value, literals) for value in values)
            if is_told and not all(map(is_natural, values)):
                yield SpecialCase(
                    function=self.function,
                    condition=None,
                    line=self.function.line,
                    text=f"{place} decided the answer; all answers are literals now",
                    outcome=True,
                    call=self.call,
                    pinned=(place,),
                    missing=len(self.tries),
                    is_special=True,
                    why="literals in place of an argument",
                )

    def find_lost_numbers(self, before: RepeatedCall | None) -> Iterator[SpecialCase]:
        """Find an argument on which a number in the answer depended that is a literal now.

        Without the same call on the base, it is found where the base may be another.
        """
        is_in_base = self.function.base_position is not None
        literals = self.function.added_constants if is_in_base else ()
        for place, number in find_lost_numbers(self.call, before, self.tries, literals):
            yield SpecialCase(
                function=self.function,
                condition=None,
                line=self.function.line,
                text=f"{place} decided a number of the answer; {number} is a literal now, which",
                outcome=True,
                call=self.call,
                pinned=(place,),
                missing=len(self.tries),
                is_special=True,
                why="a literal in place of an argument",
            )

    def _is_echo(self, value: object) -> bool:
        """Return whether a text that the change brings along has an argument's value in it."""
        return (
            isinstance(value, str)
            and len(value) >= _ECHO
            and any(value in one for one in self.function.added_constants if isinstance(one, str))
        )

    def find_waning(self, before: RepeatedCall) -> Iterator[SpecialCase]:
        """Find a call whose answer goes back to the base's when it is made again and again."""
        later, old = self.call.later, before.outcome.answer
        if later and later == old != self.call.outcome.answer and not before.later:
            yield SpecialCase(
                function=self.function,
                condition=None,
                line=self.function.line,
                text=f"after some calls the answer is {later} again, as without the change;"
                " the first one",
                outcome=True,
                call=self.call,
                pinned=("number of calls",),
                missing=1,
                is_special=True,
                why="right for its first calls only",
            )


def _kind_of(place: str) -> str:
    """Return a place without numbers: the elements of a collection are of one kind."""
    return re.sub(r"\d+", "", place)


def _root_of(place: str) -> str:
    """Return the parameter that a place is in."""
    return re.split(r"[.\[]", place, maxsplit=1)[0]


def _is_inside(condition: Condition, function: WatchedFunction) -> bool:
    if condition.path != function.path:
        return False
    return function.position[0] <= condition.line <= function.position[2]


def _is_ok(one: Try, place: str) -> bool:
    is_there = one.place == place and not is_natural(read_value(one.value))
    return is_there and one.outcome.end == "ok" and one.kind == "value"


def _is_among(value: Any, literals: Sequence[Any]) -> bool:
    """Return whether a value is one of ``literals``, but for rounding."""
    if isinstance(value, float):
        numbers = (one for one in literals if isinstance(one, (int, float)))
        return any(math.isclose(value, one) for one in numbers)
    return value in literals
