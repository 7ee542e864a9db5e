"""The functions of the code under test that a failing test leads into, by text and traceback."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Failure, Frame, ItemKind, Phase
from pytest_agentfix.repair.prompts.excerpts import Sources
from pytest_agentfix.repair.trails import Function, TrailFinder

TOP = Path("/project")
FILES = {
    "shop/__init__.py": "",
    "shop/prices.py": (
        "def total(items):\n    return add(items)\n\n\ndef add(items):\n    return 0\n"
    ),
    "shop/cart.py": (
        "class Cart:\n    def __init__(self):\n        self.items = []\n\n"
        "    def total(self):\n        return 1\n\n    def clear(self):\n        pass\n"
    ),
    "shop/stock.py": (
        'def count():\n    """Count.\n\n    >>> count()\n    2\n    """\n    return 1\n'
    ),
    "tests/__init__.py": "",
    "tests/helpers.py": (
        "from shop.prices import total\n\n\ndef ask(items):\n    return total(items)\n"
    ),
    "tests/conftest.py": (
        "import pytest\nfrom shop.cart import Cart\n\n\n@pytest.fixture\ndef cart():\n"
        "    return Cart()\n"
    ),
    "tests/base.py": (
        "class Base:\n    def test_made(self):\n        assert self.make() == 3\n\n\n"
        "    def test_again(self):\n        assert self.make() == 3\n"
    ),
    "tests/test_shop.py": (
        "import shop.prices as prices\nfrom shop.prices import add\nfrom shop.cart import Cart\n"
        "from tests.base import Base\nfrom tests.helpers import ask\nimport os\n\n\n"
        "def test_named():\n    assert add([1]) == 1\n\n\n"
        "def test_dotted():\n    assert prices.total([1]) == 1\n\n\n"
        "def test_method():\n    cart = Cart()\n    cart.clear()\n    assert cart.items == 1\n\n\n"
        "def test_fixture(cart):\n    assert cart.total() == 2\n\n\n"
        "def test_helper():\n    assert ask([1]) == 1\n\n\n"
        "def test_nothing():\n    assert os.sep == 1\n\n\n"
        "class TestMade(Base):\n    def make(self):\n        return 1\n"
    ),
}


def is_test(path: Path) -> bool:
    return path.is_relative_to(TOP / "tests")


def read_base(path: str) -> tuple[bytes, bool] | None:
    return (FILES[path].encode(), False) if path in FILES else None


def fail(name: str, *frames: Frame, path: str = "tests/test_shop.py") -> Failure:
    test = name.rpartition("::")[2]
    lines = FILES[path].splitlines()
    line = next((at for at, text in enumerate(lines, 1) if f"def {test}(" in text), None)
    own = (Frame(TOP / path, line + 1, test),) if line and not frames else ()
    return Failure(
        nodeid=f"{path}::{name}",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=TOP / path,
        line=line,
        exception="AssertionError",
        message="",
        traceback="",
        frames=(*own, *frames),
    )


@pytest.fixture
def finder() -> TrailFinder:
    return TrailFinder(Sources(TOP, read_base), TOP, is_test)


def spell(functions: frozenset[Function]) -> list[str]:
    return sorted(f"{one.path}:{one.name}" for one in functions)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_named", ["shop/prices.py:add"]),
        ("test_dotted", ["shop/prices.py:total"]),
        ("test_method", ["shop/cart.py:Cart.__init__", "shop/cart.py:Cart.clear"]),
        ("test_fixture", ["shop/cart.py:Cart.__init__", "shop/cart.py:Cart.total"]),
        ("test_helper", ["shop/prices.py:total"]),
        ("test_nothing", []),
    ],
)
def test_by_the_text_of_the_test(finder: TrailFinder, name: str, expected: list[str]) -> None:
    trail = finder.find(fail(name))
    assert spell(trail.suspects) == spell(trail.reached) == expected


def test_what_raised_is_the_only_suspect(finder: TrailFinder) -> None:
    frames = (
        Frame(TOP / "tests/test_shop.py", 14, "test_dotted"),
        Frame(TOP / "shop/prices.py", 2, "total"),
        Frame(TOP / "shop/prices.py", 6, "add"),
    )
    trail = finder.find(fail("test_dotted", *frames))
    assert spell(trail.suspects) == ["shop/prices.py:add"]
    assert spell(trail.reached) == ["shop/prices.py:add", "shop/prices.py:total"]


def test_an_inherited_test_is_looked_up_where_it_is_written(finder: TrailFinder) -> None:
    failure = fail("TestMade::test_made", Frame(TOP / "tests/base.py", 3, "test_made"))
    assert spell(finder.find(failure).suspects) == ["tests/base.py:Base.test_made"]


def test_a_doctest_is_about_the_function_that_it_stands_in(finder: TrailFinder) -> None:
    failure = replace(fail("shop.stock.count", path="shop/stock.py"), line=4)
    assert "shop/stock.py:count" in spell(finder.find(failure).suspects)


def test_a_file_that_cannot_be_read_tells_nothing(finder: TrailFinder) -> None:
    failure = replace(fail("test_named"), path=Path("/elsewhere/test_shop.py"), frames=())
    assert not finder.find(failure).reached


def test_functions_that_were_entered_by_their_first_lines(finder: TrailFinder) -> None:
    frames = [
        Frame(TOP / "shop/cart.py", 5, "total"),
        Frame(TOP / "shop/prices.py", 1, "total"),
        Frame(TOP / "shop/stock.py", 1, "<module>"),
        Frame(TOP / "tests/helpers.py", 4, "ask"),
        Frame(Path("/usr/lib/json.py"), 1, "loads"),
    ]
    assert spell(finder.name(frames)) == ["shop/cart.py:Cart.total", "shop/prices.py:total"]
