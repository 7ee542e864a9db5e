"""Reading the inputs and expected results of failing tests."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.judge.lint import Expectations, read_expectations, read_module
from pytest_agentfix.judge.source_tree import SourceTree
from tests.kits import lint_kit


def read(body: str, *names: str, **others: str) -> Expectations:
    """The expectations of the test functions ``names``, by default of ``test_a``, without calls."""
    return replace(lint_kit.read(body, *(names or ("test_a",)), **others), calls=frozenset())


def sides(inputs: set[str], outputs: set[str], raised: set[str] | None = None) -> Expectations:
    """Expectations written down by their keys."""
    return Expectations(
        inputs=frozenset(inputs), outputs=frozenset(outputs), raised=frozenset(raised or ())
    )


CASES = {
    "call and literal": ("assert f('in') == 'out'", sides({"s:in"}, {"s:out"})),
    "literal and call": ("assert 'out' == f('in')", sides({"s:in"}, {"s:out"})),
    "keyword": ("assert f(n=41) == 1681", sides({"n:41"}, {"n:1681"})),
    "negative": ("assert f(-41) == -7.5", sides({"n:-41"}, {"n:-7.5"})),
    "whole floats are numbers like others": ("assert f(2.0) == 4", sides({"n:2"}, {"n:4"})),
    "approx": ("assert f(1) == pytest.approx(3.25)", sides({"n:1"}, {"n:3.25"})),
    "a container and its parts": (
        "assert f(1) == ['aa', 'bb']",
        sides({"n:1"}, {"[s:aa, s:bb]", "s:aa", "s:bb"}),
    ),
    "a dict and its values": (
        "assert f(1) == {'name': 'Ann'}",
        sides({"n:1"}, {"{s:name=s:Ann}", "s:Ann"}),
    ),
    "an item of a result": ("assert f(1)['name'] == 'Ann'", sides({"n:1"}, {"s:Ann"})),
    "inside": ("assert 'part' in f(1)", sides({"n:1"}, {"s:part"})),
    "unittest": ("self.assertEqual(f('in'), 'out')", sides({"s:in"}, {"s:out"})),
    "a result first": ("r = f('in')\n    assert r == 'out'", sides({"s:in"}, {"s:out"})),
    "names first": (
        "text = 'in'\n    assert f(text) == 'out'",
        sides({"s:in"}, {"s:in", "s:out"}),
    ),
    "raises": (
        "with pytest.raises(ValueError, match='no'):\n        f('in')",
        sides({"s:in"}, {"s:no"}, {"ValueError"}),
    ),
    "two made values": (
        "assert f('in') == Money('out')",
        sides({"s:in", "s:out"}, {"s:in", "s:out"}),
    ),
    "a date": ("assert f('in') == date(2024, 2, 29)", sides({"s:in"}, {"n:2024", "n:2", "n:29"})),
    "a message is neither": ("assert f('in') == 'out', 'why'", sides({"s:in"}, {"s:out"})),
    "nothing": ("pass", sides(set(), set())),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), CASES.values(), ids=CASES)
def test_sides_of_a_test_are_distinguished(body: str, expected: Expectations) -> None:
    assert expected == read(f"def test_a():\n    {body}\n")


def test_cases_of_a_parametrisation_are_on_both_sides() -> None:
    source = (
        "@pytest.mark.parametrize(('a', 'b'), [('in', 'out'), pytest.param('x', 'y', id='z')])\n"
        "def test_a(a, b):\n    assert f(a) == b\n"
    )
    found = read(source)
    assert {"s:in", "s:out", "s:x", "s:y"} <= found.inputs & found.outputs
    assert "s:z" not in found.inputs | found.outputs


def test_only_what_the_tests_named_use_counts() -> None:
    source = (
        "CASES = {'in': 'out'}\nOTHER = 'other'\n"
        "@pytest.fixture\ndef data():\n    return 'from a fixture'\n"
        "class TestX:\n    def test_a(self, data):\n        assert f(CASES) == 3\n"
        "def test_a():\n    assert f(OTHER) == 'not mine'\n"
    )
    found = read(source, "TestX.test_a")
    assert {"s:out", "s:from a fixture"} <= found.inputs
    assert not {"s:other", "s:not mine"} & (found.inputs | found.outputs)


def test_a_test_inherited_from_the_same_module_is_found() -> None:
    source = (
        "class Base:\n    def test_a(self):\n        assert f('in') == 'out'\n"
        "class TestX(Base):\n    pass\n"
    )
    assert read(source, "TestX.test_a") == sides({"s:in"}, {"s:out"})


def test_expectations_of_several_files_add_up() -> None:
    one = sides({"s:a"}, {"s:b"}, {"ValueError"})
    other = sides({"s:c"}, {"s:d"})
    assert one | other == sides({"s:a", "s:c"}, {"s:b", "s:d"}, {"ValueError"})


@pytest.mark.parametrize("source", ["def test_a(:", "\0", "x" * 3_000_000, "\ud800", "-" * 30000])
def test_a_module_that_cannot_be_read_expects_nothing(source: str) -> None:
    assert read(source) == Expectations()


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    tree = SourceTree({"test_a.py": text.encode("utf-8", "replace")}.get, read_module)
    read_expectations(tree, "test_a.py", [("test_a",), ("TestX", "test_a"), ()])
