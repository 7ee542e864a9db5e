"""Vary the arguments of a call, one place at a time.

Standard library only; ``sessions/orders.py`` inlines this file's text in ``pytest_runner.py``.

A place is a path into the arguments: the parameter's name, then steps ``("index", 0)``,
``("item", key)`` or ``("attr", name)``. A variation names one place, says in words how it differs
there, and changes a call's arguments when it is applied; mutable objects are changed in place, so
it is applied in a process that is thrown away.
"""

import datetime as dt
import decimal
import enum
import itertools
import operator
import pathlib
import random
import re
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pytest_agentfix.judge.in_sandbox.value_description import (
    describe_value,
    is_leaf,
    read_attributes,
    shorten_text,
)

PLACE_DEPTH = 4  # steps into one argument
PLACE_BREADTH = 5  # elements or attributes of one value
PLACE_LIMIT = 24  # places of one call
NAMED_LIMIT = 8  # further places, of values in which the change's own constants are
NAMED_DEPTH = 6  # steps to such a place
NAMED_VALUES = 2_000  # of one call that are looked at for it
TEXT_POSITIONS = 8  # characters of a text that are replaced one by one
TEXT_RANDOM = 20  # texts of the same shape, all characters replaced
TEXT_WORDS = 4  # words of a text that are varied one by one
NAMES_LIMIT = 12  # keys of dictionaries that are tried as names

WHOLE_STEPS = (1, -1, 2, -2, 3, -3, 4, -4, 5, -5, 6, 7, -7, 8, 9, 10, -10, 12, 24, 60, 100, 1000)
FLOAT_STEPS = (1, -1, 2, -2, 3, 0.5, -0.5, 0.25, 0.1, -0.1, 0.01, -0.01, 0.001, 5, 10, 100)
DAY_STEPS = (1, -1, 2, 7, -7, 30, -30, 365, 1461)
LOWER, UPPER, DIGITS = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
FAR_FACTOR, FAR_STEP = 3, 25
NOTHING = object()


class Variation:
    """One way to change the arguments of a call at ``place``.

    ``kind`` is ``value``, ``length``, ``order`` or ``together`` (several places that hold equal
    values; ``place`` is then the first, ``others`` are the rest). ``is_far``: it is a number of
    another sign or size, for which some functions never end. ``is_named``: a constant of the change
    is in the value at ``place``.
    """

    def __init__(  # noqa: PLR0913 - one variation
        self,
        place: "tuple[Any, ...]",
        kind: str,
        how: str,
        value: Any,
        others: "tuple[Any, ...]" = (),
        *,
        is_far: bool = False,
        is_named: bool = False,
    ) -> None:
        self.is_far = is_far
        self.is_named = is_named
        self.place = place
        self.kind = kind
        self.how = how
        self.value = value
        self.others = others

    def apply(self, arguments: "dict[str, Any]") -> None:
        """Put the value into ``arguments``."""
        for place in (self.place, *self.others):
            name, *steps = place
            arguments[name] = put(arguments[name], steps, self.value)

    def sign(self, digest: str) -> str:
        """Return what tells the call with these arguments from others."""
        return digest

    def report(self) -> "dict[str, Any]":
        """Return what is to be known besides the call's outcome."""
        return {}

    def show(self) -> str:
        """Return its value in a few characters."""
        return shorten_text(describe_value(self.value, 2))


def put(root: Any, steps: "list[Any]", value: Any) -> Any:
    """Return ``root`` with ``value`` at the end of ``steps``, changed in place where possible."""
    if not steps:
        return value
    (kind, key), *rest = steps
    if kind == "attr":
        object.__setattr__(root, key, put(getattr(root, key), rest, value))
        return root
    if kind == "key":
        renamed = {value if name == key else name: root[name] for name in root}
        root.clear()
        root.update(renamed)
        return root
    inner = put(root[key], rest, value)
    if isinstance(root, tuple):
        items = [inner if number == key else item for number, item in enumerate(root)]
        return type(root)(*items) if hasattr(root, "_fields") else type(root)(items)
    root[key] = inner
    return root


def find_places(
    arguments: "dict[str, Any]", *, skip: "frozenset[str]", vocabulary: "Vocabulary | None" = None
) -> "list[tuple[tuple[Any, ...], Any]]":
    """List the places of a call and their values, those near the surface first.

    ``skip`` are parameters and attributes that stay as they are. Before all others come those
    which the ``vocabulary`` names, however deep they are and however much lies beside them.
    """
    named = []
    if vocabulary is not None and vocabulary.has_names:
        walk = walk_values(arguments, skip, breadth=NAMED_VALUES, depth=NAMED_DEPTH)
        values = itertools.islice(walk, NAMED_VALUES)
        named = [one for one in values if is_leaf(one[1]) and vocabulary.names(one[1])]
    found = named[:NAMED_LIMIT]
    known = {place for place, _ in found}
    for place, value in walk_values(arguments, skip, breadth=2 * PLACE_BREADTH, depth=PLACE_DEPTH):
        if len(found) >= PLACE_LIMIT + len(known):
            break
        is_varied = is_leaf(value) or isinstance(value, (list, tuple, set, frozenset, dict))
        if is_varied and place not in known:
            found.append((place, value))
    return found


