"""Tests of many shapes, with the result that the makers of variants have to give for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_agentfix.judge.variants import TestName

PRODUCT = """
import asyncio
from dataclasses import dataclass


@dataclass
class Point:
    x: int
    y: int


def add(a, b):
    return a + b


def divide(a, b):
    if b == 0:
        raise ValueError("b is zero")
    return a / b


def label(n):
    return f"n{n}"


def count(n):
    return list(range(n))


def table():
    return {"a": 1}


async def later(x):
    await asyncio.sleep(0)
    return x


def is_even(n):
    return n % 2 == 0


def nothing():
    return None


def notify(callback):
    callback(3)


def get_point():
    return Point(1, 2)
"""

FIXTURES = "it needs fixtures"
PYTEST = "it uses pytest itself"
NOTHING_SURE = "it has no assertion that is certain to run"


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A test module, the tests wanted of it, and why variants are impossible ("" if they are not).

    ``case`` picks the values of parametrised tests, in pytest's own words ``[...]`` and as indices.
    """

    text: str
    name: TestName = ("test_it",)
    clone: str = ""
    mutant: str = ""
    plain: str = ""
    files: Mapping[str, str] = field(default_factory=dict)
    bracket: str = ""
    case: Mapping[str, int] = field(default_factory=dict)
    changed: int = 1
    is_caught: bool = True  # whether the mutant notices a result that is equal to everything


CASE_BASE = """
import unittest
from calc import add

LIMIT = 100


def is_small(n):
    return n < LIMIT


class AddCase(unittest.TestCase):
    more = 1
    __least = 2

    def setUp(self):
        self.n = 3

    def test_it(self):
        result = add(self.n, self.more)
        self.assertEqual(result, self.n + self.more)
        self.assertTrue(is_small(LIMIT - self.__least))
"""

ASYNC_CONFTEST = """
import asyncio, inspect
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if inspect.iscoroutinefunction(pyfuncitem.obj):
        asyncio.run(pyfuncitem.obj())
        return True
"""

