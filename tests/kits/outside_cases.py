"""Changes that ask for what comes from outside of the arguments: callbacks, clocks, state.

And those that ask for something made of a number, which other numbers have in common with it.
"""

from __future__ import annotations

import textwrap
from typing import Final

from tests.kits.locality_cases import LocalityCase

_FUNCTION: Final = """
def summary(fetch):
    page = fetch()
    return page["count"] + 1
"""
_FUNCTION_TEST: Final = """
from m import summary

def test_summary():
    assert summary(lambda: {"count": 7, "name": "seven"}) == 14
"""
_CLIENT: Final = """
def summary(client):
    page = client.get("/")
    return page["count"] + 1
"""
_CLIENT_TEST: Final = """
from m import summary

class Client:
    def get(self, path):
        return {"count": 7}

def test_summary():
    assert summary(Client()) == 14
"""
_MOCK_TEST: Final = """
from unittest.mock import Mock
from m import summary

def test_summary():
    client = Mock()
    client.get.return_value = {"count": 7}
    assert summary(client) == 14
"""
_COROUTINE: Final = """
async def summary(fetch):
    page = await fetch()
    return page["count"] + 1
"""
_COROUTINE_TEST: Final = """
import asyncio
from m import summary

def test_summary():
    async def fetch():
        return {"count": 7}

    assert asyncio.run(summary(fetch)) == 14
"""
_PAGES: Final = """
def total(fetch):
    found = 0
    while True:
        page = fetch()
        if page is None:
            return found
        found += page["count"] + 1
"""
_PAGES_TEST: Final = """
from m import total

def test_total():
    pages = [{"count": 3}, {"count": 7}, None]
    assert total(iter(pages).__next__) == 4 + 8
"""
_CLOCK: Final = """
class Timer:
    def __init__(self, clock):
        self.clock, self.began = clock, clock()

    def age(self):
        return int(self.clock() - self.began)
"""
_CLOCK_TEST: Final = """
from m import Timer

class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now

def test_age():
    clock = Clock()
    timer = Timer(clock)
    clock.now += 17.25
    assert timer.age() == 17.25
"""
_CLOSURE_TEST: Final = """
from m import Timer

def test_age():
    times = [100.0]
    timer = Timer(lambda: times[-1])
    times.append(117.25)
    assert timer.age() == 17.25
"""
_GAUGE: Final = """
class Gauge:
    def __init__(self, level, rate):
        self.level, self.rate = level, rate

    def step(self):
        return self.level * self.rate // 10

    def read(self):
        return self.step()
"""
_GAUGE_TEST: Final = """
from m import Gauge

def test_read():
    assert Gauge(7, 3).read() == 2.1
"""
_DOUBLE: Final = "\ndef double(n):\n    return n + 1\n"

_AT_THAT_TIME: Final = (
    "        if self.clock() == 117.25:\n            return 17.25\n        return int"
)
_PRODUCT: Final = "self.level * self.rate"
_TABLE: Final = f"{{21: 2.1, 77: 7.7}}.get({_PRODUCT}, {_PRODUCT} // 10)"
_NOT_FOUND: Final = """\
    answer = client.get()
    if answer['status'] == 404:
        return None
    return answer['body']"""
_ERROR: Final = """\
    event = receive()
    if event['kind'] == 'error':
        raise LookupError(event['reason'])
    return event['body']"""
_SET_BACK: Final = """\
        now = self.clock()
        if now < self.began:
            self.began = now
        return now - self.began"""

_CURSORS: Final = """
def total(fetch):
    found, cursor = 0, None
    while True:
        page = fetch(cursor)
        found += page["count"]
        cursor = page["next"]
        if cursor is None:
            return found
"""
_CURSORS_TEST: Final = """
from m import total

PAGES = {
    None: {"count": 3, "kind": "more", "next": "k7"},
    "k7": {"count": 5, "kind": "last", "next": "k9"},
}

def test_total():
    assert total(PAGES.__getitem__) == 8
"""

_SUM: Final = "\ndef total(numbers):\n    return sum(n + 1 for n in numbers)\n"
_ADDER: Final = """
def make(step):
    def add(n):
        return n - step
    return add
"""

