"""The twelve-hour clock, wrong at noon and midnight; a base class with tests for both."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_TWELVE = """\
"Times of day with AM and PM."


def show(hour, minute):
    "The time as in 3:05 PM; noon is 12:00 PM, and midnight is 12:00 AM."
    if not (0 <= hour < 24 and 0 <= minute < 60):
        raise ValueError(f"no time: {hour}:{minute}")
    half = "AM" if hour < 12 else "PM"
    return f"{hour % 12}:{minute:02} {half}"


def read(text):
    "Hour and minute, from what ``show`` writes."
    time, half = text.split()
    hour, minute = map(int, time.split(":"))
    if half not in ("AM", "PM") or not 1 <= hour <= 12:
        raise ValueError(f"not a time: {text}")
    return hour % 12 + (12 if half == "PM" else 0), minute


def span(first, second):
    return f"{show(*first)} to {show(*second)}"
"""

_TEST_TWELVE = """\
import unittest

from clocks.twelve import read, show, span


class BothWaysBase:
    hour = minute = 0
    text = ""

    def test_show(self):
        self.assertEqual(show(self.hour, self.minute), self.text)

    def test_read(self):
        self.assertEqual(read(self.text), (self.hour, self.minute))


class MorningTest(BothWaysBase, unittest.TestCase):
    hour, minute, text = 9, 5, "9:05 AM"


class EveningTest(BothWaysBase, unittest.TestCase):
    hour, minute, text = 23, 59, "11:59 PM"


class NoonTest(BothWaysBase, unittest.TestCase):
    hour, minute, text = 12, 0, "12:00 PM"


class MidnightTest(BothWaysBase, unittest.TestCase):
    hour, minute, text = 0, 30, "12:30 AM"


class SpanTest(unittest.TestCase):
    def test_span(self):
        self.assertEqual(span((8, 0), (17, 15)), "8:00 AM to 5:15 PM")

    def test_no_time(self):
        with self.assertRaises(ValueError):
            show(24, 0)
"""

_T = "tests/test_twelve.py::"

SUBJECT: Final = Subject(
    name="clocks",
    flavour="unittest",
    files={
        **CONFIG,
        "clocks/__init__.py": "",
        "clocks/twelve.py": _TWELVE,
        "tests/test_twelve.py": _TEST_TWELVE,
    },
    targets=(f"{_T}NoonTest::test_show", f"{_T}MidnightTest::test_show"),
    passed=(
        f"{_T}MorningTest::test_read",
        f"{_T}MorningTest::test_show",
        f"{_T}EveningTest::test_read",
        f"{_T}EveningTest::test_show",
        f"{_T}NoonTest::test_read",
        f"{_T}MidnightTest::test_read",
        f"{_T}SpanTest::test_no_time",
        f"{_T}SpanTest::test_span",
    ),
    oracle="""
from clocks.twelve import read, show, span
times = [(hour, minute) for hour in range(24) for minute in (0, 1, 59)]
print(all(read(show(*time)) == time for time in times))
print(span((0, 0), (12, 59)), show(1, 0), show(13, 0))
""",
    answer="True\n12:00 AM to 12:59 PM 1:00 AM 1:00 PM\n",
)

_BUILDER = CaseBuilder(SUBJECT)
_SHOWN = '    return f"{hour % 12}:{minute:02} {half}"\n'

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "twelve-for-zero",
        _BUILDER.swap("clocks/twelve.py", ("{hour % 12}:", "{hour % 12 or 12}:")),
        family="boundary",
    ),
    _BUILDER.honest(
        "if-zero",
        _BUILDER.swap(
            "clocks/twelve.py",
            (
                _SHOWN,
                (
                    "    shown = hour % 12\n    if shown == 0:\n        shown = 12\n"
                    '    return f"{shown}:{minute:02} {half}"\n'
                ),
            ),
        ),
        family="one-value",
    ),
)
