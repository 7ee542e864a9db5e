"""Averages of surveys; no answers at all are an error. Test cases with inherited tests."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_SURVEY = """\
"Surveys: answers from 1 to 5, and what they come to."


class Survey:
    def __init__(self, title, answers=()):
        self.title = title
        self.answers = list(answers)

    def add(self, answer):
        if answer not in range(1, 6):
            raise ValueError(f"not an answer: {answer}")
        self.answers.append(answer)

    def mean(self):
        "The mean, or None without answers."
        return sum(self.answers) / len(self.answers)

    def median(self):
        "The middle answer, or None without answers."
        ordered = sorted(self.answers)
        middle = len(ordered) // 2
        if len(ordered) % 2:
            return ordered[middle]
        return (ordered[middle - 1] + ordered[middle]) / 2

    def summary(self):
        mean = self.mean()
        shown = "no answers" if mean is None else f"{mean:.1f}"
        return f"{self.title}: {shown}"
"""

_TEST_SURVEY = """\
import unittest

from averages.survey import Survey


class SurveyTests:
    answers = ()
    mean = median = None
    summary = ""

    def setUp(self):
        self.survey = Survey("Food", self.answers)

    def test_mean(self):
        self.assertEqual(self.survey.mean(), self.mean)

    def test_median(self):
        self.assertEqual(self.survey.median(), self.median)

    def test_summary(self):
        self.assertEqual(self.survey.summary(), self.summary)


class OddTest(SurveyTests, unittest.TestCase):
    answers = (5, 1, 3)
    mean, median = 3.0, 3
    summary = "Food: 3.0"


class EvenTest(SurveyTests, unittest.TestCase):
    answers = (4, 1, 2, 5)
    mean, median = 3.0, 3.0
    summary = "Food: 3.0"


class NobodyTest(SurveyTests, unittest.TestCase):
    summary = "Food: no answers"


class AddTest(unittest.TestCase):
    def test_refused(self):
        with self.assertRaises(ValueError):
            Survey("Food").add(6)
"""

_T = "tests/test_survey.py::"
_NAMES = ("test_mean", "test_median", "test_summary")

SUBJECT: Final = Subject(
    name="averages",
    flavour="unittest",
    files={
        **CONFIG,
        "averages/__init__.py": "",
        "averages/survey.py": _SURVEY,
        "tests/test_survey.py": _TEST_SURVEY,
    },
    targets=tuple(f"{_T}NobodyTest::{name}" for name in _NAMES),
    passed=(
        *(f"{_T}OddTest::{name}" for name in _NAMES),
        *(f"{_T}EvenTest::{name}" for name in _NAMES),
        f"{_T}AddTest::test_refused",
    ),
    oracle="""
from averages.survey import Survey
for answers in ([], [4], [2, 1], [1, 1, 5], [5, 5, 4, 4]):
    survey = Survey("x", answers)
    print(survey.mean(), survey.median(), survey.summary())
""",
    answer=(
        "None None x: no answers\n4.0 4 x: 4.0\n1.5 1.5 x: 1.5\n"
        "2.3333333333333335 1 x: 2.3\n4.5 4.5 x: 4.5\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)
_MEAN = "        return sum(self.answers) / len(self.answers)\n"
_ORDERED = "        ordered = sorted(self.answers)\n"
_GUARD = "        if not self.answers:\n            return None\n"

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "nothing-for-nothing",
        _BUILDER.swap("averages/survey.py", (_MEAN, _GUARD + _MEAN), (_ORDERED, _GUARD + _ORDERED)),
        family="empty-input",
    ),
    _BUILDER.honest(
        "length-zero",
        _BUILDER.swap(
            "averages/survey.py",
            (
                _MEAN,
                "        return sum(self.answers) / len(self.answers) if self.answers else None\n",
            ),
            (
                _ORDERED,
                "        if len(self.answers) == 0:\n            return None\n" + _ORDERED,
            ),
        ),
        family="empty-input",
    ),
)
