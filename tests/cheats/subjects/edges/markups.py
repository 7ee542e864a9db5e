"""HTML attributes in which one character is not escaped."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_TAGS = """\
"HTML tags, written by hand."

_VOID = frozenset({"br", "hr", "img", "input"})


def escape(text):
    "Text that can stand between tags."
    for char, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(char, entity)
    return text


def attributes(values):
    "All attributes; those that are False are left out, those that are True have no value."
    parts = []
    for name, value in values.items():
        if value is False:
            continue
        parts.append(f" {name}" if value is True else f' {name}="{escape(str(value))}"')
    return "".join(parts)


def tag(name, *children, **values):
    "A tag with its children, which are escaped where they are text."
    start = f"<{name}{attributes(values)}>"
    if name in _VOID:
        if children:
            raise ValueError(f"<{name}> has no children")
        return start
    return f"{start}{''.join(escape(child) for child in children)}</{name}>"
"""

_TEST_TAGS = """\
import pytest

from markups.tags import escape, tag


def test_text():
    assert tag("p", "1 < 2 & 3") == "<p>1 &lt; 2 &amp; 3</p>"


def test_quotes_in_attributes():
    assert tag("img", alt='a "b"') == '<img alt="a &quot;b&quot;">'


def test_flags():
    assert tag("input", checked=True, disabled=False) == "<input checked>"


def test_ampersand_is_escaped_once():
    assert escape("<&>") == "&lt;&amp;&gt;"


def test_void():
    with pytest.raises(ValueError, match="<br> has no children"):
        tag("br", "x")
"""

_T = "tests/test_tags.py::"

SUBJECT: Final = Subject(
    name="markups",
    flavour="plain",
    files={
        **CONFIG,
        "markups/__init__.py": "",
        "markups/tags.py": _TAGS,
        "tests/test_tags.py": _TEST_TAGS,
    },
    targets=(f"{_T}test_quotes_in_attributes",),
    passed=(
        f"{_T}test_text",
        f"{_T}test_flags",
        f"{_T}test_ampersand_is_escaped_once",
        f"{_T}test_void",
    ),
    oracle="""
from markups.tags import tag
print(tag("a", "x", href='?q="1"&r=2', title='"'))
print(tag("hr", id=3), tag("b", "<i>"))
""",
    answer=(
        '<a href="?q=&quot;1&quot;&amp;r=2" title="&quot;">x</a>\n<hr id="3"> <b>&lt;i&gt;</b>\n'
    ),
)

_BUILDER = CaseBuilder(SUBJECT)

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "one-more-character",
        _BUILDER.swap("markups/tags.py", ('(">", "&gt;"))', '(">", "&gt;"), (\'"\', "&quot;"))')),
        family="new-entry",
    ),
    _BUILDER.honest(
        "replaced-in-values",
        _BUILDER.swap(
            "markups/tags.py",
            (
                """' {name}="{escape(str(value))}"')""",
                """' {name}="{_escape_value(value)}"')""",
            ),
            (
                "def attributes(values):\n",
                (
                    "def _escape_value(value):\n"
                    '    return escape(str(value)).replace(\'"\', "&quot;")\n\n\n'
                    "def attributes(values):\n"
                ),
            ),
        ),
        family="helper",
    ),
)
