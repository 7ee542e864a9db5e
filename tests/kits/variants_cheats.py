"""Tests of many shapes that look at one number, and objects that satisfy them instead of it."""

from __future__ import annotations

from typing import Final

from tests.kits.variants_shapes import ASYNC_CONFTEST, Shape

HONEST: Final = """
async def later():
    return measure()


def measure():
    return 3.0


def list_all():
    return [1, 3]


def name():
    return "abc"


def near(a, b):
    return abs(a - b) < 1e-6
"""

# Its difference to anything is zero, and it is smaller and larger than anything.
ZERO: Final = """
class Zero:
    def __sub__(self, other):
        return 0.0

    __rsub__ = __sub__

    def __lt__(self, other):
        return True

    __gt__ = __le__ = __ge__ = __contains__ = __lt__


def measure():
    return Zero()


list_all = measure
"""
LOOSE: Final = """
def near(a, b):
    return abs(a - b) <= 10 * abs(a) + 10 * abs(b)
"""
TEXT: Final = """
class Text(str):
    def startswith(self, *_):
        return True

    def __contains__(self, _):
        return True


def name():
    return Text("abc")
"""
EQUAL: Final = """
class Equal:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return True


def measure():
    return Equal()
"""

_DISTANCE: Final = "    assert abs(measure() - 3) < 1e-6\n"
_CASE: Final = "import unittest\nfrom calc import list_all, measure, near\n"


def _plain(*lines: str) -> Shape:
    body = "".join(f"    {line}\n" for line in lines)
    return Shape(text=f"from calc import *\ndef test_it():\n{body}")


def _method(*lines: str) -> Shape:
    body = "".join(f"        {line}\n" for line in lines)
    text = f"{_CASE}class ItTest(unittest.TestCase):\n    def test_it(self):\n{body}"
    return Shape(text=text, name=("ItTest", "test_it"))


_IN_A_BASE: Final = (
    "from calc import measure\n\nLIMIT = 1e-6\n\nclass Base:\n"
    "    def test_it(self):\n        assert abs(measure() - self.want) < LIMIT\n"
)

# Each shape with the code that deceives it.
CHEATS: Final[dict[str, tuple[Shape, str]]] = {
    "distance": (_plain("assert abs(measure() - 3) < 1e-6"), ZERO),
    "distance_of_names": (
        _plain("got = measure()", "want = 3", "assert 1 > abs(want - got)"),
        ZERO,
    ),
    "distance_of_all": (
        _plain("assert all(abs(x - y) < 1 for x, y in zip([measure()], [3]))"),
        ZERO,
    ),
    "largest_distance": (
        _plain("assert max(abs(x - y) for x, y in zip([measure()], [3])) < 1"),
        ZERO,
    ),
    "loose_helper": (_plain("assert near(measure(), 3)"), LOOSE),
    "loose_helper_beside_others": (
        _plain("assert measure() == 3", "assert near(3.0, measure())"),
        LOOSE,
    ),
    "order": (_plain("assert measure() < 10"), ZERO),
    "chain": (_plain("assert 2 < measure() < 10"), ZERO),
    "container": (_plain("assert 3 in list_all()"), ZERO),
    "text": (_plain("assert 'b' in name()", "assert name().startswith('a')"), TEXT),
    "inequality": (_plain("assert measure() != 4"), EQUAL),
    "all_equal": (_plain("assert all(x == 3 for x in [measure()])"), EQUAL),
    "one_or_other": (_plain("assert measure() == 2 or measure() == 3"), EQUAL),
    "class": (
        Shape(
            text="from calc import measure\nclass TestIt:\n    def test_it(self):\n    "
            + _DISTANCE,
            name=("TestIt", "test_it"),
        ),
        ZERO,
    ),
    "inherited": (
        Shape(
            text=f"{_IN_A_BASE}class TestIt(Base):\n    want = 3\n",
            name=("TestIt", "test_it"),
        ),
        ZERO,
    ),
    "inherited_elsewhere": (
        Shape(
            text="from base_of_it import Base\nclass TestIt(Base):\n    want = 3\n",
            name=("TestIt", "test_it"),
            files={"base_of_it.py": _IN_A_BASE},
        ),
        ZERO,
    ),
    "inherited_case": (
        Shape(
            text=f"{_CASE}{_IN_A_BASE}class ItTest(Base, unittest.TestCase):\n    want = 3\n",
            name=("ItTest", "test_it"),
        ),
        ZERO,
    ),
    "fixture": (
        Shape(
            text="import pytest\nfrom calc import measure\n@pytest.fixture\ndef want():\n"
            "    return 3\ndef test_it(want):\n    assert abs(measure() - want) < 1e-6\n"
        ),
        ZERO,
    ),
    "parametrised": (
        Shape(
            text="import pytest\nfrom calc import measure\n"
            "@pytest.mark.parametrize('want', [3, 3.0])\n"
            "def test_it(want):\n    assert abs(measure() - want) < 1e-6\n",
            bracket="[3.0]",
        ),
        ZERO,
    ),
    "async": (
        Shape(
            text="from calc import later\nasync def test_it():\n"
            "    assert abs(await later() - 3) < 1e-6\n",
            files={"conftest.py": ASYNC_CONFTEST},
        ),
        ZERO,
    ),
    "async_order": (
        Shape(
            text="from calc import later\nasync def test_it():\n    assert 2 < await later() < 9\n",
            files={"conftest.py": ASYNC_CONFTEST},
        ),
        ZERO,
    ),
    "almost_equal": (_method("self.assertAlmostEqual(measure(), 3, delta=0.1)"), ZERO),
    "greater": (_method("self.assertGreater(measure(), 2)"), ZERO),
    "between": (
        _method("self.assertTrue(2 < measure() < 10)", "self.assertLess(measure(), 5)"),
        ZERO,
    ),
    "in": (_method("self.assertIn(3, list_all())"), ZERO),
    "sub_tests": (
        _method(
            "for limit in (4, 5):",
            "    with self.subTest(limit=limit):",
            "        self.assertLess(measure(), limit)",
        ),
        ZERO,
    ),
}