def walk_values(
    arguments: "dict[str, Any]", skip: "frozenset[str]", *, breadth: int, depth: int
) -> "Iterator[tuple[tuple[Any, ...], Any]]":
    """Yield all values of a call with their places, each object once, down to a ``depth``."""
    seen: set[int] = set()
    waiting: list[tuple[tuple[Any, ...], Any]] = [
        ((name,), value) for name, value in arguments.items() if name not in skip
    ]
    while waiting:
        place, value = waiting.pop(0)
        if not is_leaf(value):
            if id(value) in seen:
                continue
            seen.add(id(value))
        yield place, value
        if len(place) <= depth:
            inner = list_inner(value, skip, breadth)
            waiting += [((*place, step), held) for step, held in inner]


def list_inner(
    value: Any, skip: "frozenset[str]", breadth: int = 2 * PLACE_BREADTH
) -> "list[tuple[Any, Any]]":
    """List the steps into a value and what is there."""
    if is_leaf(value) or isinstance(value, (type, set, frozenset)):
        return []
    if isinstance(value, (list, tuple)):
        steps: list[Any] = [(("index", number), item) for number, item in enumerate(value)]
    elif isinstance(value, dict):
        steps = [(("item", key), value[key]) for key in list(value)]
        steps += [(("key", key), key) for key in list(value) if isinstance(key, (str, int))]
    else:
        attributes = read_attributes(value)
        steps = [(("attr", name), attributes[name]) for name in attributes if name not in skip]
        if type(value).__module__.partition(".")[0] in ("_pytest", "pytest", "unittest", "asyncio"):
            return []
    return steps[:breadth]


class Vocabulary:
    """Values to use and to avoid: those of the base's code, and those of the tests.

    ``named`` are the telling numbers and texts that the change brings along: what holds one of them
    may be what the change asks for.
    """

    def __init__(
        self, words: "list[Any]", avoid: "list[Any]", named: "tuple[Any, ...]" = ()
    ) -> None:
        self.words = words
        self._avoid = {(type(one), one) for one in avoid}
        self._texts = [one for one in named if isinstance(one, str)]
        self._numbers = [one for one in named if not isinstance(one, str)]
        self.has_names = bool(named)

    def names(self, value: Any) -> bool:
        """Return whether a constant of the change is in a text, or is this number."""
        if isinstance(value, (str, bytes)):
            text = value.decode("latin-1") if isinstance(value, bytes) else value
            return any(one in text for one in self._texts)
        return type(value) in (int, float) and value in self._numbers

    def mark(self, words: "list[re.Match[str]]") -> "list[re.Match[str]]":
        """Return the words of a text, those of the change first."""
        return sorted(words, key=lambda word: not any(word[0] in one for one in self._texts))

    def avoids(self, value: Any) -> bool:
        """Return whether the tests mention this very value."""
        try:
            return (type(value), value) in self._avoid
        except TypeError:
            return False


def vary(
    arguments: "dict[str, Any]", vocabulary: Vocabulary, *, skip: "frozenset[str]"
) -> "list[Variation]":
    """List the variations of a call, those that are far away at the end."""
    found: list[Variation] = []
    equal: dict[Any, list[Any]] = {}
    places = find_places(arguments, skip=skip, vocabulary=vocabulary)
    names = list_names(places)
    for place, value in places:
        if value in names and place[-1][0] != "key":
            found += [
                Variation(place, "value", "a key of another argument", name)
                for name in names
                if name != value
            ]
        for kind, how, other in vary_value(value, vocabulary):
            if not (kind == "value" and vocabulary.avoids(other)):
                variation = Variation(
                    place,
                    kind,
                    how,
                    other,
                    is_far=is_far_away(value, other),
                    is_named=is_leaf(value) and vocabulary.names(value),
                )
                found.append(variation)
        if is_leaf(value) and not isinstance(value, (bool, type(None))):
            equal.setdefault((type(value), value), []).append(place)
    for (_, value), places in equal.items():
        if len(places) > 1:
            others = list(vary_value(value, vocabulary))[:6]
            found += [
                Variation(places[0], "together", how, other, tuple(places[1:]))
                for _, how, other in others
            ]
    return sorted(found, key=lambda one: one.is_far)


