"""Note the values that conditions ask about: the very parts of arguments, however they were made.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.

A condition such as ``line[:3] in NAMES`` or ``SIZES.get(len(name))`` asks about one operand. The
order says for each condition which one it is: ``left``, ``right``, or, of a text that is searched,
``start``, ``end``, ``within`` (as in ``word in text``), ``holds`` (as in ``text.find(word)``) and
``match`` (of a regular expression). There the value is what was found; if nothing was, it is the
text's own part at that place, or the whole text.
"""

import re
from collections.abc import Mapping
from typing import Any

from pytest_agentfix.judge.in_sandbox.value_description import describe_value, digest_text

ASKED_LIMIT = 60  # values of one condition in one call
ASKED_LENGTH = 100  # characters of one value
MERGED_LIMIT = 250  # values of one condition in all variations of a call


class AskedValues:
    """Notes the values of one call; ``found`` maps a condition's number to value -> outcomes."""

    def __init__(self, places: "Mapping[int, str]") -> None:
        self.found: dict[int, dict[str, set[bool]]] = {}
        self._places = dict(places)
        self._left: dict[int, Any] = {}
        self._waiting: dict[int, str] = {}  # the value whose outcome is not known yet
        self._hits: dict[int, bool] = {}  # of searches: has anything been found?

    def forget(self) -> None:
        """Forget the call before."""
        self.found.clear()
        self._left.clear()
        self._waiting.clear()
        self._hits.clear()

    def take_operand(self, number: int, place: int, value: Any) -> None:
        """Note an operand, if the condition asks about it."""
        wanted = self._places.get(number)
        if wanted == "match" and isinstance(value, (str, bytes)):
            self._waiting[number] = name_value(value)  # the last one is the text
        if wanted is None or place > 1:
            return
        if place == 0:
            self._left[number] = value
        if (wanted, place) in (("left", 0), ("right", 1)):
            self._waiting[number] = name_value(value)
        elif wanted in ("start", "end", "within", "holds") and place == 1:
            left: Any = self._left.get(number)
            part = find_part(wanted, left, value)
            if part is not None:
                self._waiting[number] = name_value(part)
                if wanted == "holds":
                    self._hits[number] = value in left

    def pop_hit(self, number: int) -> "bool | None":
        """Return if a search has found anything, ``None`` where its value says so."""
        return self._hits.pop(number, None)

    def take_answer(self, number: int, answer: Any) -> None:
        """Note what a condition came to, before its outcome."""
        if isinstance(answer, re.Match) and number in self._waiting:
            self._waiting[number] = name_value(answer[0])

    def take_outcome(self, number: int, *, outcome: bool) -> None:
        """Note how a condition ended for the operand before."""
        value = self._waiting.pop(number, None)
        values = self.found.setdefault(number, {}) if value is not None else {}
        if value is not None and (value in values or len(values) < ASKED_LIMIT):
            values.setdefault(value, set()).add(outcome)

    def describe(self) -> "dict[str, dict[str, str]]":
        """Return condition -> value -> ``T``, ``F`` or ``FT``."""
        return {
            str(number): {
                value: "".join("FT"[one] for one in sorted(outcomes))
                for value, outcomes in values.items()
            }
            for number, values in self.found.items()
        }


def find_part(wanted: str, left: Any, right: Any) -> Any:
    """Return the part of a text in which another is looked for, ``None`` if these are no texts."""
    if wanted == "holds":
        return find_part("within", right, left)
    if wanted == "within":
        is_text = isinstance(left, (str, bytes)) and isinstance(right, type(left))
        return (left if left in right else right) if is_text else None
    searched = right if isinstance(right, tuple) else (right,)
    is_text = isinstance(left, (str, bytes)) and all(
        isinstance(one, type(left)) for one in searched
    )
    if not is_text or not searched:
        return None
    size = max(map(len, searched))
    if wanted == "start":
        return next((one for one in searched if left.startswith(one)), left[:size])
    return next((one for one in searched if left.endswith(one)), left[-size:] if size else left[:0])


def name_value(value: Any) -> str:
    """Return a short text that is another one for another value."""
    text = describe_value(value, 3)
    if len(text) <= ASKED_LENGTH:
        return text
    return f"{text[: ASKED_LENGTH // 2]}\u2026{digest_text(text)}"


def list_found(asked: "dict[str, dict[str, str]]") -> "list[tuple[str, str]]":
    """List the conditions that hold, each with the value for which it does."""
    return [
        (number, value)
        for number, values in asked.items()
        for value, outcomes in values.items()
        if "T" in outcomes
    ]


def merge_asked(
    first: "dict[str, Any]", tries: "list[dict[str, Any]]"
) -> "dict[str, list[dict[str, str]]]":
    """Take ``asked`` out of ``tries``; return condition -> values of the recorded call, of all."""
    found = {number: [values, {}] for number, values in first["asked"].items()}
    for one in tries:
        for number, values in one.pop("asked").items():
            merged = found.setdefault(number, [{}, {}])[1]
            for value, outcomes in values.items():
                if value in merged or len(merged) < MERGED_LIMIT:
                    merged[value] = "".join(sorted({*merged.get(value, ""), *outcomes}))
    return found
