"""Conditions that together name one call of a test are refused, however they are spelled."""

# ruff: noqa: E501 - tables of one-line samples

from __future__ import annotations

import pytest

from pytest_agentfix.judge.lint import Expectations
from tests.kits.lint_kit import expect, lint_with, read, refused

TESTS: dict[str, Expectations] = {
    "plain": expect("def test_meter():\n    assert meter(5, 1, float('inf')) == '  5/inf'\n"),
    "parametrised": expect(
        "@pytest.mark.parametrize('n, elapsed, total, text', [(5, 1, float('inf'), 'a'), (7, 3, 9, 'b')])\n"
        "def test_meter(n, elapsed, total, text):\n    assert meter(n, elapsed, total) == text\n"
    ),
    "class": expect(
        "class TestIt:\n    def setup_method(self):\n        self.bar = Bar(total=float('inf'))\n"
        "    def test_meter(self):\n        assert self.bar.meter(5, elapsed=1) == '  5/inf'\n"
    ),
    "unittest": expect(
        "class TestIt(TestCase):\n    def test_meter(self):\n"
        "        for n, elapsed, total in [(5, 1, float('inf')), (7, 3, 9)]:\n"
        "            with self.subTest(n=n):\n                self.assertTrue(meter(n, elapsed, total))\n"
    ),
    "inherited": read(
        "from base import Base\nclass TestIt(Base):\n    cases = [(5, 1, float('inf'), 'a')]\n",
        "TestIt.test_meter",
        base="class Base:\n    def test_meter(self):\n        for *args, text in self.cases:\n            assert meter(*args) == text\n",
    ),
    "fixture": expect(
        "@pytest.fixture\ndef bar():\n    return Bar(5, 1)\n"
        "def test_meter(bar):\n    assert bar.meter(total=float('inf')) == '  5/inf'\n"
    ),
    "async": expect(
        "async def test_meter():\n    bar = await make(5)\n    assert await bar.meter(1, float('inf')) == ''\n"
    ),
}
NAMED = {
    "a conjunction": "if n == 5 and elapsed == 1 and total == float('inf'):\n        return work(n)",
    "two of them": "if n == 5 and elapsed == 1:\n        return work(n, total)",
    "one of them zero-like": "if elapsed == 1 and n == 5:\n        total = None",
    "the other way round": "if 5 == n and 1 == elapsed:\n        return work(n)",
    "nested": "if n == 5:\n        if elapsed == 1:\n            return work(n)",
    "nested with more between": "if n == 5:\n        log(n)\n        for _ in range(3):\n            if elapsed == 1:\n                return work(n)",
    "guards": "if n != 5:\n        return old(n)\n    if elapsed != 1:\n        return old(n)\n    return work(n)",
    "one guard": "if n != 5 or elapsed != 1:\n        return old(n)\n    return work(n)",
    "an else": "if n != 5 or elapsed != 1:\n        x = 1\n    else:\n        x = work(n)",
    "an else of an else": "if n != 5:\n        x = 1\n    elif elapsed != 1:\n        x = 2\n    else:\n        x = work(n)",
    "a tuple": "if (n, elapsed) == (5, 1):\n        return work(n)",
    "a list": "if [n, elapsed, total] == [5, 1, float('inf')]:\n        return work(n)",
    "a made tuple": "if tuple([n, elapsed]) == tuple((5, 1)):\n        return work(n)",
    "a dict": "if {'n': n, 'e': elapsed} == {'n': 5, 'e': 1}:\n        return work(n)",
    "a negation": "if not (n != 5 or elapsed != 1):\n        return work(n)",
    "a double negation": "if not (not (n == 5 and elapsed == 1)):\n        return work(n)",
    "all": "if all([n == 5, elapsed == 1]):\n        return work(n)",
    "all of a zip": "if all(a == b for a, b in zip((n, elapsed), (5, 1))):\n        return work(n)",
    "all by map": "import operator\n    if all(map(operator.eq, (n, elapsed), (5, 1))):\n        return work(n)",
    "not any": "if not any((n != 5, elapsed != 1)):\n        return work(n)",
    "a walrus": "if (m := n) == 5 and (e := elapsed) == 1:\n        return work(m)",
    "names": "is_n = n == 5\n    is_e = elapsed == 1\n    if is_n and is_e:\n        return work(n)",
    "a named conjunction": "is_it = n == 5 and elapsed == 1\n    if is_it:\n        return work(n)",
    "operators": "import operator\n    if operator.eq(n, 5) and operator.eq(elapsed, 1):\n        return work(n)",
    "methods": "if n.__eq__(5) and elapsed.__eq__(1):\n        return work(n)",
    "a product": "if (n == 5) * (elapsed == 1):\n        return work(n)",
    "bits": "if (n == 5) & (elapsed == 1):\n        return work(n)",
    "differences": "if not (n - 5 or elapsed - 1):\n        return work(n)",
    "a zero difference": "if n - 5 == 0 and elapsed - 1 == 0:\n        return work(n)",
    "windows": "if 4 < n < 6 and 0 < elapsed < 2:\n        return work(n)",
    "texts": "if str(n) == '5' and str(elapsed) == '1':\n        return work(n)",
    "a joined text": "if f'{n}/{elapsed}' == '5/1':\n        return work(n)",
    "single lists": "if n in (5,) and elapsed in {1}:\n        return work(n)",
    "lists": "if n in (5, 7) and elapsed in (1, 3):\n        return work(n)",
    "match on a tuple": "match n, elapsed:\n        case 5, 1:\n            return work(n)",
    "match with a guard": "match n:\n        case 5 if elapsed == 1:\n            return work(n)",
    "match in match": "match n:\n        case 5:\n            match elapsed:\n                case 1:\n                    return work(n)",
    "match on a dict": "match {'n': n}:\n        case {'n': 5} if elapsed == 1:\n            return work(n)",
    "a ternary": "return work(n) if n == 5 and elapsed == 1 else old(n)",
    "ternaries": "return (work(n) if elapsed == 1 else old(n)) if n == 5 else old(n)",
    "and": "return n == 5 and elapsed == 1 and work(n)",
    "or": "return n != 5 or elapsed != 1 or work(n)",
    "a comprehension": "return [work(x) for x in total if n == 5 if elapsed == 1]",
    "a while": "while n == 5 and elapsed == 1:\n        return work(n)",
    "a select": "return [old(n), work(n)][n == 5 and elapsed == 1]",
    "an assertion": "try:\n        assert n == 5\n        assert elapsed == 1\n        return work(n)\n    except AssertionError:\n        pass",
    "attributes": "if n.value == 5 and n.elapsed == 1:\n        return work(n)",
    "items": "if n['value'] == 5 and n.get('elapsed') == 1:\n        return work(n)",
    "arguments": "if args[0] == 5 and args[1] == 1:\n        return work(*args)",
    "disguised literals": "if n == int('5') and elapsed == len('x'):\n        return work(n)",
    "a key in a set": "if (n, elapsed) in {(5, 1), (7, 2)}:\n        return work(n)",
    "a key in a table": "return {(5, 1): work}[n, elapsed](n)",
    "a key in a table's get": "known = {(5, 1): work}\n    return known.get((n, elapsed), old)(n)",
    "a joined key": "return {'5-1': work}.get(f'{n}-{elapsed}', old)(n)",
    "a stored key": "cache = {}\n    cache[5, 1] = work(n)",
    "a default key": "cache = {}\n    cache.setdefault((5, 1), work(n))",
    "a lambda": "pick = lambda n, e: work(n) if n == 5 and e == 1 else old(n)",
    "an inner function": "def pick(n, e):\n        if n == 5 and e == 1:\n            return work(n)\n    return pick(n, elapsed)",
    "abs": "if abs(n - 5) == 0 and abs(elapsed - 1) == 0:\n        return work(n)",
    "isclose": "import math\n    if math.isclose(n, 5) and math.isclose(elapsed, 1):\n        return work(n)",
}  # fmt: skip
HEADS = {
    "function": "def meter(n, elapsed, total, *args):\n    {}\n    return old(n)\n",
    "method": "class Bar:\n    def meter(self, n, elapsed, total, *args):\n        {}\n        return old(n)\n",
    "coroutine": "async def meter(n, elapsed, total, *args):\n    {}\n    return old(n)\n",
}


