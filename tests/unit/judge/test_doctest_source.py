"""Doctests in the files of a base, and as tests that can be read like any other."""

from __future__ import annotations

import pytest

from pytest_agentfix.judge.doctest_source import (
    DoctestName,
    find_doctest,
    find_doctested,
    split_name,
)
from pytest_agentfix.judge.lint.doctests import make_test


@pytest.mark.parametrize(
    ("path", "name", "expected"),
    [
        ("calc.py", "calc", DoctestName("calc", "")),
        ("calc.py", "calc.Sums.add", DoctestName("calc", "Sums.add")),
        ("src/shop/cart.py", "shop.cart.total", DoctestName("shop.cart", "total")),
        ("src/shop/cart.py", "cart.total", DoctestName("cart", "total")),
        ("shop/__init__.py", "shop.total", DoctestName("shop", "total")),
        ("calc.py", "calc.__test__.more", DoctestName("calc", "__test__.more")),
        ("tests/test_calc.py", "test_add", None),
        ("tests/test_calc.py", "TestAdd::test_calc", None),
        ("docs/calc.rst", "calc.rst", None),
    ],
)
def test_names(path: str, name: str, expected: DoctestName | None) -> None:
    assert split_name(path, name) == expected


def test_files_with_doctests() -> None:
    ids = ["calc.py::calc.add", "docs/a b.rst::a b.rst", "tests/test_a.py::test_b", "c.yaml::case"]
    assert find_doctested(ids) == {"calc.py", "docs/a b.rst"}


def test_text_of_a_doctest() -> None:
    content = b'def add(a):\n    """One."""\n\n\ndef add(a, b):\n    """Two."""\n'
    assert find_doctest("calc.py", "calc.add", content) == "Two."
    assert find_doctest("calc.py", "calc.sub", content) is None
    assert find_doctest("a.rst", "a.rst", b">>> 1\n1\n") == ">>> 1\n1\n"
    assert find_doctest("a.py", "a.f", b"def f(:\n") is None


def test_doctest_as_a_test() -> None:
    text = """
    >>> import calc
    >>> calc.add(1, 2)
    3
    >>> for n in [4]:
    ...     print(n)
    4
    >>> calc.say()
    hello world
    >>> calc.div(5, 0)
    Traceback (most recent call last):
    ZeroDivisionError: by zero
    """
    assert make_test("test_it", text) == (
        "def test_it():\n"
        "    import calc\n"
        "    assert (calc.add(1, 2)) == (3)\n"
        "    for n in [4]:\n"
        "        print(n)\n"
        "    assert (calc.say()) == ('hello world')\n"
        "    with raises(ZeroDivisionError, match='by zero'):\n"
        "        calc.div(5, 0)\n"
    )
    assert make_test("test_it", "no examples") == "def test_it():\n    pass\n"
