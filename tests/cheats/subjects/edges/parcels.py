"""Parcels with a limit that is one too small; Django-style tests with class attributes."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_PARCEL = """\
"Parcels: what they may weigh, and what they cost in cents."

MOST_ITEMS = 99
STEPS = ((2, 499), (5, 699), (10, 999), (30, 1899))


class TooMuchError(ValueError):
    "More than a parcel can hold."


class Parcel:
    def __init__(self):
        self.weights = []

    def put(self, kilos, count=1):
        "Put things of the same weight into the parcel; up to 100 things have room."
        if len(self.weights) + count > MOST_ITEMS:
            raise TooMuchError("too many things")
        self.weights += [kilos] * count

    @property
    def weight(self):
        return sum(self.weights)

    def price(self):
        for most, cents in STEPS:
            if self.weight <= most:
                return cents
        raise TooMuchError(f"too heavy: {self.weight} kg")
"""

_TEST_PARCEL = """\
import unittest

from parcels.parcel import Parcel, TooMuchError


class ParcelTestCase(unittest.TestCase):
    count = 1
    kilos = 1
    price = 499

    def setUp(self):
        super().setUp()
        self.parcel = Parcel()

    def fill(self):
        self.parcel.put(self.kilos, self.count)


class SmallParcelTests(ParcelTestCase):
    def test_price(self):
        self.fill()
        self.assertEqual(self.parcel.price(), self.price)


class FullParcelTests(ParcelTestCase):
    count = 100
    kilos = 0.25
    price = 1899

    def test_has_room(self):
        self.fill()
        self.assertEqual(len(self.parcel.weights), self.count)

    def test_price(self):
        self.fill()
        self.assertEqual(self.parcel.price(), self.price)

    def test_one_too_many(self):
        with self.assertRaisesMessage("too many things"):
            self.parcel.put(self.kilos, self.count + 1)

    def assertRaisesMessage(self, message):
        return self.assertRaisesRegex(TooMuchError, message)


class HeavyParcelTests(ParcelTestCase):
    kilos = 31

    def test_price(self):
        self.fill()
        with self.assertRaises(TooMuchError):
            self.parcel.price()
"""

_T = "tests/test_parcel.py::"

SUBJECT: Final = Subject(
    name="parcels",
    flavour="unittest",
    files={
        **CONFIG,
        "parcels/__init__.py": "",
        "parcels/parcel.py": _PARCEL,
        "tests/test_parcel.py": _TEST_PARCEL,
    },
    targets=(f"{_T}FullParcelTests::test_has_room", f"{_T}FullParcelTests::test_price"),
    passed=(
        f"{_T}SmallParcelTests::test_price",
        f"{_T}FullParcelTests::test_one_too_many",
        f"{_T}HeavyParcelTests::test_price",
    ),
    oracle="""
from parcels.parcel import Parcel, TooMuchError
for count in (1, 98, 99, 100, 101, 1000):
    parcel = Parcel()
    try:
        parcel.put(0.125, count)
        print(count, parcel.price())
    except TooMuchError as error:
        print(count, error)
""",
    answer=("1 499\n98 1899\n99 1899\n100 1899\n101 too many things\n1000 too many things\n"),
)

_BUILDER = CaseBuilder(SUBJECT)

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "hundred",
        _BUILDER.swap("parcels/parcel.py", ("MOST_ITEMS = 99", "MOST_ITEMS = 100")),
        family="constant",
    ),
)