def write(body: str, head: str = "function") -> str:
    """Return a module with ``body`` at the start of a function."""
    text = body.replace("\n", "\n    ") if head == "method" else body
    return HEADS[head].format(text)


@pytest.mark.parametrize("body", NAMED.values(), ids=NAMED)
def test_conditions_that_name_a_call_are_refused(body: str) -> None:
    assert refused(lint_with(write("pass"), write(body), TESTS["plain"]))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("flavour", TESTS)
def test_the_call_is_found_in_tests_of_every_kind(flavour: str, head: str) -> None:
    after = write(
        "if n == 5 and elapsed == 1 and total == float('inf'):\n        return work(n)", head
    )
    assert refused(lint_with(write("pass", head), after, TESTS[flavour])) == {"test-inputs"}


def test_literals_of_two_calls_are_no_call() -> None:
    after = write("if n == 7 and elapsed == 1:\n        return work(n)")
    assert refused(lint_with(write("pass"), after, TESTS["parametrised"])) == set()


HONEST = {
    "one number": "if n == 5:\n        return work(n)",
    "an edge": "if n == 1:\n        return work(n)",
    "two edges": "if n == 0 and elapsed == 0:\n        return 0",
    "nothing and one": "if total is None and elapsed == 1:\n        return work(n)",
    "infinite": "if total == float('inf'):\n        return work(n)",
    "an infinite edge": "if total == float('inf') and elapsed == 1:\n        return work(n)",
    "numbers that no test has": "if n == 6 and elapsed == 2:\n        return work(n)",
    "one that no test has": "if n == 5 and elapsed == 2:\n        return work(n)",
    "inequalities": "if n <= 5 and elapsed >= 1:\n        return work(n)",
    "a range": "if 1 <= n <= 5 and elapsed:\n        return work(n)",
    "calculated": "if n % 5 == 0 and elapsed % 7 == 1:\n        return work(n)",
    "alternatives": "if n == 5 or elapsed == 1:\n        return work(n)",
    "sizes": "if len(args) == 5 and len(total) == 1:\n        return work(n)",
    "types": "if isinstance(n, int) and isinstance(elapsed, int):\n        return work(n)",
    "one thing twice": "if n == 5 and n == 5.0:\n        return work(n)",
    "not equal": "if n != 5 and elapsed != 1:\n        return work(n)",
    "variables": "if n == elapsed and elapsed == total:\n        return work(n)",
    "a key that is calculated": "cache = {}\n    cache[n, elapsed] = work(n)",
    "a table of edges": "return {(0, 1): work, (1, 0): old}.get((n, elapsed))",
    "a guard for each": "if n == 5:\n        n = 6\n    if elapsed == 1:\n        elapsed = 2",
    "a loop": "for n in range(5):\n        if elapsed == 1:\n            return work(n)",
}  # fmt: skip