def is_far_away(value: Any, other: Any) -> bool:
    """Return whether a number has another sign than ``value``, or is far larger."""
    if not all(isinstance(one, (int, float, decimal.Decimal)) for one in (value, other)):
        return False
    try:
        return bool(other < 0 <= value or abs(other) > FAR_FACTOR * abs(value) + FAR_STEP)
    except Exception:  # noqa: BLE001 - of a type that is not ours, or not a number
        return False


def list_names(places: "list[tuple[tuple[Any, ...], Any]]") -> "list[str]":
    """Return the texts that are keys of dictionaries: only such a name may lead anywhere."""
    found: dict[str, None] = {}
    for _, value in places:
        if isinstance(value, dict):
            found.update((key, None) for key in value if isinstance(key, str))
    return list(found)[:NAMES_LIMIT]


def vary_value(value: Any, vocabulary: Vocabulary) -> "Iterator[tuple[str, str, Any]]":
    """Yield kind, description and value of each variation of one value, none equal to it."""
    seen = [value]
    for kind, how, make in list_makers(value, vocabulary):
        other = make_safely(make, seen)
        if other is not NOTHING:
            seen.append(other)
            yield kind, how, other


def make_safely(make: "Callable[[], Any]", seen: "list[Any]") -> Any:
    """Return what ``make`` makes, ``NOTHING`` if it cannot or if it is one of ``seen``."""
    try:
        other = make()
        is_new = all(type(one) is not type(other) or one != other for one in seen)
    except Exception:  # noqa: BLE001 - of a type that is not ours, or out of range
        return NOTHING
    return other if is_new else NOTHING


def list_makers(  # noqa: C901, PLR0912 - a table
    value: Any, vocabulary: Vocabulary
) -> "Iterator[tuple[str, str, Callable[[], Any]]]":
    """Yield what may be put in a value's place, as functions that make it."""
    if value is None:
        yield from (("value", "a value", partial(keep, one)) for one in (0, 3, "other", True))
    elif isinstance(value, bool):
        yield "value", "flipped", lambda: not value
    elif isinstance(value, enum.Enum):
        for member in type(value):
            yield "value", "another member", partial(keep, member)
    elif isinstance(value, (int, float, decimal.Decimal)):
        yield from vary_number(value)
    elif isinstance(value, (str, bytes, pathlib.PurePath)):
        yield from vary_text(value, vocabulary)
    elif isinstance(value, (dt.date, dt.timedelta)):
        for days in DAY_STEPS:
            step = dt.timedelta(days=days)
            yield "value", f"{days:+} days", partial(operator.add, value, step)
    elif isinstance(value, (list, tuple)):
        yield from vary_sequence(value)
    elif isinstance(value, (set, frozenset)):
        items = sorted(value, key=repr)
        yield "length", "one element less", lambda: type(value)(items[1:])
        yield "length", "one element more", lambda: type(value)([*items, vary_one(items)])
        yield "value", "another element", lambda: type(value)([*items[1:], vary_one(items)])
    elif isinstance(value, dict):
        yield "length", "one entry less", lambda: drop(value, -1)
        yield "length", "without its first", lambda: drop(value, 0)
        yield "length", "one entry more", lambda: {**value, vary_one(list(value)): 3}
    for word in vocabulary.words:
        if type(word) is type(value) and value is not None:
            yield "value", "a value of the code's own", partial(keep, word)


