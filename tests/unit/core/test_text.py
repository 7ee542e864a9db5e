"""Untrusted text is harmless wherever it is shown."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pytest_agentfix.core.text import clean, encodable, quote_path, shorten, shorten_line
from tests.kits.report_sample import HOSTILE, is_harmless

# Rich in what could do harm, so that combinations of it are met.
HARMFUL = "\x00\x07\x08\n\r\t\x1b\x7f\x85\x90\x9b\x9c\x9d\u00ad\u200b\u202e\u2028\u2066\ufeff\ufe0f"
PLAIN = "ab:#[];m\\\"' .0é漢\u0301🙂"
ODD = "\ud800\udcff\ufffe\uffff\ue000\U000e0041\U0010ffff"
TEXTS = st.one_of(
    st.text(alphabet=HARMFUL + PLAIN + ODD),
    st.text(alphabet=st.characters(exclude_categories=())),  # surrogates too
    st.sampled_from(HOSTILE),
)
LIMITS = st.integers(min_value=0, max_value=60)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tests/test_a.py::test_b[1-x]", "tests/test_a.py::test_b[1-x]"),
        ("  two\n lines\twide ", "two lines wide"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x9b31mred", "red"),
        ("a\x1b]52;c;ZXZpbA==\x07b", "ab"),
        ("a\x1b]0;title\x1b\\b", "ab"),
        ("a\x1bP1$r\x9cb", "ab"),
        ("a\x1b(Bb\x1bcc", "abc"),
        ("a\x1b]52;unfinished", r"a\x1b]52;unfinished"),
        ("a\x1b", r"a\x1b"),
        ("done\rred", "done red"),
        ("a\x00b\x07c\x08d\x7fe", r"a\x00b\x07c\x08d\x7fe"),
        ("a\x85b\u2028c\xa0d", "a b c d"),
        ("::set-env name=A::b", ": :set-env name=A::b"),
        ("\u200b ::error::x", ": :error::x"),
        (":\x1b[0m:error::x", ": :error::x"),
        ("##[add-path]x", "# #[add-path]x"),
        ("a ##vso[task.x]", "a # #vso[task.x]"),
        ("###teamcity[x]", "## #teamcity[x]"),
        ("## heading", "## heading"),
        ("user\u202etxt\u2069", "usertxt"),
        ("a\u200b\u00ad\ufeff\ufe0f\u3164\U000e0041b", "ab"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\ufffe\U0010ffff\ue000", r"\ufffe\U0010ffff\ue000"),
        ("]]><b>", "]]><b>"),
        ("é 漢 🙂", "é 漢 🙂"),
        ("", ""),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(TEXTS, LIMITS)
@example("::", 60)
@example(" :\u200b:", 60)
def test_clean_is_harmless_and_short(text: str, limit: int) -> None:
    shown = clean(text, limit=limit)
    assert is_harmless(shown)
    assert len(shown) <= limit
    assert "\n" not in shown
    assert shown == shown.strip()


@given(TEXTS, LIMITS)
def test_clean_twice_changes_nothing(text: str, limit: int) -> None:
    once = clean(text, limit=limit)
    assert clean(once, limit=limit) == once


@given(TEXTS)
def test_clean_survives_xml_and_utf8(text: str) -> None:
    shown = clean(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    element = ET.Element("property", value=shown)
    assert ET.fromstring(ET.tostring(element, "utf-8")).get("value") == shown


@given(st.text(alphabet="abc 123_/.", max_size=50))
def test_clean_leaves_words_alone(text: str) -> None:
    assert clean(text).split() == text.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Fix test_total", "Fix test_total"),
        ("Fix test_total (AssertionError)", "Fix test_total…"),
        ("Fix test_total of carts", "Fix test_total of…"),
        ("Fix test_total_of_very_long_names", "Fix test_total_of_v…"),
        ("a  b\nc", "a b c"),
        ("one two three four fi", "one two three four…"),
        ("", ""),
    ],
)
def test_lines_are_shortened_between_words(text: str, expected: str) -> None:
    assert shorten_line(text, limit=20) == expected


@given(TEXTS, LIMITS)
def test_shortened_lines_keep_to_the_limit(text: str, limit: int) -> None:
    assert len(shorten_line(text, limit=limit + 1)) <= limit + 1


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("src/shop/cart.py", "src/shop/cart.py"),
        ("src/größe.py", "src/größe.py"),
        ("with blank.py", '"with blank.py"'),
        (" lead.py", '" lead.py"'),
        ("a\nb.py", r'"a\nb.py"'),
        ('a"b\\c.py', r'"a\"b\\c.py"'),
        ("a\u200b.py", r'"a\u200b.py"'),
        ("a\x1b[2J.py", r'"a\x1b[2J.py"'),
        ("a\udcff.py", r'"a\udcff.py"'),
        ("a\u2028\xa0\U000e0041", r'"a\u2028\xa0\U000e0041"'),
        ("::set-env.py", '"::set-env.py"'),
        ("##[x].py", r'"#\x23[x].py"'),
        ("`x`.py", '"`x`.py"'),
        ("", '""'),
    ],
)
def test_quote_path(path: str, expected: str) -> None:
    assert quote_path(path) == expected


@given(TEXTS, st.integers(min_value=4, max_value=60))
def test_quote_path_is_harmless_and_short(path: str, limit: int) -> None:
    shown = quote_path(path, limit=limit)
    assert is_harmless(shown)
    assert len(shown) <= limit


@given(TEXTS.filter(lambda text: len(text) < 100), TEXTS.filter(lambda text: len(text) < 100))
def test_quote_path_tells_paths_apart(one: str, other: str) -> None:
    shown = quote_path(one, limit=2000), quote_path(other, limit=2000)
    assert (shown[0] == shown[1]) is (one == other)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (20, "abcdefghijklmnopqrst"),
        (19, "abcdef [...] opqrst"),
        (9, "a [...] t"),
        (8, "abcdefgh"),
        (0, ""),
    ],
)
def test_shorten_takes_out_the_middle(limit: int, expected: str) -> None:
    assert shorten("abcdefghijklmnopqrst", limit=limit) == expected


def test_encodable_changes_lone_surrogates_only() -> None:
    assert encodable("a\x1b\u202e\udc80é") == "a\x1b\u202e\\udc80é"
