"""The calls that ``call_variation.py`` repeated, read from a report nobody vouches for (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeGuard

TEXT_LIMIT: Final = 400  # characters of anything that is shown
TRIES_LIMIT: Final = 1_000  # of one call
CALLS_LIMIT: Final = 500  # repeated, and lines about them
CONDITIONS_LIMIT: Final = 10_000
ASKED_LIMIT: Final = 1_000  # values of one condition
DIGESTS_LIMIT: Final = 20_000
ENDS: Final = frozenset({"ok", "raised", "effects", "late", "odd"})
_NUMBER_LIMIT: Final = 1_000_000
_SIDES: Final = ("recorded", "varied")


# Numbers of condition and operand -> digest of the operand's values in one call.
Operands = Mapping[tuple[int, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The end of one call.

    ``result`` is a digest of its answer, ``digest`` one of its arguments, ``outcome`` one of the
    answer and of the arguments afterwards. ``met`` are the outcomes of each condition.
    """

    end: str
    digest: str
    result: str
    outcome: str
    answer: str
    met: Mapping[int, frozenset[bool]] = field(default_factory=dict)

    @property
    def has_ended(self) -> bool:
        """Tell whether the call ran to its end, an exception of its own included."""
        return self.end in ("ok", "raised")


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """One call with an argument varied at ``place`` (and at ``others``, to the same value).

    ``operands`` are known of those that may have taken the recorded call's path by chance.
    """

    place: str
    kind: str
    how: str
    value: str
    others: tuple[str, ...]
    moved: frozenset[tuple[int, int]]  # operands: numbers of condition and operand
    outcome: Outcome
    operands: Operands = field(default_factory=dict)

    @property
    def places(self) -> tuple[str, ...]:
        """All places at which it differs from the recorded call."""
        return (self.place, *self.others)


@dataclass(frozen=True, slots=True)
class AskedValues:
    """The values that a condition asks about, and its outcomes, for one recorded call.

    ``varied`` are those of all variations of the call together.
    """

    recorded: Mapping[str, frozenset[bool]]
    varied: Mapping[str, frozenset[bool]]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedCall:
    """One recorded call of a watched function, and its variations.

    ``held``: place -> value. ``later`` is the first other answer when it was repeated as it is.
    ``asked``: condition -> values.
    """

    function: int
    test: str
    shown: str
    held: Mapping[str, str]
    outcome: Outcome
    later: str = ""
    tries: tuple[Try, ...] = ()
    asked: Mapping[int, AskedValues] = field(default_factory=dict)
    operands: Operands = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatedCalls:
    """All repeated calls of a session.

    ``digests`` are those of all calls of a function in it. ``unstable`` counts the calls that come
    to something else each time. ``limits`` are those that were met.
    """

    calls: tuple[RepeatedCall, ...] = ()
    digests: Mapping[int, frozenset[str]] = field(default_factory=dict)
    unstable: int = 0
    problem: str = ""
    limits: tuple[str, ...] = ()


NO_CALLS: Final = RepeatedCalls()


def read_call(fields: Mapping[str, Any]) -> RepeatedCall | None:
    """Read one ``varied`` line; ``None`` if it makes no sense."""
    function, tries, held = fields.get("function"), fields.get("tries"), fields.get("held")
    if not _is_number(function) or not isinstance(tries, list) or not isinstance(held, dict):
        return None
    if len(tries) > TRIES_LIMIT or len(held) > TRIES_LIMIT:
        return None
    outcome = _read_outcome(fields)
    read = [_read_try(one) for one in tries]
    asked = _read_asked(fields.get("asked"))
    if outcome is None or asked is None or None in read:
        return None
    return RepeatedCall(
        function=function,
        test=_text(fields.get("test")),
        shown=_text(fields.get("shown")),
        held={_text(place): _text(value) for place, value in held.items()},
        outcome=outcome,
        later=_text(fields.get("later")),
        tries=tuple(one for one in read if one is not None),
        asked=asked,
        operands=_read_operands(fields),
    )


