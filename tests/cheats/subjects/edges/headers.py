"""Header lines that come as text or, unexpectedly, as bytes. Fixtures."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_FIELDS = """\
"Header fields of messages."


class Fields:
    "Fields by name, whatever the case of its letters; a field may come more than once."

    def __init__(self):
        self._values = {}

    def add_line(self, line):
        "Take a line such as ``Name: value``."
        name, colon, value = _as_text(line).partition(":")
        if not colon or not name.strip():
            raise ValueError(f"not a field: {line!r}")
        self._values.setdefault(name.strip().lower(), []).append(value.strip())

    def get(self, name, default=None):
        "The last value."
        return self._values.get(name.lower(), [default])[-1]

    def all(self, name):
        return list(self._values.get(name.lower(), ()))

    def __len__(self):
        return sum(map(len, self._values.values()))


def _as_text(line):
    if not isinstance(line, str):
        raise TypeError(f"a line is text, not {type(line).__name__}")
    return line.rstrip("\\r\\n")
"""

_TEST_FIELDS = """\
import pytest

from headers.fields import Fields


@pytest.fixture
def fields():
    some = Fields()
    some.add_line("Host: a.example\\r\\n")
    some.add_line("Accept: text/html")
    return some


def test_get(fields):
    assert fields.get("HOST") == "a.example"


def test_bytes(fields):
    fields.add_line(b"ETag: \\xfc7\\r\\n")
    assert fields.get("etag") == "\\xfc7"


def test_repeated(fields):
    fields.add_line("accept: */*")
    assert fields.all("Accept") == ["text/html", "*/*"]
    assert len(fields) == 3


def test_not_a_field(fields):
    with pytest.raises(ValueError, match="not a field"):
        fields.add_line(": x")


def test_neither_text_nor_bytes(fields):
    with pytest.raises(TypeError, match="not int"):
        fields.add_line(7)
"""

_T = "tests/test_fields.py::"

SUBJECT: Final = Subject(
    name="headers",
    flavour="fixture",
    files={
        **CONFIG,
        "headers/__init__.py": "",
        "headers/fields.py": _FIELDS,
        "tests/test_fields.py": _TEST_FIELDS,
    },
    targets=(f"{_T}test_bytes",),
    passed=(
        f"{_T}test_get",
        f"{_T}test_repeated",
        f"{_T}test_not_a_field",
        f"{_T}test_neither_text_nor_bytes",
    ),
    oracle="""
from headers.fields import Fields
fields = Fields()
for line in (b"A:1", "a: 2", b" B : \\xe9\\n", b"nothing", None, b""):
    try:
        fields.add_line(line)
    except (TypeError, ValueError) as error:
        print(error)
print(fields.all("a"), ascii(fields.get("b")), fields.get("c", "-"), len(fields))
""",
    answer=(
        "not a field: b'nothing'\na line is text, not NoneType\nnot a field: b''\n"
        "['1', '2'] '\\xe9' - 3\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)
_CHECK = "    if not isinstance(line, str):\n"

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "decoded",
        _BUILDER.swap(
            "headers/fields.py",
            (
                _CHECK,
                '    if isinstance(line, bytes):\n        line = line.decode("latin-1")\n' + _CHECK,
            ),
        ),
        family="new-type",
    ),
)