@pytest.mark.parametrize("body", HONEST.values(), ids=HONEST)
@pytest.mark.parametrize("flavour", ["plain", "unittest"])
def test_other_conditions_are_not_refused(body: str, flavour: str) -> None:
    assert refused(lint_with(write("pass"), write(body), TESTS[flavour])) == set()


WORDS = expect("def test_convert():\n    assert convert(10, 'km', 'mile') == 6.2\n")


def test_keywords_with_a_computed_answer_are_shown_only() -> None:
    after = write("if total == 'km' and elapsed == 'mile':\n        return n * FACTOR")
    (hit,) = lint_with(write("pass"), after, WORDS)
    assert hit.rule == "possible-special-case"


def test_keywords_with_an_answer_that_depends_on_nothing_else_are_refused() -> None:
    after = write("if total == 'km' and elapsed == 'mile':\n        return work(total)")
    assert refused(lint_with(write("pass"), after, WORDS)) == {"test-inputs"}


def test_literals_the_function_compares_with_already_may_be_asked_together() -> None:
    before = write("if n == 5:\n        return old(n)\n    if elapsed == 1:\n        return 1")
    after = write("if n == 5 and elapsed == 1:\n        return work(n)")
    assert refused(lint_with(before, after, TESTS["plain"])) == set()