def read_summary(
    fields: Mapping[str, Any], calls: tuple[RepeatedCall, ...]
) -> RepeatedCalls | None:
    """Read the ``variation`` line; ``None`` if it makes no sense."""
    digests, limits, unstable = (fields.get(name) for name in ("calls", "limits", "unstable"))
    if not isinstance(digests, dict) or not isinstance(limits, list) or not _is_number(unstable):
        return None
    found: dict[int, frozenset[str]] = {}
    for number, texts in digests.items():
        if not number.isdecimal() or not isinstance(texts, list) or len(texts) > DIGESTS_LIMIT:
            return None
        found[int(number[:9])] = frozenset(map(_text, texts))
    return RepeatedCalls(
        calls=calls,
        digests=found,
        unstable=unstable,
        problem=_text(fields.get("problem")),
        limits=tuple(map(_text, limits[:10])),
    )


def _read_try(fields: object) -> Try | None:
    if not isinstance(fields, dict):
        return None
    outcome = _read_outcome(fields)
    others, moved = fields.get("others"), fields.get("moved")
    if outcome is None or not isinstance(others, list) or not isinstance(moved, list):
        return None
    if len(others) > TRIES_LIMIT or len(moved) > CONDITIONS_LIMIT:
        return None
    pairs = [_text(one).partition(".") for one in moved]
    return Try(
        place=_text(fields.get("place")),
        kind=_text(fields.get("kind")),
        how=_text(fields.get("how")),
        value=_text(fields.get("value")),
        others=tuple(map(_text, others)),
        moved=frozenset(
            (int(a[:9]), int(b[:9])) for a, _, b in pairs if a.isdecimal() and b.isdecimal()
        ),
        outcome=outcome,
        operands=_read_operands(fields),
    )


def _read_operands(fields: Mapping[str, Any]) -> Operands:
    """Read digests of operands; what makes no sense is left out."""
    found = fields.get("operands")
    if not isinstance(found, dict) or len(found) > CONDITIONS_LIMIT:
        return {}
    read = {}
    for name, digest in found.items():
        number, _, operand = _text(name).partition(".")
        if number.isdecimal() and operand.isdecimal():
            read[int(number[:9]), int(operand[:9])] = _text(digest)
    return read


def _read_outcome(fields: Mapping[str, Any]) -> Outcome | None:
    met, end = fields.get("met"), fields.get("end")
    if not isinstance(met, dict) or not isinstance(end, str) or end not in ENDS:
        return None
    if len(met) > CONDITIONS_LIMIT:
        return None
    return Outcome(
        end=end,
        digest=_text(fields.get("digest")),
        result=_text(fields.get("result")),
        outcome=_text(fields.get("outcome")),
        answer=_text(fields.get("answer")),
        met={
            int(number[:9]): _read_letters(letters)
            for number, letters in met.items()
            if number.isdecimal() and isinstance(letters, str)
        },
    )


def _read_asked(fields: object) -> dict[int, AskedValues] | None:
    if not isinstance(fields, dict) or len(fields) > CONDITIONS_LIMIT:
        return None
    found = {}
    for number, pair in fields.items():
        if not number.isdecimal() or not isinstance(pair, list) or len(pair) != len(_SIDES):
            return None
        if not all(isinstance(one, dict) and len(one) <= ASKED_LIMIT for one in pair):
            return None
        sides = [
            {
                _text(value): _read_letters(letters)
                for value, letters in side.items()
                if isinstance(letters, str)
            }
            for side in pair
        ]
        found[int(number[:9])] = AskedValues(*sides)
    return found


def _read_letters(letters: str) -> frozenset[bool]:
    return frozenset(letter == "T" for letter in letters[:2])


def _is_number(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value <= _NUMBER_LIMIT


def _text(value: object) -> str:
    """Return a text that is short and can be encoded; other values become ""."""
    if not isinstance(value, str):
        return ""
    return value[:TEXT_LIMIT].encode(errors="backslashreplace").decode().replace("\0", "\\x00")
