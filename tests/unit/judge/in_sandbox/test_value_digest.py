"""Values that hold the same have the same digest, and none of their own code is run."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import functools
import re
import types
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import dataclass
from typing import Any, NoReturn

import pytest

from pytest_agentfix.judge.in_sandbox.value_digest import VALUES_LIMIT, digest


class Plain:
    def __init__(self, **own: object) -> None:
        vars(self).update(own)


class Slotted:
    __slots__ = ("__hidden", "empty", "size")

    def __init__(self, size: object) -> None:
        self.size = self.__hidden = size


class Wary:
    """An object of which none of its own code may be run."""

    def __init__(self, size: int) -> None:
        object.__setattr__(self, "size", size)

    def fail(self, *_: object) -> NoReturn:
        raise AssertionError

    __repr__ = __str__ = __eq__ = __hash__ = __len__ = __iter__ = __bool__ = fail
    __getattr__ = __getattribute__ = __reduce_ex__ = __sizeof__ = __dir__ = fail
    __class__ = property(fail)


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Kelvin(float):
    pass


class Items(list[Any]):
    def __iter__(self) -> NoReturn:
        raise AssertionError


@dataclass(frozen=True)
class Point:
    x: object
    y: object = 0


Pair = namedtuple("Pair", "left right")  # noqa: PYI024 - one without types


def nest(value: object, times: int) -> object:
    for _ in range(times):
        value = [value]
    return value


def knot(*values: object) -> list[Any]:
    tied: list[Any] = [*values]
    tied.append(tied)
    return tied


MAKERS: list[Any] = [
    lambda n: n,
    float,
    lambda n: 10**5_000 + n,
    lambda n: "a" * 1_000 + str(n),
    lambda n: str(n).encode(),
    lambda n: bytearray([n]),
    lambda n: complex(n, 1),
    lambda n: [1, n],
    lambda n: (1, n),
    lambda n: {"a": n},
    lambda n: {n: "a"},
    lambda n: {1, n + 5, "a"},
    lambda n: frozenset({n}),
    lambda n: OrderedDict(a=n),
    lambda n: defaultdict(list, a=n),
    lambda n: Counter(a=n),
    lambda n: deque([n]),
    lambda n: Pair(1, n),
    lambda n: Items([n]),
    Point,
    lambda n: Plain(size=n),
    lambda n: Plain(held=Plain(size=n)),
    Slotted,
    Wary,
    lambda n: [Wary(n)],
    Color,
    Kelvin,
    lambda n: dt.date(2020, 1, n),
    decimal.Decimal,
    lambda n: re.compile(f"a{n}"),
    range,
    slice,
    lambda n: ValueError("a", n),
    lambda n: types.SimpleNamespace(a=n),
    lambda n: functools.partial(print, n),
    lambda n: (print, len)[n - 1],
    lambda n: (Plain, Slotted)[n - 1],
    lambda n: (nest, knot)[n - 1],
    lambda n: (re, enum)[n - 1],
    lambda n: nest(n, 20),
    knot,
]


@pytest.mark.parametrize("make", MAKERS)
def test_a_digest_depends_on_what_a_value_holds(make: Any) -> None:
    assert digest(make(1)) == digest(make(1))
    assert digest(make(1)) != digest(make(2))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (1, 1.0),
        (0.0, -0.0),
        ("1", b"1"),
        ([1], (1,)),
        ([[1], 2], [[1, 2]]),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}),
        (Plain(a=1), Plain(b=1)),
        (None, "None"),
    ],
)
def test_values_that_differ(one: object, other: object) -> None:
    assert digest(one) != digest(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (object(), object()),
        ({"a", "b", "c"}, {"c", "b", "a"}),
        (Plain(a=1, b=2), Plain(b=2, a=1)),
        ((n for n in "ab"), (n for n in "ab")),
        (nest(1, 1_000), nest(2, 1_000)),
        (list(range(VALUES_LIMIT + 1)), list(range(VALUES_LIMIT + 1))),
        (set(range(1_000)), set(range(1, 1_001))),
    ],
)
def test_values_that_are_taken_for_the_same(one: object, other: object) -> None:
    assert digest(one) == digest(other)
