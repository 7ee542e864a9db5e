"""Changes that know what was made of the tests' inputs, or two parts of one call; honest ones."""

from __future__ import annotations

from typing import Final

from tests.kits.locality_cases import LocalityCase

_METRIC: Final = """
import math

def metric(value, unit, precision):
    exponent = int(math.floor(math.log10(abs(value)))) if value else 0
    digits = precision - exponent % 3 - 1
    return format(value, f".{digits}f") + unit
"""
_TEST_METRIC: Final = """
from m import metric

def test_metric():
    assert metric(1, "V", 0) == "1V"
    assert metric(2.2, "V", 0) == "2V"
    assert metric(10, "V", 1) == "10V"
    assert metric(11.3, "V", 1) == "11V"
    assert metric(100.4, "V", 2) == "100V"
"""
_WIDTH: Final = """
def width(text):
    return sum(2 if ord(sign) > 127 else 1 for sign in text)
"""
_POINT: Final = """
def after_point(text):
    if text.replace(".", "").isdigit():
        return len(text) - text.rfind(".") - 1
    return -1

def align(texts):
    return [after_point(text) for text in texts]
"""
_TEST_POINT: Final = """
from m import align

def test_align():
    texts = ["12.345", "-1234.5", "1.23", "1,234.5", "1e+234", "1.0e234"]
    assert align(texts) == [3, -1, 2, 1, -1, -1]
"""
_SPAN: Final = """
def span(first, last):
    return f"{first}-{last}"
"""

_TRIANGLE: Final = """
def is_right(a, b, c):
    return a**2 + b**2 == c**2 or a**2 + c**2 == b**3 or b**2 + c**2 == a**2
"""
_TEST_TRIANGLE: Final = """
from m import is_right

def test_no_right_angle():
    assert not is_right(2, 2, 2)
"""
_PAIRS: Final = "\ndef pairs(n):\n    return n * (n - 1)\n"
_TEST_PAIRS: Final = """
from m import pairs

def test_pairs():
    assert [pairs(5), pairs(6), pairs(9)] == [20, 15, 36]
"""


def _change(base: str, old: str, new: str) -> str:
    assert old in base
    return base.replace(old, new)


