"""Draw the line between a special case and a local repair (pure); see ``probes/locality.py``."""

from __future__ import annotations

import http
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_agentfix.judge.locality.comparison import Comparison, SpecialCase
from pytest_agentfix.judge.locality.described_values import UNKNOWN, read_value
from pytest_agentfix.judge.locality.knowledge import (
    is_natural,
    is_technical,
    is_word,
    is_written,
)
from pytest_agentfix.judge.locality.repeated_calls import RepeatedCall, Try
from pytest_agentfix.judge.locality.watched_code import Condition, WatchedFunction

ENOUGH: Final = 3  # variations of one place that say something
CONJUNCTION: Final = 3  # natural values that together are no natural input any more
JOINT: Final = 2  # values that no natural key is made of
INTERVAL: Final = 3  # numbers in a row that are a range
LOST: Final = 4  # variations that the base answers differently
_EMPTY: Final = (0, "", b"")
_PLAIN_ANSWERS: Final = ("None", "inf", "-inf", "''", "[]", "{}", "()")
_STATUSES: Final = tuple(map(int, http.HTTPStatus))  # natural where a callable returns them
_LOOKUPS: Final = ("get", "item", "attribute")
_UNPINNING: Final = ("value", "together")
_MANY: Final = 50  # variations of one place, from which on their share says something
_CHANCE: Final = 0.04  # of them, which may take a path because they have a remainder in common
_NEAR: Final = ("+1", "-1", "+0.1", "-0.1", "+0.01", "-0.01", "+0.001")


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
        texts = [one for one in condition.knowledge if isinstance(one, str)]
        if condition.asks_inside and texts and all(map(is_technical, texts)):
            is_special, why = False, "a sign at a place that the input gives"
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
            elif not self.is_like(one):
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
            if is_met and one.kind in _UNPINNING and not self.is_like(one)
        ]
        moved = Counter(one.places for one in taking if one.kind == "together")
        taking = [one for one in taking if one.kind == "value" or moved[one.places] > 1]
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

    def is_like(self, one: Try) -> bool:
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
        unnatural = [place for place in pins.places if self.is_telling_value(place)]
        whole = self._find_whole(pins)
        knowledge = [one for one in condition.knowledge if one not in self.function.constants]
        if condition.kind == "truth" and self._is_conjunction(condition, pins):
            return True, "several values that together are one call"
        is_joint = self._is_joint_key(condition, pins)
        if knowledge and is_joint and self._is_one_call(pins):
            return True, "several values that together are one call"
        if not knowledge or not (unnatural or whole):
            return False, ""
        if len(unnatural) == 1 and not whole and not is_joint:
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

    def is_telling_value(self, place: str) -> bool:
        """Return whether a place holds what nobody writes without having seen the test."""
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
        """Return whether one new look-up asks for several arguments at once, and so for a call.

        To ask whether a table has them is a look-up as well.
        """
        is_among = condition.question is not None and condition.question.choices > 1
        is_key = is_among or condition.kind in (*_LOOKUPS, "case")
        roots = {_root_of(place) for place in pins.places}
        return is_key and not condition.has_precedent and len(roots) > 1

    def _is_one_call(self, pins: _Pins) -> bool:
        """Return whether two places hold telling values, those included that the base knows."""
        values = [read_value(self.call.held.get(place, "")) for place in pins.places]
        plain = [one for one in values if isinstance(one, (int, float, str, bytes))]
        return len([one for one in plain if not is_natural(one)]) >= JOINT

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

        ``week``, ``weeks`` and ``w`` are one. A call may meet several of them at several places,
        and the condition may ask for something that is made of them.
        """
        number = condition.number
        held: set[str] = set()
        asked: set[str] = set()
        for call in self.comparison.changed.calls:
            is_taken = outcome in call.outcome.met.get(number, ())
            if call.function != self.call.function or not is_taken:
                continue
            held.add(call.held.get(place, ""))
            met = call.asked[number].recorded if number in call.asked else {}
            asked |= {one for one, outcomes in met.items() if outcome in outcomes}
        return all(len(_list_initials(words)) <= 1 for words in (held, asked))

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


def _list_initials(words: Collection[str]) -> set[str]:
    return {str(read_value(one)).lower()[:1] for one in words}


def _kind_of(place: str) -> str:
    """Return a place without numbers: the elements of a collection are of one kind."""
    return re.sub(r"\d+", "", place)


def _root_of(place: str) -> str:
    """Return the parameter that a place is in."""
    return re.split(r"[.\[]", place, maxsplit=1)[0]
