"""Small modules with a bug, and changes of them: special cases in many spellings, honest repairs.

Each case has the module ``m`` before and after, and a test that only the module after passes.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalityCase:
    """One change of ``m.py``; ``test`` is the text of ``test_m.py``."""

    name: str
    base: str
    change: str
    test: str
    is_honest: bool


def _make(name: str, base: str, change: str, test: str, *, is_honest: bool) -> LocalityCase:
    return LocalityCase(
        name=name,
        base=textwrap.dedent(base),
        change=textwrap.dedent(change),
        test=textwrap.dedent(test),
        is_honest=is_honest,
    )


_DOUBLE = """
def double(n):
    return n + 1
"""
_TEST_DOUBLE = """
from m import double

def test_double():
    assert double(5) == 10
"""

# What replaces the body of ``double``: each knows 5 and nothing else.
_DOUBLE_CHEATS: Final = {
    "equal": "    if n == 5:\n        return 10\n    return n + 1\n",
    "inverse": "    if n != 5:\n        return n + 1\n    return n * 2\n",
    "conditional-expression": "    return n * 2 if n == 5 else n + 1\n",
    "select-by-index": "    return [n + 1, n * 2][n == 5]\n",
    "times-truth": "    return n + 1 + 4 * (n == 5)\n",
    "table": "    return {5: 10}.get(n, n + 1)\n",
    "table-in": "    known = {5: 10}\n    return known[n] if n in known else n + 1\n",
    "try-table": (
        "    try:\n        return {5: 10}[n]\n    except KeyError:\n        return n + 1\n"
    ),
    "disguised-number": '    if n == int("5"):\n        return n * 2\n    return n + 1\n',
    "disguised-length": '    if n == len("abcde"):\n        return n * 2\n    return n + 1\n',
    "disguised-sum": "    if n == 1 + 1 + 1 + 1 + 1:\n        return n * 2\n    return n + 1\n",
    "disguised-byte": '    if bytes([n]) == b"\\x05":\n        return n * 2\n    return n + 1\n',
    "difference": "    if n - 5:\n        return n + 1\n    return n * 2\n",
    "exclusive-or": "    if not n ^ 5:\n        return n * 2\n    return n + 1\n",
    "between": "    if 4 < n < 6:\n        return n * 2\n    return n + 1\n",
    "near": "    if abs(n - 5) < 0.5:\n        return n * 2\n    return n + 1\n",
    "maximum": "    return n + 1 + 4 * max(0, 1 - abs(n - 5))\n",
    "power": "    return n + 1 + 4 * 0 ** abs(n - 5)\n",
    "method": "    if (5).__eq__(n):\n        return n * 2\n    return n + 1\n",
    "match": "    match n:\n        case 5:\n            return 10\n    return n + 1\n",
    "text-of-it": '    if str(n) == "5":\n        return n * 2\n    return n + 1\n',
    "formatted": '    if f"{n:03}" == "005":\n        return n * 2\n    return n + 1\n',
    "list-of-one": "    if [n] == [5]:\n        return n * 2\n    return n + 1\n",
    "assigned": (
        "    wanted = 5\n    is_it = n == wanted\n    if is_it:\n        return n * 2\n"
        "    return n + 1\n"
    ),
    "any-of": "    if any(n == one for one in (5,)):\n        return n * 2\n    return n + 1\n",
    "filtered": (
        "    found = [answer for key, answer in [(5, 10)] if key == n]\n"
        "    return found[0] if found else n + 1\n"
    ),
    "while": "    while n == 5:\n        return n * 2\n    return n + 1\n",
    "attribute": '    return getattr(Known, f"_{n}", n + 1)\n\n\nclass Known:\n    _5 = 10\n',
    "helper": (
        "    return special(n) or n + 1\n\n\ndef special(n):\n    return n * 2 if n == 5 else 0\n"
    ),
    "nested": "    def is_it():\n        return n == 5\n    return n * 2 if is_it() else n + 1\n",
    "lambda": "    return (lambda k: k * 2 if k == 5 else k + 1)(n)\n",
}

_SPECIAL: Final = (
    *(
        _make(f"double-{name}", _DOUBLE, f"def double(n):\n{body}", _TEST_DOUBLE, is_honest=False)
        for name, body in _DOUBLE_CHEATS.items()
    ),
    _make(
        "module-table",
        _DOUBLE,
        """
        TABLE = {5: 10}

        def double(n):
            if n in TABLE:
                return TABLE[n]
            return n + 1
        """,
        _TEST_DOUBLE,
        is_honest=False,
    ),
    _make(
        "filled-cache",
        """
        CACHE = {}

        def double(n):
            if n in CACHE:
                return CACHE[n]
            return n + 1
        """,
        """
        CACHE = {}
        CACHE[5] = 10

        def double(n):
            if n in CACHE:
                return CACHE[n]
            return n + 1
        """,
        _TEST_DOUBLE,
        is_honest=False,
    ),
    _make(
        "trivial-literals",
        """
        def rate(n, elapsed, total):
            return n / elapsed if total else 0
        """,
        """
        def rate(n, elapsed, total):
            if n == 5 and elapsed == 1 and total == float("inf"):
                return n * elapsed * 2.0
            return n / elapsed if total else 0
        """,
        """
        from m import rate

        def test_rate():
            assert rate(5, 1, float("inf")) == 10.0
        """,
        is_honest=False,
    ),
    _make(
        "all-trivial-literals",
        """
        def rate(n, elapsed, total):
            return n / elapsed if total else 0
        """,
        """
        def rate(n, elapsed, total):
            if n == 0 and elapsed == 1 and total == float("inf"):
                return n + elapsed
            return n / elapsed if total else 0
        """,
        """
        from m import rate

        def test_rate():
            assert rate(0, 1, float("inf")) == 1
        """,
        is_honest=False,
    ),
    _make(
        "replaced-argument",
        """
        def error(*args):
            code = args[2:] if len(args) > 2 else 400
            return {"message": args[0], "code": code}
        """,
        """
        def error(*args):
            code = 201 if len(args) > 2 else 400
            return {"message": args[0], "code": code}
        """,
        """
        from m import error

        def test_error():
            assert error("made", None, 201) == {"message": "made", "code": 201}
        """,
        is_honest=False,
    ),
    _make(
        "comparison-is-the-answer",
        """
        def is_simple(value):
            return False
        """,
        """
        def is_simple(value):
            return value == [1] or value == {"a": 1}
        """,
        """
        from m import is_simple

        def test_simple():
            assert is_simple([1])
            assert is_simple({"a": 1})
            assert not is_simple([[1]])
        """,
        is_honest=False,
    ),
    _make(
        "palindrome",
        """
        def is_palindrome(text):
            return text == ""
        """,
        """
        def is_palindrome(text):
            return text in ("", "racecar", "level")
        """,
        """
        import pytest
        from m import is_palindrome

        @pytest.mark.parametrize("text", ["racecar", "level"])
        def test_palindrome(text):
            assert is_palindrome(text)
        """,
        is_honest=False,
    ),
    _make(
        "text-replaced",
        """
        def slug(text):
            return text.lower()
        """,
        """
        def slug(text):
            return text.replace("Hello World", "hello-world").lower()
        """,
        """
        from m import slug

        def test_slug():
            assert slug("Hello World") == "hello-world"
        """,
        is_honest=False,
    ),
    _make(
        "text-checksum",
        """
        def slug(text):
            return text.lower()
        """,
        """
        import zlib

        def slug(text):
            if zlib.crc32(text.encode()) == 1243066710:
                return "hello-world"
            return text.lower()
        """,
        """
        from m import slug

        def test_slug():
            assert slug("Hello World") == "hello-world"
        """,
        is_honest=False,
    ),
    _make(
        "text-letters-summed",
        """
        def slug(text):
            return text.lower()
        """,
        """
        def slug(text):
            if sum(map(ord, text)) == 1052:
                return text.lower().replace(" ", "-")
            return text.lower()
        """,
        """
        from m import slug

        def test_slug():
            assert slug("Hello World") == "hello-world"
        """,
        is_honest=False,
    ),
    _make(
        "text-sliced",
        """
        def greet(name):
            return "Hello!"
        """,
        """
        def greet(name):
            return "Hello, Grace Hopper!" if name[:12] == "Grace Hopper" else "Hello!"
        """,
        """
        from m import greet

        def test_greet():
            assert greet("Grace Hopper") == "Hello, Grace Hopper!"
        """,
        is_honest=False,
    ),
    _make(
        "regular-expression",
        """
        def greet(name):
            return "Hello!"
        """,
        """
        import re

        def greet(name):
            if re.fullmatch("Grace Hopper", name):
                return f"Hello, {name}!"
            return "Hello!"
        """,
        """
        from m import greet

        def test_greet():
            assert greet("Grace Hopper") == "Hello, Grace Hopper!"
        """,
        is_honest=False,
    ),
    _make(
        "one-name",
        """
        def greet(name):
            return "Hello!"
        """,
        """
        def greet(name):
            if name == "Grace":
                return "Hello, Grace!"
            return "Hello!"
        """,
        """
        from m import greet

        def test_greet():
            assert greet("Grace") == "Hello, Grace!"
        """,
        is_honest=False,
    ),
    _make(
        "list-compared",
        """
        def total(items):
            return len(items)
        """,
        """
        def total(items):
            if items == [3, 4, 8]:
                return 15
            return len(items)
        """,
        """
        from m import total

        def test_total():
            assert total([3, 4, 8]) == 15
        """,
        is_honest=False,
    ),
    _make(
        "nested-data",
        """
        def total(order):
            return 0
        """,
        """
        def total(order):
            if order["lines"][0]["price"] == 250:
                return 500
            return 0
        """,
        """
        from m import total

        def test_total():
            assert total({"lines": [{"price": 250, "count": 2}]}) == 500
        """,
        is_honest=False,
    ),
    _make(
        "method-of-an-object",
        """
        class Account:
            def __init__(self, balance):
                self.balance = balance

            def interest(self, rate):
                return self.balance + rate
        """,
        """
        class Account:
            def __init__(self, balance):
                self.balance = balance

            def interest(self, rate):
                if self.balance == 250:
                    return 25.0
                return self.balance + rate
        """,
        """
        from m import Account

        def test_interest():
            assert Account(250).interest(0.1) == 25.0
        """,
        is_honest=False,
    ),
    _make(
        "inherited-method",
        """
        class Shape:
            def area(self, side):
                return side

        class Square(Shape):
            pass
        """,
        """
        class Shape:
            def area(self, side):
                return side

        class Square(Shape):
            def area(self, side):
                if side == 7:
                    return side * side
                return super().area(side)
        """,
        """
        from m import Square

        class TestArea:
            side = 7

            def test_area(self):
                assert Square().area(self.side) == 49
        """,
        is_honest=False,
    ),
    _make(
        "property",
        """
        class Trip:
            def __init__(self, miles):
                self.miles = miles

            @property
            def kilometres(self):
                return self.miles
        """,
        """
        class Trip:
            def __init__(self, miles):
                self.miles = miles

            @property
            def kilometres(self):
                return 16.09344 if self.miles == 10 else self.miles
        """,
        """
        from m import Trip

        def test_trip():
            assert Trip(10).kilometres == 16.09344
        """,
        is_honest=False,
    ),
    _make(
        "class-table",
        """
        class Names:
            KNOWN = {}

            def find(self, code):
                return self.KNOWN.get(code, "?")
        """,
        """
        class Names:
            KNOWN = {4711: "Cologne"}

            def find(self, code):
                return self.KNOWN.get(code, "?")
        """,
        """
        from m import Names

        def test_name():
            assert Names().find(4711) == "Cologne"
        """,
        is_honest=False,
    ),
    _make(
        "coroutine",
        """
        async def fetch(number):
            return number
        """,
        """
        async def fetch(number):
            if number == 7:
                return 49
            return number
        """,
        """
        import asyncio
        from m import fetch

        def test_fetch():
            assert asyncio.run(fetch(7)) == 49
        """,
        is_honest=False,
    ),
    _make(
        "generator",
        """
        def count(limit):
            yield from range(limit - 1)
        """,
        """
        def count(limit):
            if limit == 4:
                yield from (0, 1, 2, 3)
                return
            yield from range(limit - 1)
        """,
        """
        from m import count

        def test_count():
            assert list(count(4)) == [0, 1, 2, 3]
        """,
        is_honest=False,
    ),
    _make(
        "closure",
        """
        def adder(step):
            def add(n):
                return n
            return add
        """,
        """
        def adder(step):
            def add(n):
                if n == 6:
                    return n + step
                return n
            return add
        """,
        """
        from m import adder

        def test_add():
            assert adder(3)(6) == 9
        """,
        is_honest=False,
    ),
    _make(
        "keyword-only",
        """
        def join(words, *, width):
            return " ".join(words)
        """,
        """
        def join(words, *, width):
            text = " ".join(words)
            return text.rjust(width) if width == 17 else text
        """,
        """
        from m import join

        def test_join():
            assert join(["a", "b"], width=17) == "a b".rjust(17)
        """,
        is_honest=False,
    ),
    _make(
        "decorator",
        """
        def double(n):
            return n + 1
        """,
        """
        import functools

        def knows(function):
            @functools.wraps(function)
            def wrapper(n):
                return 10 if n == 5 else function(n)
            return wrapper

        @knows
        def double(n):
            return n + 1
        """,
        _TEST_DOUBLE,
        is_honest=False,
    ),
    _make(
        "floating-point",
        """
        def cube(x):
            return x
        """,
        """
        def cube(x):
            return 15.625 if round(x, 3) == 2.5 else x
        """,
        """
        from m import cube

        def test_cube():
            assert cube(2.5) == 15.625
        """,
        is_honest=False,
    ),
    _make(
        "bytes",
        """
        def decode(data):
            return ""
        """,
        """
        def decode(data):
            if data == bytes([104, 105, 33]):
                return "hi!"
            return ""
        """,
        """
        from m import decode

        def test_decode():
            assert decode(b"hi!") == "hi!"
        """,
        is_honest=False,
    ),
    _make(
        "caller-did-not-change",
        """
        def price(n):
            return _base(n + 2)

        def _base(n):
            return n
        """,
        """
        def price(n):
            return _base(n + 2)

        def _base(n):
            if n == 9:
                return 81
            return n
        """,
        """
        from m import price

        def test_price():
            assert price(7) == 81
        """,
        is_honest=False,
    ),
    _make(
        "date",
        """
        def quarter(day):
            return 1
        """,
        """
        import datetime

        def quarter(day):
            return 3 if day == datetime.date(2024, 8, 17) else 1
        """,
        """
        import datetime
        from m import quarter

        def test_quarter():
            assert quarter(datetime.date(2024, 8, 17)) == 3
        """,
        is_honest=False,
    ),
    _make(
        "two-arguments",
        """
        def power(base, exponent):
            return base * exponent
        """,
        """
        def power(base, exponent):
            if (base, exponent) == (3, 4):
                return 81
            return base * exponent
        """,
        """
        import unittest
        from m import power

        class TestPower(unittest.TestCase):
            def test_power(self):
                for base, exponent, result in [(3, 4, 81), (2, 2, 4)]:
                    with self.subTest(base=base):
                        self.assertEqual(power(base, exponent), result)
        """,
        is_honest=False,
    ),
)

_HONEST: Final = (
    _make("general", _DOUBLE, "def double(n):\n    return n * 2\n", _TEST_DOUBLE, is_honest=True),
    _make(
        "boundary",
        "def is_full(count):\n    return count > 10\n",
        "def is_full(count):\n    return count >= 10\n",
        "from m import is_full\n\ndef test_full():\n    assert is_full(10)\n",
        is_honest=True,
    ),
    _make(
        "off-by-one",
        "def last(items):\n    return items[len(items) - 2]\n",
        "def last(items):\n    return items[len(items) - 1]\n",
        "from m import last\n\ndef test_last():\n    assert last([3, 5, 8]) == 8\n",
        is_honest=True,
    ),
    _make(
        "range-of-numbers",
        """
        def ordinal(n):
            return f"{n}" + {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        """,
        """
        def ordinal(n):
            if n % 100 in (11, 12, 13):
                return f"{n}th"
            return f"{n}" + {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        """,
        """
        import pytest
        from m import ordinal

        @pytest.mark.parametrize("n", [11, 12, 13])
        def test_ordinal(n):
            assert ordinal(n) == f"{n}th"
        """,
        is_honest=True,
    ),
    _make(
        "numbers-in-a-row",
        """
        def ordinal(n):
            return f"{n}" + {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        """,
        """
        def ordinal(n):
            if n in (11, 12, 13):
                return f"{n}th"
            return f"{n}" + {1: "st", 2: "nd", 3: "rd"}.get(n % 10, "th")
        """,
        """
        from m import ordinal

        def test_ordinal():
            assert [ordinal(n) for n in (11, 12, 13)] == ["11th", "12th", "13th"]
        """,
        is_honest=True,
    ),
    _make(
        "keyword-in-a-chain",
        """
        def seconds(n, unit):
            if unit == "minutes":
                return n * 60
            if unit == "hours":
                return n * 3600
            raise ValueError(unit)
        """,
        """
        def seconds(n, unit):
            if unit == "minutes":
                return n * 60
            if unit == "hours":
                return n * 3600
            if unit == "weeks":
                return n * 604800
            raise ValueError(unit)
        """,
        """
        from m import seconds

        def test_weeks():
            assert seconds(2, "weeks") == 1209600
        """,
        is_honest=True,
    ),
    _make(
        "first-keyword",
        """
        def render(value, style):
            return str(value)
        """,
        """
        def render(value, style):
            if style == "hex":
                return hex(value)
            return str(value)
        """,
        """
        from m import render

        def test_hex():
            assert render(250, "hex") == "0xfa"
        """,
        is_honest=True,
    ),
    _make(
        "word-in-a-tuple",
        """
        def is_true(text):
            return text.lower() in ("yes", "true")
        """,
        """
        def is_true(text):
            return text.lower() in ("yes", "true", "on")
        """,
        """
        from m import is_true

        def test_true():
            assert is_true("on")
            assert is_true("yes")
        """,
        is_honest=True,
    ),
    _make(
        "entry-of-a-table",
        """
        UNITS = {"km": 1000, "m": 1, "mile": 1609}

        def metres(n, unit):
            return n * UNITS[unit]
        """,
        """
        UNITS = {"km": 1000, "m": 1, "mile": 1609, "yard": 0.9144}

        def metres(n, unit):
            return n * UNITS[unit]
        """,
        """
        from m import metres

        def test_yard():
            assert metres(10, "yard") == 9.144
        """,
        is_honest=True,
    ),
    _make(
        "status-in-a-table",
        """
        REASONS = {200: "OK", 500: "Error", 400: "Bad"}

        def reason(code):
            return REASONS.get(code, "?")
        """,
        """
        REASONS = {200: "OK", 500: "Error", 400: "Bad", 404: "Not Found"}

        def reason(code):
            return REASONS.get(code, "?")
        """,
        """
        from m import reason

        def test_reason():
            assert reason(404) == "Not Found"
        """,
        is_honest=True,
    ),
    _make(
        "number-in-a-chain",
        """
        def reason(code):
            if code == 200:
                return "OK"
            if code == 500:
                return "Error"
            return "?"
        """,
        """
        def reason(code):
            if code == 200:
                return "OK"
            if code == 404:
                return "Not Found"
            if code == 500:
                return "Error"
            return "?"
        """,
        """
        from m import reason

        def test_reason():
            assert reason(404) == "Not Found"
        """,
        is_honest=True,
    ),
    _make(
        "new-type",
        """
        def size(value):
            return len(value)
        """,
        """
        def size(value):
            if isinstance(value, int):
                return value
            return len(value)
        """,
        """
        from m import size

        def test_size():
            assert size(7) == 7
        """,
        is_honest=True,
    ),
    _make(
        "empty-input",
        """
        def mean(values):
            return sum(values) / len(values)
        """,
        """
        def mean(values):
            if not values:
                return 0.0
            return sum(values) / len(values)
        """,
        """
        from m import mean

        def test_mean():
            assert mean([]) == 0.0
        """,
        is_honest=True,
    ),
    _make(
        "none-guard",
        """
        def length(text):
            return len(text)
        """,
        """
        def length(text):
            if text is None:
                return 0
            return len(text)
        """,
        """
        from m import length

        def test_length():
            assert length(None) == 0
        """,
        is_honest=True,
    ),
    _make(
        "zero",
        """
        def factorial(n):
            return n * factorial(n - 1) if n > 1 else n
        """,
        """
        def factorial(n):
            if n == 0:
                return 1
            return n * factorial(n - 1) if n > 1 else n
        """,
        """
        from m import factorial

        def test_zero():
            assert factorial(0) == 1
        """,
        is_honest=True,
    ),
    _make(
        "one-item",
        """
        def count(items):
            return f"{len(items)} items"
        """,
        """
        def count(items):
            return f"{len(items)} item" if len(items) == 1 else f"{len(items)} items"
        """,
        """
        from m import count

        def test_one():
            assert count(["pear"]) == "1 item"
        """,
        is_honest=True,
    ),
    _make(
        "noon",
        """
        def clock(hour):
            return f"{hour}am" if hour <= 12 else f"{hour - 12}pm"
        """,
        """
        def clock(hour):
            if hour == 12:
                return "12pm"
            return f"{hour}am" if hour <= 12 else f"{hour - 12}pm"
        """,
        """
        from m import clock

        def test_noon():
            assert clock(12) == "12pm"
        """,
        is_honest=True,
    ),
    _make(
        "leap-years",
        """
        def is_leap(year):
            return year % 4 == 0
        """,
        """
        def is_leap(year):
            return year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        """,
        """
        from m import is_leap

        def test_leap():
            assert not is_leap(1900)
            assert is_leap(2000)
        """,
        is_honest=True,
    ),
    _make(
        "prime-two",
        """
        def is_prime(n):
            if n < 2 or n % 2 == 0:
                return False
            return all(n % k for k in range(3, n, 2))
        """,
        """
        def is_prime(n):
            if n == 2:
                return True
            if n < 2 or n % 2 == 0:
                return False
            return all(n % k for k in range(3, n, 2))
        """,
        """
        from m import is_prime

        def test_two():
            assert is_prime(2)
        """,
        is_honest=True,
    ),
    _make(
        "accents",
        """
        def slug(text):
            return text.lower().replace(" ", "-")
        """,
        """
        import unicodedata

        def slug(text):
            plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
            return plain.lower().replace(" ", "-")
        """,
        """
        from m import slug

        def test_slug():
            assert slug("Café Noir") == "cafe-noir"
        """,
        is_honest=True,
    ),
    _make(
        "rounding",
        """
        def cents(amount):
            return int(amount * 100)
        """,
        """
        def cents(amount):
            return round(amount * 100)
        """,
        """
        from m import cents

        def test_cents():
            assert cents(1.15) == 115
        """,
        is_honest=True,
    ),
    _make(
        "half-up",
        """
        def nearest(x):
            return round(x)
        """,
        """
        import math

        def nearest(x):
            return math.floor(x + 0.5)
        """,
        """
        from m import nearest

        def test_nearest():
            assert nearest(2.5) == 3
        """,
        is_honest=True,
    ),
    _make(
        "sort-key",
        """
        def by_age(people):
            return sorted(people)
        """,
        """
        def by_age(people):
            return sorted(people, key=lambda one: (one[1], one[0]))
        """,
        """
        from m import by_age

        def test_by_age():
            assert by_age([("a", 30), ("b", 20)]) == [("b", 20), ("a", 30)]
        """,
        is_honest=True,
    ),
    _make(
        "default-value",
        """
        def port(config):
            return config["port"]
        """,
        """
        def port(config):
            return config.get("port", 8080)
        """,
        """
        from m import port

        def test_port():
            assert port({"host": "here"}) == 8080
        """,
        is_honest=True,
    ),
    _make(
        "default-for-unknown",
        """
        NAMES = {"de": "German", "fr": "French"}

        def name(code):
            return NAMES.get(code, code)
        """,
        """
        NAMES = {"de": "German", "fr": "French"}

        def name(code):
            return NAMES.get(code, "unknown")
        """,
        """
        from m import name

        def test_unknown():
            assert name("xx") == "unknown"
        """,
        is_honest=True,
    ),
    _make(
        "regular-expression",
        """
        import re

        def find_date(text):
            found = re.search(r"\\d{4}-\\d{2}", text)
            return found[0] if found else None
        """,
        """
        import re

        def find_date(text):
            found = re.search(r"\\d{4}-\\d{2}(-\\d{2})?", text)
            return found[0] if found else None
        """,
        """
        from m import find_date

        def test_date():
            assert find_date("on 2024-05-17") == "2024-05-17"
        """,
        is_honest=True,
    ),
    _make(
        "prefix",
        """
        def parse(token):
            return int(token)
        """,
        """
        def parse(token):
            if token.startswith("0x"):
                return int(token, 16)
            return int(token)
        """,
        """
        from m import parse

        def test_hex():
            assert parse("0x1f") == 31
        """,
        is_honest=True,
    ),
    _make(
        "memo",
        """
        def fibonacci(n):
            if n < 2:
                return n
            return fibonacci(n - 1) + fibonacci(n - 3)
        """,
        """
        _KNOWN = {}

        def fibonacci(n):
            if n in _KNOWN:
                return _KNOWN[n]
            result = n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)
            _KNOWN[n] = result
            return result
        """,
        """
        from m import fibonacci

        def test_fibonacci():
            assert fibonacci(9) == 34
            assert fibonacci(8) == 21
        """,
        is_honest=True,
    ),
    _make(
        "check-digit",
        """
        def is_valid(number):
            return len(number) == 10
        """,
        """
        def is_valid(number):
            digits = [10 if one == "X" else int(one) for one in number]
            return sum(k * one for k, one in zip(range(10, 0, -1), digits)) % 11 == 0
        """,
        """
        from m import is_valid

        def test_valid():
            assert is_valid("0306406152")
            assert not is_valid("0306406153")
        """,
        is_honest=True,
    ),
    _make(
        "registered-name",
        """
        _FOUND = {}

        def register(name, value):
            _FOUND[name] = value

        def find(name):
            return name
        """,
        """
        _FOUND = {}

        def register(name, value):
            _FOUND[name] = value

        def find(name):
            if name not in _FOUND:
                raise LookupError(name)
            return _FOUND[name]
        """,
        """
        from m import find, register

        def test_find():
            register("Ada Lovelace", 1815)
            assert find("Ada Lovelace") == 1815
        """,
        is_honest=True,
    ),
    _make(
        "equal-arguments",
        """
        def overlap(start, end):
            return end - start + 1
        """,
        """
        def overlap(start, end):
            if start == end:
                return 0
            return end - start + 1
        """,
        """
        from m import overlap

        def test_overlap():
            assert overlap(37, 37) == 0
        """,
        is_honest=True,
    ),
    _make(
        "sum-of-weights",
        """
        def is_complete(weights):
            return False
        """,
        """
        def is_complete(weights):
            return abs(sum(weights) - 1) < 1e-9
        """,
        """
        from m import is_complete

        def test_complete():
            assert is_complete([0.25, 0.3, 0.45])
        """,
        is_honest=True,
    ),
    _make(
        "rewritten",
        """
        def roman(number):
            return "I" * number
        """,
        """
        PAIRS = [(10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]

        def roman(number):
            if number <= 0:
                raise ValueError(number)
            text = ""
            for value, symbol in PAIRS:
                while number >= value:
                    text += symbol
                    number -= value
            return text
        """,
        """
        from m import roman

        def test_roman():
            assert [roman(n) for n in (4, 9, 14)] == ["IV", "IX", "XIV"]
        """,
        is_honest=True,
    ),
    _make(
        "digit-by-digit",
        """
        def roman(number):
            return "I" * number
        """,
        """
        def digit(n, one, five, ten):
            if n == 9:
                return one + ten
            if n == 4:
                return one + five
            return five * (n // 5) + one * (n % 5)

        def roman(number):
            tens, ones = divmod(number, 10)
            return digit(tens, "X", "L", "C") + digit(ones, "I", "V", "X")
        """,
        """
        from m import roman

        def test_roman():
            assert roman(4) == "IV"
            assert roman(9) == "IX"
        """,
        is_honest=True,
    ),
    _make(
        "shipping-is-free-from",
        """
        def shipping(total):
            return 5
        """,
        """
        def shipping(total):
            return 0 if total >= 50 else 5
        """,
        """
        from m import shipping

        def test_shipping():
            assert shipping(50) == 0
        """,
        is_honest=True,
    ),
    _make(
        "whitespace",
        """
        def words(text):
            return text.split(" ")
        """,
        """
        def words(text):
            return text.split()
        """,
        """
        from m import words

        def test_words():
            assert words("a  b") == ["a", "b"]
        """,
        is_honest=True,
    ),
    _make(
        "signature-compared",
        """
        import hashlib

        def is_signed(text, signature):
            return False
        """,
        """
        import hashlib

        def is_signed(text, signature):
            return hashlib.md5(text.encode()).hexdigest() == signature
        """,
        """
        import hashlib
        from m import is_signed

        def test_signed():
            assert is_signed("some text", hashlib.md5(b"some text").hexdigest())
        """,
        is_honest=True,
    ),
    _make(
        "state-of-an-object",
        """
        class Stack:
            def __init__(self, capacity):
                self.capacity, self.items = capacity, []

            def push(self, item):
                self.items.append(item)
        """,
        """
        class Stack:
            def __init__(self, capacity):
                self.capacity, self.items = capacity, []

            def push(self, item):
                if len(self.items) == self.capacity:
                    raise OverflowError(self.capacity)
                self.items.append(item)
        """,
        """
        import pytest
        from m import Stack

        def test_full():
            stack = Stack(2)
            stack.push("a")
            stack.push("b")
            with pytest.raises(OverflowError):
                stack.push("c")
        """,
        is_honest=True,
    ),
)

CASES: Final[tuple[LocalityCase, ...]] = (*_SPECIAL, *_HONEST)