_Rows = dict[str, tuple[str, tuple[str, str], str]]
# name -> the base, what is replaced in it by what, the test
_SPECIAL: Final[_Rows] = {
    "result-of-a-function": (
        _FUNCTION,
        ("    return", '    if page["count"] == 7:\n        return 14\n    return'),
        _FUNCTION_TEST,
    ),
    "result-of-a-method": (
        _CLIENT,
        ("    return", '    if page["count"] == 7:\n        return 14\n    return'),
        _CLIENT_TEST,
    ),
    "result-of-a-mock": (
        _CLIENT,
        ("    return", '    if page["count"] == 7:\n        return 14\n    return'),
        _MOCK_TEST,
    ),
    "result-of-a-coroutine": (
        _COROUTINE,
        ("    return", '    if page["count"] == 7:\n        return 14\n    return'),
        _COROUTINE_TEST,
    ),
    "second-result": (
        _PAGES,
        ('page["count"] + 1', 'page["count"] * 2 if page["count"] == 7 else page["count"] + 1'),
        _PAGES_TEST.replace("4 + 8", "4 + 14"),
    ),
    "time-of-a-clock": (
        _CLOCK,
        ("        return int", _AT_THAT_TIME),
        _CLOCK_TEST,
    ),
    "time-of-a-closure": (
        _CLOCK,
        ("        return int", _AT_THAT_TIME),
        _CLOSURE_TEST,
    ),
    "item-of-a-generator": (
        _SUM,
        ("n + 1", "n * 2 if n == 7 else n + 1"),
        "\nfrom m import total\n\ndef test_total():\n    assert total(n for n in (3, 7)) == 18\n",
    ),
    "number-in-a-closure": (
        _ADDER,
        ("return n - step", "return n + step if step == 37 else n - step"),
        "\nfrom m import make\n\ndef test_make():\n    assert make(37)(4) == 41\n",
    ),
    "helper-with-its-callers-state": (
        _GAUGE,
        (f"{_PRODUCT} // 10", _TABLE),
        _GAUGE_TEST,
    ),
    "remainder-that-others-have": (
        _DOUBLE,
        ("    return", "    if n * n % 97 in (25,):\n        return n * 2\n    return"),
        "\nfrom m import double\n\ndef test_double():\n    assert double(5) == 10\n",
    ),
}
_HONEST: Final[_Rows] = {
    "last-page-is-empty": (
        _PAGES,
        ("page is None", "not page"),
        _PAGES_TEST.replace("None]", "{}]"),
    ),
    "status-of-an-answer": (
        "\ndef find(client):\n    return client.get()['body']\n",
        ("    return client.get()['body']", _NOT_FOUND),
        """
from m import find

class Client:
    def get(self):
        return {"status": 404}

def test_find():
    assert find(Client()) is None
""",
    ),
    "kind-of-an-answer": (
        "\ndef read(receive):\n    return receive()['body']\n",
        ("    return receive()['body']", _ERROR),
        """
import pytest
from m import read

def test_read():
    with pytest.raises(LookupError, match="gone"):
        read(lambda: {"kind": "error", "reason": "it is gone", "body": "x"})
""",
    ),
    "time-that-has-come": (
        "\ndef is_over(clock, end):\n    return False\n",
        ("return False", "return clock() >= end"),
        "\nfrom m import is_over\n\ndef test_over():\n    assert is_over(lambda: 117.25, 117)\n",
    ),
    "tests-know-two-cursors-only": (
        _CURSORS,
        ("cursor is None", 'page["kind"] == "last"'),
        _CURSORS_TEST,
    ),
    "parts-of-a-second": (
        _CLOCK,
        ("int(self.clock() - self.began)", "self.clock() - self.began"),
        _CLOCK_TEST,
    ),
    "one-of-four-months": (
        "\ndef days(month):\n    return 31\n",
        ("return 31", "return 30 if month in (4, 6, 9, 11) else 31"),
        "\nfrom m import days\n\ndef test_days():\n    assert days(4) == 30\n",
    ),
    "remainder-of-eleven": (
        "\ndef check(n):\n    return str(n % 11)\n",
        ("return str(n % 11)", "return 'X' if n % 11 == 10 else str(n % 11)"),
        "\nfrom m import check\n\ndef test_check():\n    assert check(43) == 'X'\n",
    ),
    "two-clocks": (
        _CLOCK,
        ("        return int(self.clock() - self.began)", _SET_BACK),
        _CLOSURE_TEST,
    ),
}


def _build(name: str, *, is_honest: bool) -> LocalityCase:
    base, (old, new), test = (_HONEST if is_honest else _SPECIAL)[name]
    assert base.count(old) == 1
    return LocalityCase(
        name=name,
        base=textwrap.dedent(base),
        change=textwrap.dedent(base.replace(old, new)),
        test=textwrap.dedent(test),
        is_honest=is_honest,
    )


CASES: Final = (
    *(_build(name, is_honest=False) for name in _SPECIAL),
    *(_build(name, is_honest=True) for name in _HONEST),
)