SHAPES: dict[str, Shape] = {
    "function": Shape(text="from calc import add\ndef test_it():\n    assert add(1, 2) == 3\n"),
    "literal_first": Shape(text="import calc\ndef test_it():\n    assert 3 == calc.add(1, 2)\n"),
    "docstring": Shape(
        text='"""Module."""\nfrom __future__ import annotations\nfrom calc import add\n'
        'def test_it() -> None:\n    """It is test_it."""\n    assert add("a", "b") == "ab", "no"\n'
    ),
    "klass": Shape(
        text="from calc import count\nclass TestCount:\n    size = 2\n"
        "    def test_it(self):\n        assert count(self.size) == [0, 1]\n",
        name=("TestCount", "test_it"),
    ),
    "nested_class": Shape(
        text="from calc import table\nclass TestOuter:\n    class TestInner:\n"
        "        def test_it(self):\n            assert table() == {'a': 1}\n",
        name=("TestOuter", "TestInner", "test_it"),
    ),
    "static": Shape(
        text="from calc import add\nclass TestIt:\n    @staticmethod\n    def test_it():\n"
        "        assert add(1, 2) == 3\n",
        name=("TestIt", "test_it"),
    ),
    "case": Shape(
        text="import unittest\nfrom calc import add\nclass AddTests(unittest.TestCase):\n"
        "    def setUp(self):\n        self.n = 2\n"
        "    def test_it(self):\n        self.assertEqual(add(1, self.n), 3)\n"
        "        self.assertEqual(add(2, self.n), 4)\n"
        "if __name__ == '__main__':\n    unittest.main()\n",
        name=("AddTests", "test_it"),
        changed=2,
    ),
    "case_methods": Shape(
        text="from unittest import TestCase\nfrom calc import *\nclass TestAll(TestCase):\n"
        "    def test_it(self):\n"
        "        self.assertTrue(is_even(2))\n        self.assertFalse(is_even(3))\n"
        "        self.assertIsNone(nothing())\n        self.assertIn('a', table())\n"
        "        self.assertAlmostEqual(divide(1, 4), 0.25)\n"
        "        self.assertCountEqual(count(2), [1, 0])\n"
        "        self.assertGreater(add(1, 1), 1)\n        self.assertRegex(label(1), '^n')\n"
        "        self.assertIsInstance(label(1), str)\n        self.assertNotEqual(add(1, 1), 1)\n"
        "        with self.assertRaises(ValueError):\n            divide(1, 0)\n"
        "        self.assertRaises(ValueError, divide, 1, 0)\n",
        name=("TestAll", "test_it"),
        changed=12,
        is_caught=False,
    ),
    "async_case": Shape(
        text="import unittest\nfrom calc import later, add\n"
        "class LaterTest(unittest.IsolatedAsyncioTestCase):\n"
        "    async def asyncSetUp(self):\n        self.n = 2\n"
        "    async def test_it(self):\n        self.assertEqual(await later(add(1, self.n)), 3)\n",
        name=("LaterTest", "test_it"),
    ),
    "subtests": Shape(
        text="import unittest\nfrom calc import add\nclass SubTest(unittest.TestCase):\n"
        "    def test_it(self):\n        for n in (1, 2):\n            with self.subTest(n=n):\n"
        "                self.assertEqual(add(n, 0), n)\n",
        name=("SubTest", "test_it"),
    ),
    "async_function": Shape(
        text="from calc import add, later\nasync def test_it():\n"
        "    assert await later(add(1, 2)) == 3\n",
        files={"conftest.py": ASYNC_CONFTEST},
        plain="a conftest.py does things of its own",
    ),
    "parametrised": Shape(
        text="import pytest\nfrom calc import add\n"
        "@pytest.mark.parametrize('a, b, want', [(1, 2, 3), pytest.param(2, 2, 4, id='two')],)\n"
        "def test_it(a, b, want):\n    assert add(a, b) == want\n",
        bracket="[two]",
        case={"a": 1, "b": 1, "want": 1},
    ),
    "stacked": Shape(
        text="import pytest\nfrom calc import add\nVALUES = (1, 2)\n"
        "@pytest.mark.parametrize('a', VALUES)\n@pytest.mark.parametrize('b', range(2), ids=str)\n"
        "@pytest.mark.slow\ndef test_it(a, b):\n    assert add(a, b) == a + b\n",
        bracket="[1-2]",
        case={"a": 1, "b": 1},
    ),
    "parametrised_class": Shape(
        text="import pytest\nfrom calc import add\n@pytest.mark.parametrize('n', [1, 2])\n"
        "class TestIt:\n    def test_it(self, n):\n        assert add(n, 1) == n + 1\n",
        name=("TestIt", "test_it"),
        bracket="[2]",
        case={"n": 1},
    ),
    "fixture": Shape(
        text="import pytest\nfrom calc import add\n@pytest.fixture\ndef one():\n    return 1\n"
        "def test_it(one):\n    assert add(one, 2) == 3\n",
        plain=FIXTURES,
    ),
    "conftest_fixture": Shape(
        text="from calc import add\ndef test_it(two):\n    assert add(two, 2) == 4\n",
        files={"conftest.py": "import pytest\n@pytest.fixture\ndef two():\n    return 2\n"},
        plain=FIXTURES,
    ),
    "autouse": Shape(
        text="from calc import add\ndef test_it():\n    assert add(1, 2) == 3\n",
        files={
            "conftest.py": "import pytest\n@pytest.fixture(autouse=True)\ndef two(): return 2\n"
        },
        plain="an autouse fixture is in force",
    ),
    "patched": Shape(
        text="from unittest import mock\nimport calc\n@mock.patch('calc.label')\n"
        "@mock.patch.dict('os.environ', {'A': 'b'})\n"
        "def test_it(label):\n    label.return_value = calc.add(1, 2)\n"
        "    assert calc.label(1) == 3\n    label.assert_called_once_with(1)\n",
        changed=2,
    ),
    "mock_calls": Shape(
        text="from unittest.mock import Mock\nfrom calc import notify\ndef test_it():\n"
        "    called = Mock()\n    notify(called)\n    called.assert_called_once()\n",
        is_caught=False,
    ),
    "loop": Shape(
        text="from calc import add\ndef test_it():\n"
        "    for a, want in [(1, 2), (2, 3)]:\n        assert add(a, 1) == want\n"
    ),
    "raises": Shape(
        text="import pytest\nfrom calc import divide\ndef test_it():\n"
        "    with pytest.raises(ValueError, match='zero'):\n        divide(1, 0)\n",
        plain=PYTEST,
        is_caught=False,
    ),
    "raises_bound": Shape(
        text="import pytest\nfrom calc import divide\ndef test_it():\n"
        "    with pytest.raises(ValueError) as caught:\n        divide(1, 0)\n"
        "    assert str(caught.value) == 'b is zero'\n",
        plain=PYTEST,
        is_caught=False,
    ),
    "raises_only_bound": Shape(
        text="from pytest import raises\nfrom calc import divide\ndef test_it():\n"
        "    with raises((ValueError, TypeError)) as caught:\n        divide(1, 0)\n"
        "    print(caught.value)\n",
        plain=PYTEST,
        is_caught=False,
    ),
    "approx": Shape(
        text="import pytest\nfrom calc import add\ndef test_it():\n"
        "    assert add(0.1, 0.2) == pytest.approx(0.3)\n",
        plain=PYTEST,
    ),
    "many": Shape(
        text="from calc import *\ndef test_it():\n    assert add(1, 2) == 3\n"
        "    assert is_even(2)\n    assert not is_even(3)\n    assert nothing() is None\n"
        "    assert 'a' in table()\n    assert 0 < add(1, 2) < 5\n"
        "    assert label(1) == 'n1' and count(1) == [0]\n    assert is_even(2) or is_even(1)\n",
        changed=9,
        is_caught=False,
    ),
    "early_return": Shape(
        text="from calc import add\ndef test_it():\n    result = add(1, 2)\n"
        "    assert result == 3\n    if result:\n        return\n    assert result == 4\n"
    ),
    "nothing_sure": Shape(
        text="from calc import add\ndef test_it():\n    if add(1, 2):\n"
        "        assert add(1, 2) == 3\n",
        mutant=NOTHING_SURE,
    ),
    "helper": Shape(
        text="import pytest\nfrom calc import add\nLIMIT = 3\ndef twice(n):\n    return add(n, n)\n"
        "@pytest.fixture\ndef unused():\n    return 1\n"
        "def test_other(unused):\n    with pytest.raises(ValueError):\n        raise ValueError\n"
        "def test_it():\n    assert twice(LIMIT) == 2 * LIMIT\n"
    ),
    "instance": Shape(
        text="from calc import Point, get_point\ndef test_it():\n"
        "    assert get_point() == Point(1, 2)\n"
    ),
    "finally": Shape(
        text="from calc import add\ndef test_it():\n    try:\n        assert add(1, 2) == 3\n"
        "    finally:\n        add(1, 1)\n"
    ),
    "with_block": Shape(
        text="import contextlib, io\nfrom calc import add\ndef test_it():\n"
        "    out = io.StringIO()\n    with contextlib.redirect_stdout(out):\n"
        "        print(add(1, 2))\n        assert add(1, 2) == 3\n"
        "    assert out.getvalue() == '3\\n'\n",
        changed=2,
    ),
    "f_string": Shape(
        text="from calc import label\nN = 4\ndef test_it():\n    assert label(N) == f'n{N}'\n"
    ),
    "float_nan": Shape(
        text="from calc import add\nINF = float('inf')\ndef test_it():\n"
        "    assert add(INF, 1) == INF\n"
    ),
    "own_name": Shape(
        text="from calc import label\ndef test_it(request):\n"
        "    assert label(request.node.name) == 'ntest_it'\n",
        clone="its text goes by request.node.name",
        plain="its text goes by request.node.name",
    ),
    "name_in_a_string": Shape(
        text="from calc import label\ndef test_it():\n    assert label('test_it') == 'ntest_it'\n",
        clone="its text has its own name in a string",
        plain="its text has its own name in a string",
    ),
    "data_file": Shape(
        text="from pathlib import Path\nfrom calc import label\nDATA = Path(__file__).parent\n"
        "def test_it():\n    assert label(1) == (DATA / 'data.txt').read_text()\n",
        files={"data.txt": "n1"},
    ),
    "generic_marks": Shape(
        text="import pytest\nfrom calc import add\npytestmark = [pytest.mark.slow]\n"
        "@pytest.mark.skipif(False, reason='never')\ndef test_it():\n    assert add(1, 2) == 3\n"
    ),
    "inherited": Shape(
        text="from calc import add\nclass Base:\n    def test_it(self):\n"
        "        assert add(1, 2) == 3\nclass TestIt(Base):\n    pass\n",
        name=("TestIt", "test_it"),
    ),
    "inherited_twice": Shape(
        text="from calc import add\nclass Base:\n    n = 1\n    def test_it(self):\n"
        "        assert add(self.n, 2) == self.n + 2\n"
        "class Middle(Base):\n    n = 2\nclass Other:\n    pass\n"
        "class TestIt(Other, Middle):\n    n = 3\nclass TestMore(TestIt):\n    n = 4\n",
        name=("TestMore", "test_it"),
    ),
    "inherited_with_super": Shape(
        text="from calc import add\nclass Root:\n    __n = 2\n    def make(self):\n"
        "        return add(1, self.__n)\nclass Base(Root):\n    __n = 3\n"
        "    def make(self):\n        return -1\n"
        "    def test_it(self):\n        assert super().make() == self.__n\n"
        "class TestIt(Base):\n    def make(self):\n        return -2\n",
        name=("TestIt", "test_it"),
    ),
    "inherited_case": Shape(
        text="import unittest\nfrom calc import add\nclass Checks:\n    def test_it(self):\n"
        "        for n in (1, 2):\n            with self.subTest(n=n):\n"
        "                self.assertEqual(add(n, self.more), n + self.more)\n"
        "class OneTest(Checks, unittest.TestCase):\n    more = 1\n",
        name=("OneTest", "test_it"),
    ),
    "inherited_from_a_module": Shape(
        text="from case_base import AddCase\nclass MoreTest(AddCase):\n    more = 5\n",
        name=("MoreTest", "test_it"),
        files={"case_base.py": CASE_BASE},
        changed=2,
    ),
    "inherited_from_an_attribute": Shape(
        text="import case_roots as roots\nLIMIT = 0\nclass Deeper(roots.AddCase):\n    pass\n"
        "class MoreTest(Deeper):\n    more = 5\n",
        name=("MoreTest", "test_it"),
        files={
            "case_roots.py": "from case_deep import *\nclass AddCase(Deep):\n    pass\n",
            "case_deep.py": CASE_BASE.replace("AddCase", "Deep"),
        },
        changed=2,
    ),
    "inherited_parametrised": Shape(
        text="from param_base import Base\nclass TestIt(Base):\n    more = 2\n",
        name=("TestIt", "test_it"),
        files={
            "param_base.py": "import pytest\nfrom calc import add\nCASES = [1, 2]\nclass Base:\n"
            "    @pytest.mark.parametrize('n', CASES)\n"
            "    def test_it(self, n):\n        assert add(n, self.more) == n + self.more\n"
        },
        bracket="[2]",
        case={"n": 1},
        plain="the module of its class's base uses pytest",
    ),
    "inherited_fixture": Shape(
        text="import pytest\nfrom fixture_base import Base\nclass TestIt(Base):\n"
        "    @pytest.fixture\n    def more(self):\n        return 2\n",
        name=("TestIt", "test_it"),
        files={
            "fixture_base.py": "from calc import add\nclass Base:\n"
            "    def test_it(self, more):\n        assert add(1, more) == 3\n"
        },
        plain=FIXTURES,
    ),
    "inherited_async": Shape(
        text="import unittest\nfrom async_base import Base\n"
        "class TestIt(Base, unittest.IsolatedAsyncioTestCase):\n    more = 2\n",
        name=("TestIt", "test_it"),
        files={
            "async_base.py": "from calc import add, later\nclass Base:\n"
            "    async def test_it(self):\n"
            "        self.assertEqual(await later(add(1, self.more)), 3)\n"
        },
    ),
    "base_in_module": Shape(
        text="import unittest\nfrom calc import add\nclass Base(unittest.TestCase):\n"
        "    def setUp(self):\n        self.n = 1\n"
        "class RealTest(Base):\n    def test_it(self):\n"
        "        self.assertEqual(add(self.n, 1), 2)\n",
        name=("RealTest", "test_it"),
    ),
    "xunit": Shape(
        text="from calc import add\nclass TestIt:\n    def setup_method(self):\n"
        "        self.n = 1\n    def test_it(self):\n        assert add(self.n, 1) == 2\n",
        name=("TestIt", "test_it"),
        plain="set-up functions of pytest's are in force",
    ),
}
