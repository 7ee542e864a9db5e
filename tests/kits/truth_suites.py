"""Test files for one function, in the styles that people write (pure)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

MODULE: Final = "solution"
PATH: Final = "tests/test_solution.py"


@dataclass(frozen=True, slots=True)
class Expectation:
    """One call of the function, and its value: plain literals."""

    arguments: tuple[Any, ...]
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectations:
    """The tests' knowledge of one function; results may differ by ``tolerance``."""

    function: str
    cases: Sequence[Expectation]
    tolerance: float = 0.0

    def check(self, arguments: str, value: str) -> str:
        """Return the assertion in pytest's form; both are source text."""
        expected = f"pytest.approx({value}, abs={self.tolerance!r})" if self.tolerance else value
        return f"assert {self.function}({arguments}) == {expected}"

    def check_in_class(self, arguments: str, value: str) -> str:
        """Return the assertion in unittest's form; both are source text."""
        call = f"{self.function}({arguments})"
        if self.tolerance:
            return f"self.assertAlmostEqual({call}, {value}, delta={self.tolerance!r})"
        return f"self.assertEqual({call}, {value})"

    def list_pairs(self, indent: str) -> str:
        """Return a line for each case, ``((argument, ...), value),``."""
        rows = [f"{indent}({case.arguments!r}, {case.value!r}),\n" for case in self.cases]
        return "".join(rows)


def write_plain(known: Expectations) -> str:
    """Write one function with an assertion for each case."""
    lines = [
        f"    {known.check(', '.join(map(repr, case.arguments)), repr(case.value))}\n"
        for case in known.cases
    ]
    return _open(known) + f"def test_{known.function}():\n" + "".join(lines)


def write_parametrised(known: Expectations) -> str:
    """Write one parametrised function."""
    return (
        _open(known, "import pytest")
        + '@pytest.mark.parametrize(\n    ("arguments", "expected"),\n    [\n'
        + known.list_pairs(" " * 8)
        + f"    ],\n)\ndef test_{known.function}(arguments, expected):\n"
        + f"    {known.check('*arguments', 'expected')}\n"
    )


def write_subtests(known: Expectations) -> str:
    """Write a ``unittest`` class with a loop over a table and a ``subTest`` for each row."""
    return (
        _open(known, "import unittest", is_unittest=True)
        + f"class {_name_class(known)}(unittest.TestCase):\n    def test_answers(self):\n"
        + "        table = [\n"
        + known.list_pairs(" " * 12)
        + "        ]\n        for arguments, expected in table:\n"
        + "            with self.subTest(arguments=arguments):\n"
        + f"                {known.check_in_class('*arguments', 'expected')}\n"
    )


def write_inherited(known: Expectations) -> str:
    """Write a class with the test, and one that inherits it and has the table."""
    return (
        _open(known)
        + "class Answers:\n    table = []\n\n    def test_answers(self):\n"
        + "        for arguments, expected in self.table:\n"
        + f"            {known.check('*arguments', 'expected')}\n\n\n"
        + f"class {_name_class(known)}(Answers):\n    table = [\n"
        + known.list_pairs(" " * 8)
        + "    ]\n"
    )


def write_constant(known: Expectations) -> str:
    """Write a table as a constant of the module, and a loop over it."""
    return (
        _open(known)
        + "ANSWERS = [\n"
        + known.list_pairs(" " * 4)
        + f"]\n\n\ndef test_{known.function}():\n    for arguments, expected in ANSWERS:\n"
        + f"        {known.check('*arguments', 'expected')}\n"
    )


def write_fixture(known: Expectations) -> str:
    """Write a fixture that returns the table, and a test that asks for it."""
    return (
        _open(known, "import pytest")
        + "@pytest.fixture\ndef answers():\n    return [\n"
        + known.list_pairs(" " * 8)
        + f"    ]\n\n\ndef test_{known.function}(answers):\n"
        + "    for arguments, expected in answers:\n"
        + f"        {known.check('*arguments', 'expected')}\n"
    )


STYLES: Final[Sequence[tuple[str, Callable[[Expectations], str]]]] = (
    ("plain", write_plain),
    ("parametrised", write_parametrised),
    ("subtests", write_subtests),
    ("inherited", write_inherited),
    ("constant", write_constant),
    ("fixture", write_fixture),
)


def contradict(value: Any) -> Any:
    """Return a value of the same kind, where there is one, that is not equal to ``value``."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list | tuple):
        return value[:-1] if value else type(value)([0])
    return {} if value else 0


def _open(known: Expectations, line: str = "", *, is_unittest: bool = False) -> str:
    needs_pytest = known.tolerance and not is_unittest
    first = line or ("import pytest" if needs_pytest else "")
    head = f"{first}\n\n" if first else ""
    return f"{head}from {MODULE} import {known.function}\n\n\n"


def _name_class(known: Expectations) -> str:
    return "Test" + known.function.title().replace("_", "")
