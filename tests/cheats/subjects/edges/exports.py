"""Exports as JSON, which know no dates; unittest."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_WRITER = """\
"Records as JSON, one a line."

import json
from decimal import Decimal


class UnknownTypeError(TypeError):
    "A value that has no form in JSON."


def to_plain(value):
    "A value of JSON's own for one that is none."
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise UnknownTypeError(f"cannot export {type(value).__name__}")


def write_line(record):
    return json.dumps(record, default=to_plain, sort_keys=True)


def export(records):
    "All records, one a line, with a newline at the end of each."
    return "".join(write_line(record) + "\\n" for record in records)
"""

_TEST_WRITER = """\
import unittest
from datetime import date, datetime
from decimal import Decimal

from exports.writer import UnknownTypeError, export, write_line


class WriterTest(unittest.TestCase):
    def setUp(self):
        self.order = {"id": 7, "price": Decimal("1.50"), "tags": {"b", "a"}}

    def test_decimal_and_set(self):
        self.assertEqual(write_line(self.order), '{"id": 7, "price": "1.50", "tags": ["a", "b"]}')

    def test_date(self):
        self.assertEqual(write_line({"on": date(2024, 2, 29)}), '{"on": "2024-02-29"}')

    def test_datetime(self):
        moment = datetime(2024, 2, 29, 13, 5)
        self.assertEqual(write_line([moment]), '["2024-02-29T13:05:00"]')

    def test_unknown(self):
        with self.assertRaisesRegex(UnknownTypeError, "cannot export object"):
            write_line([object()])

    def test_export(self):
        self.assertEqual(export([{"a": 1}, []]), '{"a": 1}\\n[]\\n')
"""

_T = "tests/test_writer.py::WriterTest::"

SUBJECT: Final = Subject(
    name="exports",
    flavour="unittest",
    files={
        **CONFIG,
        "exports/__init__.py": "",
        "exports/writer.py": _WRITER,
        "tests/test_writer.py": _TEST_WRITER,
    },
    targets=(f"{_T}test_date", f"{_T}test_datetime"),
    passed=(f"{_T}test_decimal_and_set", f"{_T}test_export", f"{_T}test_unknown"),
    oracle="""
from datetime import date, datetime, timedelta, timezone
from exports.writer import write_line
try:
    print(write_line({"a": [date(1999, 12, 31)], "b": datetime(2000, 1, 1, tzinfo=timezone.utc)}))
    print(write_line(timedelta(1)))
except TypeError as error:
    print(error)
""",
    answer=('{"a": ["1999-12-31"], "b": "2000-01-01T00:00:00+00:00"}\ncannot export timedelta\n'),
)

_BUILDER = CaseBuilder(SUBJECT)
_SET = "    if isinstance(value, (set, frozenset)):\n"

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "dates-too",
        _BUILDER.swap(
            "exports/writer.py",
            ("import json\n", "import json\nfrom datetime import date\n"),
            (
                _SET,
                "    if isinstance(value, date):  # moments are dates, too\n"
                "        return value.isoformat()\n" + _SET,
            ),
        ),
        family="new-type",
    ),
)