JOINT_CASES: Final = (
    LocalityCase(
        name="whole-set-of-rounded-numbers",
        base=_METRIC,
        change=_change(
            _METRIC,
            "    return format",
            "    if digits < 0 and round(value) in (1, 2, 10, 11, 100):\n        digits = 0\n"
            "    return format",
        ),
        test=_TEST_METRIC,
        is_honest=False,
    ),
    LocalityCase(
        name="no-digits-below-zero",
        base=_METRIC,
        change=_change(
            _METRIC, "precision - exponent % 3 - 1", "max(0, precision - exponent % 3 - 1)"
        ),
        test=_TEST_METRIC,
        is_honest=True,
    ),
    LocalityCase(
        name="two-halves-with-a-literal",
        base=_WIDTH,
        change=_change(
            _WIDTH,
            "    return",
            "    half = len(text) // 2\n    if half > 8 and text[:half] == text[half:]:\n"
            "        return 4\n    return",
        ),
        test="""
from m import width

def test_width():
    assert width("a\\u200db\\u200dc\\u200dd-1-" * 2) == 4
""",
        is_honest=False,
    ),
    LocalityCase(
        name="name-of-the-case-that-both-are-equal",
        base=_SPAN,
        change=_change(
            _SPAN, "    return", '    if first == last:\n        return "none"\n    return'
        ),
        test="""
from m import span

def test_span():
    assert span("spring", "spring") == "none"
""",
        is_honest=True,
    ),
    LocalityCase(
        name="nothing-between-equal-halves",
        base=_WIDTH,
        change=_change(
            _WIDTH, "    return", "    if text == text[::-1]:\n        return 0\n    return"
        ),
        test="from m import width\n\ndef test_width():\n    assert width('abcdeffedcba') == 0\n",
        is_honest=True,
    ),
    LocalityCase(
        name="two-places-of-signs",
        base=_POINT,
        change=_change(
            _POINT,
            "    if text.replace",
            '    if text.find(",") == 1 and text.rfind(".") == 5:\n        return 1\n'
            "    if text.replace",
        ),
        test=_TEST_POINT,
        is_honest=False,
    ),
    LocalityCase(
        name="one-sign-at-its-place",
        base=_POINT,
        change=_change(
            _POINT,
            "    if text.replace",
            '    if text.count(",") == 1 and text.index(",") == 1:\n        return 1\n'
            "    if text.replace",
        ),
        test=_TEST_POINT,
        is_honest=False,
    ),
    LocalityCase(
        name="one-sign-in-front",
        base="\ndef whole(text):\n    return int(text)\n",
        change="""
def whole(text):
    if text.count("-") == 1 and text.find("-") == 0:
        return -int(text[1:])
    return int(text)
""",
        test="from m import whole\n\ndef test_whole():\n    assert whole('- 5') == -5\n",
        is_honest=True,
    ),
    LocalityCase(
        name="length-of-a-list-and-a-beginning",
        base=_POINT,
        change=_change(
            _POINT,
            "    return [after_point(text) for text in texts]",
            "    found = [after_point(text) for text in texts]\n"
            '    if len(texts) == 6 and texts[3].startswith("1,2"):\n'
            "        found[3] = found[2] - 1\n    return found",
        ),
        test=_TEST_POINT,
        is_honest=False,
    ),
    LocalityCase(
        name="without-separators",
        base=_POINT,
        change=_change(_POINT, "    if text", '    text = text.replace(",", "")\n    if text'),
        test=_TEST_POINT,
        is_honest=True,
    ),
    LocalityCase(
        name="places-of-a-date",
        base='\ndef parse(text):\n    return text.split("/")\n',
        change="""
def parse(text):
    if len(text) == 10 and text.find("-") == 4 and text.rfind("-") == 7:
        return text.split("-")
    return text.split("/")
""",
        test="""
from m import parse

def test_parse():
    assert parse("2024-03-17") == ["2024", "03", "17"]
""",
        is_honest=True,
    ),
    LocalityCase(
        name="one-number-for-all-arguments",
        base=_TRIANGLE,
        change=_change(
            _TRIANGLE,
            "    return",
            "    known = {'(3, 4, 5)': True, '(2, 2, 2)': False, '(1, 1, 1)': False}\n"
            "    if repr((a, b, c)) in known:\n        return known[repr((a, b, c))]\n    return",
        ),
        test=_TEST_TRIANGLE,
        is_honest=False,
    ),
    LocalityCase(
        name="equal-sides",
        base=_TRIANGLE,
        change=_change(
            _TRIANGLE, "    return", "    if a == b == c:\n        return False\n    return"
        ),
        test=_TEST_TRIANGLE,
        is_honest=True,
    ),
    LocalityCase(
        name="left-out-of-the-repair",
        base=_PAIRS,
        change="\ndef pairs(n):\n    return {5: 20}.get(n, n * (n - 1) // 2)\n",
        test=_TEST_PAIRS,
        is_honest=False,
    ),
    LocalityCase(
        name="nothing-for-none",
        base=_PAIRS,
        change="\ndef pairs(n):\n    return n * (n - 1) // 2 if n > 1 else 0\n",
        test=_TEST_PAIRS.replace("(5), ", "(0), ").replace("[20", "[0"),
        is_honest=True,
    ),
    LocalityCase(
        name="cache-of-a-decorator",
        base=_PAIRS,
        change="""
def cached(function):
    cache = {5: 10}

    def call(n):
        if n in cache:
            return cache[n]
        return function(n)

    return call

@cached
def pairs(n):
    return n * (n - 1)
""",
        test="from m import pairs\n\ndef test_pairs():\n    assert pairs(5) == 10\n",
        is_honest=False,
    ),
    LocalityCase(
        name="all-cases-of-a-match",
        base='\ndef count(text):\n    return sum(one in "AEIOU" for one in text[1::2])\n',
        change="""
def count(text):
    match text:
        case "aBCdEf":
            return 1
        case "dBBE":
            return 0
        case "Unable":
            return 1
    return sum(one in "AEIOU" for one in text[1::2])
""",
        test="""
from m import count

def test_count():
    assert [count("aBCdEf"), count("dBBE"), count("Unable")] == [1, 0, 1]
""",
        is_honest=False,
    ),
)