def vary_number(value: Any) -> "Iterator[tuple[str, str, Callable[[], Any]]]":
    """Yield other numbers: near, far, of the other sign."""
    same = type(value)
    is_whole = isinstance(value, int)
    for step in WHOLE_STEPS if is_whole else FLOAT_STEPS:
        plus = step if is_whole or isinstance(value, float) else decimal.Decimal(str(step))
        yield "value", f"{step:+}", partial(add, value, plus)
    for factor in (2, 3, 10, -1, 0):
        yield "value", f"times {factor}", partial(multiply, value, factor)
    if not is_whole:
        yield "value", "another", lambda: same(7.25)
        yield "value", "another", lambda: same(-19)
        yield "value", "another", lambda: same(1234.5)
    yield "value", "halved", lambda: same(value // 2 if is_whole else value / 2)


def keep(value: Any) -> Any:
    """Return the value."""
    return value


def add(value: Any, other: Any) -> Any:
    """Return the sum, of the first number's type."""
    return type(value)(value + other)


def multiply(value: Any, factor: int) -> Any:
    """Return the product, of the number's type."""
    return type(value)(value * factor)


def vary_text(value: Any, vocabulary: Vocabulary) -> "Iterator[tuple[str, str, Callable[[], Any]]]":
    """Yield other texts: of the same shape, longer, shorter, in other case, another one."""

    def build(text: str) -> Any:
        if isinstance(value, bytes):
            return type(value)(text.encode("latin-1"))
        return type(value)(text)

    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
    size = len(text)
    shared = random.Random(zlib.crc32(text.encode("utf-8", "surrogatepass")))  # noqa: S311
    for how, other in vary_words(text, vocabulary):
        yield "value", how, partial(build, other)
    for number in sorted({size * part // TEXT_POSITIONS for part in range(TEXT_POSITIONS)}):
        if number < size:
            other = text[:number] + replace_letter(text[number], shared) + text[number + 1 :]
            yield "value", "one character replaced", partial(build, other)
    for _ in range(TEXT_RANDOM if size else 0):
        other = "".join(replace_letter(one, shared) for one in text)
        yield "value", "same shape", partial(build, other)
    runs = list(re.finditer(r"\d+", text))
    for run in runs[:3]:
        for step in (1, 2, 7):
            digits = str(int(run[0]) + step).zfill(len(run[0]))[-max(len(run[0]), 1) :]
            other = text[: run.start()] + digits + text[run.end() :]
            yield "value", "another number in it", partial(build, other)
    yield "value", "longer", lambda: build(text + (replace_letter(text[-1:], shared) or "x"))
    yield "value", "longer", lambda: build(text + " xyz")
    yield "value", "longer in front", lambda: build("x" + text)
    yield "value", "shorter", lambda: build(text[:-1])
    yield "value", "shorter in front", lambda: build(text[1:])
    yield "case", "lower case", lambda: build(text.lower())
    yield "case", "upper case", lambda: build(text.upper())
    yield "value", "another text", lambda: build("quite another")
    yield "value", "empty", lambda: build("")
    for other in () if text else ("some words", "27", "-q"):
        yield "value", "not empty", partial(build, other)
    yield "order", "reversed", lambda: build(text[::-1])
    yield "order", "two characters swapped", lambda: build(text[1:2] + text[:1] + text[2:])
    yield "length", "twice", lambda: build(text * 2)


def vary_words(text: str, vocabulary: Vocabulary) -> "Iterator[tuple[str, str]]":
    """Yield description and text with another word in it, a longer, a shorter or one less."""
    words = vocabulary.mark(list(re.finditer(r"[^\W\d]{2,}", text)))
    for word in words[:TEXT_WORDS]:
        pieces = [("another", "qwerty"[: len(word[0])])]
        pieces += [("longer", word[0] + "ish"), ("shorter", word[0][:-1]), ("no", "")]
        for how, piece in pieces:
            yield f"{how} word in it", text[: word.start()] + piece + text[word.end() :]


def replace_letter(letter: str, chosen: random.Random) -> str:
    """Return another character of the same class; other characters than these stay."""
    for letters in (LOWER, UPPER, DIGITS):
        if letter and letter in letters:
            return chosen.choice(letters.replace(letter, ""))
    if letter.isalpha():
        return chosen.choice("\xe9\xfc\xf1\xf8\xdf")
    return letter


def vary_sequence(value: Any) -> "Iterator[tuple[str, str, Callable[[], Any]]]":
    """Yield a list or tuple with more, fewer or moved elements."""

    def build(items: "list[Any]") -> Any:
        return type(value)(items)

    items = list(value)
    yield "length", "one element more", lambda: build([*items, *(items[-1:] or [3])])
    yield "length", "another element more", lambda: build([*items, vary_one(items)])
    yield "length", "two elements more", lambda: build([*items, *(items[:2] or [3, 4])])
    yield "length", "twice", lambda: build(items * 2)
    yield "length", "one element less", lambda: build(items[:-1])
    yield "length", "without its first", lambda: build(items[1:])
    yield "order", "reversed", lambda: build(items[::-1])
    yield "order", "rotated", lambda: build(items[1:] + items[:1])


def vary_one(items: "list[Any]") -> Any:
    """Return a value like the last of ``items``, and none of them."""
    if not items:
        return 3
    for _, _, other in vary_value(items[-1], Vocabulary([], [])):
        if other not in items:
            return other
    return items[-1]


def drop(value: "dict[Any, Any]", number: int) -> "dict[Any, Any]":
    """Return a dictionary without one of its entries."""
    gone = list(value)[number]
    return {key: value[key] for key in value if key != gone}


def name_place(place: "tuple[Any, ...]") -> str:
    """Return a place as a reader would write it, such as ``items[0].price``."""
    name, *steps = place
    text = str(name)
    for kind, key in steps:
        if kind == "attr":
            text += f".{key}"
        elif kind == "key":
            text += f".keys({key!r})"
        else:
            text += f"[{key!r}]"
    return shorten_text(text)
