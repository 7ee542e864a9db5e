"""The inputs and expectations of a test are found wherever the test has them from."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tests.kits.lint_kit import read


@dataclass(frozen=True, slots=True)
class Place:
    """A test file, the test in it, further files, and whether 5 and 2 belong to other calls."""

    text: str
    name: str = "test_it"
    others: dict[str, str] = field(default_factory=dict)


HEAD = "import pytest\nfrom unittest import TestCase\n"
BASE = (
    "class Base:\n    def test_it(self):\n        assert price(self.n, self.unit) == self.amount\n"
)
ATTRIBUTES = "    n = 5\n    unit = 'figs'\n    amount = 4711\n"
LOOP = (
    "    def test_it(self):\n        for n, unit, amount in self.cases:\n"
    "            with self.subTest(n=n):\n                assert price(n, unit) == amount\n"
)
PLACES = {
    "in the test": Place("def test_it():\n    assert price(5, 'figs') == 4711\n"),
    "in an object made before": Place(
        "def test_it():\n    shop = Shop(unit='figs')\n    shop.prepare(1)\n"
        "    assert shop.price(5) == 4711\n"
    ),
    "in names": Place(
        "def test_it():\n    n, unit = 5, 'figs'\n    amount = 4711\n"
        "    assert price(n, unit) == amount\n"
    ),
    "in arithmetic": Place(
        "def test_it():\n    assert price(2 + 3, 'fi' + 'gs') == int('4711')\n"
    ),
    "in a module's constants": Place(
        "N = 5\nUNIT = 'figs'\nAMOUNT = 4711\ndef test_it():\n    assert price(N, UNIT) == AMOUNT\n"
    ),
    "in constants of another module": Place(
        "from cases import N, UNIT as U\nimport cases\n"
        "def test_it():\n    assert price(N, U) == cases.AMOUNT\n",
        others={"cases": "N = 5\nUNIT = 'figs'\nAMOUNT = 4711\n"},
    ),
    "a module of the package": Place(
        "from . import cases\n"
        "def test_it():\n    assert price(cases.N, cases.UNIT) == cases.AMOUNT\n",
        others={"cases": "N = 5\nUNIT = 'figs'\nAMOUNT = 4711\n"},
    ),
    "an import in the test": Place(
        "def test_it():\n    from cases import N, UNIT, AMOUNT\n"
        "    assert price(N, UNIT) == AMOUNT\n",
        others={"cases": "N = 5\nUNIT = 'figs'\nAMOUNT = 4711\n"},
    ),
    "in a table of another module": Place(
        "from .cases import *\ndef test_it():\n    for n, unit, amount in TABLE:\n"
        "        assert price(n, unit) == amount\n",
        others={"cases": "TABLE = [(5, 'figs', 4711), (2, 'plums', 4712)]\n"},
    ),
    "in a table that is handed on": Place(
        "from .more import TABLE\ndef test_it():\n    for n, unit, amount in TABLE:\n"
        "        assert price(n, unit) == amount\n",
        others={
            "more": "from .cases import TABLE\n",
            "cases": "TABLE = [(5, 'figs', 4711), (2, 'plums', 4712)]\n",
        },
    ),
    "in a namespace": Place(
        "class Data:\n    N = 5\n    UNIT = 'figs'\n    AMOUNT = 4711\n"
        "def test_it():\n    assert price(Data.N, Data.UNIT) == Data.AMOUNT\n"
    ),
    "in a class's attributes": Place(
        f"class TestIt:\n{ATTRIBUTES}{BASE.partition(chr(10))[2]}", "TestIt.test_it"
    ),
    "in an inherited test": Place(
        "class Base:\n    def test_it(self):\n        assert price(5, 'figs') == 4711\n"
        "class TestIt(Base):\n    pass\n",
        "TestIt.test_it",
    ),
    "in a class that inherits the test": Place(
        f"{BASE}class TestIt(Base):\n{ATTRIBUTES}", "TestIt.test_it"
    ),
    "in a class that inherits the test from another module": Place(
        f"from base import Base\nclass TestIt(Base):\n{ATTRIBUTES}",
        "TestIt.test_it",
        {"base": BASE},
    ),
    "in a base between": Place(
        "import base\nclass Middle(base.Base):\n    pass\nclass TestIt(Middle):\n    n = 5\n",
        "TestIt.test_it",
        {"base": BASE + "    unit = 'figs'\n    amount = 4711\n    n = 3\n"},
    ),
    "in a class's table": Place(
        "class TestIt(TestCase):\n    cases = [(5, 'figs', 4711), (2, 'plums', 4712)]\n" + LOOP,
        "TestIt.test_it",
    ),
    "in a subclass's table": Place(
        "class Base(TestCase):\n    cases = []\n" + LOOP
        + "class TestIt(Base):\n    cases = [(5, 'figs', 4711), (2, 'plums', 4712)]\n",
        "TestIt.test_it",
    ),
    "in a class inside another": Place(
        "class TestAll:\n    amount = 4711\n    class TestIt:\n        n = 5\n"
        "        def test_it(self):\n            assert price(self.n, 'figs') == 4711\n",
        "TestAll.TestIt.test_it",
    ),
    "in setUp": Place(
        "class TestIt(TestCase):\n    def setUp(self):\n        self.shop = Shop('figs')\n"
        "        self.amount = 4711\n"
        "    def test_it(self):\n        self.assertEqual(self.shop.price(5), self.amount)\n",
        "TestIt.test_it",
    ),
    "in a base's setUp": Place(
        "from base import Base\nclass TestIt(Base):\n    def test_it(self):\n"
        "        self.assertEqual(self.shop.price(5), self.amount)\n",
        "TestIt.test_it",
        {
            "base": "class Base(TestCase):\n    def setUp(self):\n"
            "        self.shop = Shop('figs')\n        self.amount = 4711\n"
        },
    ),
    "in setUpTestData": Place(
        "class TestIt(TestCase):\n    @classmethod\n    def setUpTestData(cls):\n"
        "        cls.item = Item.objects.create(n=5, unit='figs')\n"
        "    def test_it(self):\n        assert self.item.price() == 4711\n",
        "TestIt.test_it",
    ),
    "in setup_method": Place(
        "class TestIt:\n    def setup_method(self):\n        self.unit, self.n = 'figs', 5\n"
        "    def test_it(self):\n        assert price(self.n, self.unit) == 4711\n",
        "TestIt.test_it",
    ),
    "in a fixture": Place(
        "@pytest.fixture\ndef case():\n    return {'n': 5, 'unit': 'figs', 'amount': 4711}\n"
        "def test_it(case):\n    assert price(case['n'], case['unit']) == case['amount']\n"
    ),
    "in a fixture that yields": Place(
        "@pytest.fixture\ndef case():\n    yield 5, 'figs', 4711\n"
        "def test_it(case):\n    assert price(*case[:2]) == case[2]\n"
    ),
    "in a fixture of conftest.py": Place(
        "def test_it(shop):\n    assert shop.price(5) == 4711\n",
        others={"conftest": "@pytest.fixture\ndef shop():\n    return Shop('figs')\n"},
    ),
    "in a fixture of a fixture": Place(
        "def test_it(shop):\n    assert shop.price(5) == 4711\n",
        others={
            "conftest": "@pytest.fixture\ndef shop(unit):\n    return Shop(unit)\n"
            "@pytest.fixture\ndef unit():\n    return 'figs'\n"
        },
    ),
    "in a fixture of the class": Place(
        "class TestIt:\n    @pytest.fixture\n    def n(self):\n        return 5\n"
        "    def test_it(self, n):\n        assert price(n, 'figs') == 4711\n",
        "TestIt.test_it",
    ),
    "in a fixture's parameters": Place(
        "@pytest.fixture(params=[(5, 'figs', 4711), (2, 'plums', 4712)])\n"
        "def case(request):\n    return request.param\n"
        "def test_it(case):\n    n, unit, amount = case\n    assert price(n, unit) == amount\n"
    ),
    "in a fixture that is used without its value": Place(
        "@pytest.fixture\ndef shop():\n    configure(unit='figs')\n"
        "@pytest.mark.usefixtures('shop')\ndef test_it():\n    assert price(5) == 4711\n"
    ),
    "in an automatic fixture": Place(
        "def test_it():\n    assert price(5) == 4711\n",
        others={
            "conftest": "@pytest.fixture(autouse=True)\ndef shop():\n    configure(unit='figs')\n"
        },
    ),
    "in a parametrisation": Place(
        "@pytest.mark.parametrize('n, unit, amount', [(5, 'figs', 4711), (2, 'plums', 4712)])\n"
        "def test_it(n, unit, amount):\n    assert price(n, unit) == amount\n"
    ),
    "in a parametrisation of params": Place(
        "@pytest.mark.parametrize(('n', 'unit', 'amount'), [\n"
        "    pytest.param(5, 'figs', 4711, id='a'), pytest.param(2, 'plums', 4712, id='b')])\n"
        "def test_it(n, unit, amount):\n    assert price(n, unit) == amount\n"
    ),
    "in a parametrisation of the class": Place(
        "@pytest.mark.parametrize('n, unit, amount', [(5, 'figs', 4711), (2, 'plums', 4712)])\n"
        "class TestIt:\n    def test_it(self, n, unit, amount):\n"
        "        assert price(n, unit) == amount\n",
        "TestIt.test_it",
    ),
    "in a parametrisation by a constant": Place(
        "from cases import TABLE\n@pytest.mark.parametrize('n, unit, amount', TABLE)\n"
        "def test_it(n, unit, amount):\n    assert price(n, unit) == amount\n",
        others={"cases": "TABLE = [(5, 'figs', 4711), (2, 'plums', 4712)]\n"},
    ),
    "in two parametrisations": Place(
        "@pytest.mark.parametrize('n', [5, 7])\n@pytest.mark.parametrize('unit', ['figs', 'x'])\n"
        "def test_it(n, unit):\n    assert price(n, unit) == 4711\n"
    ),
    "in named tuples": Place(
        "class Case(NamedTuple):\n    n: int\n    unit: str\n    amount: int\n"
        "CASES = [Case(5, 'figs', 4711), Case(n=2, unit='plums', amount=4712)]\n"
        "@pytest.mark.parametrize('case', CASES)\n"
        "def test_it(case):\n    assert price(case.n, case.unit) == case.amount\n"
    ),
    "in a dict of cases": Place(
        "CASES = {'a': (5, 'figs', 4711), 'b': (2, 'plums', 4712)}\n"
        "def test_it():\n    for n, unit, amount in CASES.values():\n"
        "        assert price(n, unit) == amount\n"
    ),
    "in a comprehension": Place(
        "CASES = [(5, 'figs'), (2, 'plums')]\n"
        "def test_it():\n    assert [price(n, unit) for n, unit in CASES] == [4711, 4712]\n"
    ),
    "in a helper's arguments": Place(
        "class TestIt:\n    def check(self, n, unit, amount):\n"
        "        assert price(n, unit) == amount\n"
        "    def test_it(self):\n        self.check(5, 'figs', 4711)\n"
        "        self.check(2, 'plums', 4712)\n",
        "TestIt.test_it",
    ),
    "in an async test": Place(
        "async def test_it(shop):\n    async with shop.open('figs') as one:\n"
        "        assert await one.price(5) == 4711\n"
    ),
}  # fmt: skip
TABLES = [name for name, place in PLACES.items() if "plums" in str(place)]


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
def test_literals_are_found(place: Place) -> None:
    found = read(HEAD + place.text, place.name, **place.others)
    assert {"n:5", "s:figs"} <= found.inputs
    assert "n:4711" in found.outputs
    assert found.has_call([{"n:5"}, {"s:figs"}])


@pytest.mark.parametrize("name", TABLES)
def test_rows_of_a_table_are_calls_of_their_own(name: str) -> None:
    found = read(HEAD + PLACES[name].text, PLACES[name].name, **PLACES[name].others)
    assert found.has_call([{"n:2"}, {"s:plums"}])
    assert not found.has_call([{"n:5"}, {"s:plums"}])


def test_classes_with_one_base_have_cases_of_their_own() -> None:
    text = BASE + "class TestX(Base):\n    n = 5\n    unit = 'figs'\n    amount = 4711\n"
    text += "class TestY(Base):\n    n = 2\n    unit = 'plums'\n    amount = 4712\n"
    found = read(text, "TestX.test_it", "TestY.test_it")
    assert found.has_call([{"n:5"}, {"s:figs"}])
    assert found.has_call([{"n:2"}, {"s:plums"}])
    assert not found.has_call([{"n:5"}, {"s:plums"}])


def test_product_code_is_not_read_for_cases() -> None:
    found = read("from pkg import N\ndef test_it():\n    assert price(N) == 4711\n", "test_it")
    assert "n:5" not in found.inputs
