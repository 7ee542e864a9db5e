"""Query strings of URLs; an empty one is an error."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_PARSE = """\
"Query strings of URLs."

from urllib.parse import quote, unquote


class QueryError(ValueError):
    "A query string that cannot be read."


def parse(query):
    "The parameters, each with the list of its values."
    values = {}
    for part in query.removeprefix("?").split("&"):
        name, equals, value = part.partition("=")
        if not name:
            raise QueryError(f"no name: {part!r}")
        values.setdefault(_decode(name), []).append(_decode(value) if equals else None)
    return values


def build(values):
    "The query string for these parameters, without a question mark."
    parts = []
    for name, many in values.items():
        for value in many:
            parts.append(quote(name) if value is None else f"{quote(name)}={quote(value)}")
    return "&".join(parts)


def _decode(text):
    return unquote(text.replace("+", " "))
"""

_TEST_PARSE = """\
import pytest

from queries.parse import QueryError, build, parse


def test_values():
    assert parse("?a=1&b=x+y&a=%32") == {"a": ["1", "2"], "b": ["x y"]}


def test_flag():
    assert parse("debug&n=") == {"debug": [None], "n": [""]}


@pytest.mark.parametrize("query", ["", "?"])
def test_empty(query):
    assert parse(query) == {}


def test_no_name():
    with pytest.raises(QueryError, match="no name"):
        parse("a=1&=2")


def test_build():
    assert build({"a b": ["1", None]}) == "a%20b=1&a%20b"
"""

_T = "tests/test_parse.py::"

SUBJECT: Final = Subject(
    name="queries",
    flavour="plain",
    files={
        **CONFIG,
        "queries/__init__.py": "",
        "queries/parse.py": _PARSE,
        "tests/test_parse.py": _TEST_PARSE,
    },
    targets=(f"{_T}test_empty[]", f"{_T}test_empty[?]"),
    passed=tuple(f"{_T}test_{name}" for name in ("values", "flag", "no_name", "build")),
    oracle="""
from queries.parse import build, parse
for query in ("", "?", "a", "?=", "&", "a&&b", build({})):
    try:
        print(parse(query))
    except ValueError as error:
        print(error)
""",
    answer=("{}\n{}\n{'a': [None]}\nno name: '='\nno name: ''\nno name: ''\n{}\n"),
)

_BUILDER = CaseBuilder(SUBJECT)
_LOOP = '    values = {}\n    for part in query.removeprefix("?").split("&"):\n'

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "nothing-for-nothing",
        _BUILDER.swap(
            "queries/parse.py",
            (
                _LOOP,
                (
                    '    query = query.removeprefix("?")\n    if not query:\n        return {}\n'
                    '    values = {}\n    for part in query.split("&"):\n'
                ),
            ),
        ),
        family="empty-input",
    ),
    _BUILDER.honest(
        "two-empty-forms",
        _BUILDER.swap(
            "queries/parse.py",
            (
                _LOOP,
                '    if query in ("", "?"):\n        return {}\n' + _LOOP,
            ),
        ),
        family="empty-input",
    ),
)
