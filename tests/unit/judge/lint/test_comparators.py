"""The functions by which failing tests compare: a fix of such a test may not change them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    Failure,
    FileChange,
    ItemKind,
    Phase,
    TestPolicy,
)
from pytest_agentfix.judge.lint import LintHit
from pytest_agentfix.judge.probes.lint import lint as lint_cluster
from tests.kits.lint_kit import lint

TEST = """
from pkg.mod import near, total

def test_total():
    assert near(total([1, 2]), 3)
"""
BEFORE = "LIMIT = 0.1\n\ndef near(a, b):\n    return abs(a - b) < LIMIT\n"


def find(before: str, after: str | None, test: str, path: str = "pkg/mod.py") -> list[LintHit]:
    return [hit for hit in lint(before, after, test, path=path) if hit.rule == "comparator"]


@pytest.mark.parametrize(
    "after",
    [
        BEFORE.replace("0.1", "10"),
        BEFORE.replace("< LIMIT", "< LIMIT + 10"),
        BEFORE.replace("a, b", "a, b, c=1"),
        "LIMIT = 0.1\n\ndef near(a, b):\n    return True\n",
        "LIMIT = 0.1\n\ndef far(a, b):\n    return True\n",
        None,
    ],
)
def test_changed_comparer(after: str | None) -> None:
    (hit,) = find(BEFORE, after, TEST)
    assert hit.what == "changes near(), by which the failing test compares"


@pytest.mark.parametrize(
    "after",
    [
        BEFORE + "\ndef total(values):\n    return sum(values)\n",
        BEFORE.replace("    return", "    'Compare two values.'\n    return"),
        BEFORE.replace("(a, b)", "(a: float, b: float) -> bool"),
        "OTHER = 1\n" + BEFORE,
    ],
)
def test_comparer_that_stays_the_same(after: str) -> None:
    assert find(BEFORE, after, TEST) == []


@pytest.mark.parametrize(
    "test",
    [
        "from pkg.mod import near, total\ndef test_it():\n    x = total(1)\n    assert near(x, 3)",
        (
            "from pkg.mod import near\nfrom pkg import sums\ndef test_it():\n"
            "    made = sums.Sum()\n    made_of = made.total(1)\n    assert near(3, made_of, 0.1)\n"
        ),
        "import pkg.mod as m\nimport pkg\ndef test_it():\n    assert not m.near(pkg.total(1), 3)\n",
        "from pkg import near, total\ndef test_it():\n    assert total and near(total(1), 3)\n",
        (
            "from pkg.mod import near, total\nimport unittest\nclass TestIt(unittest.TestCase):\n"
            "    def test_it(self):\n        self.assertTrue(near(total(1), 3), 'why')\n"
        ),
        (
            "from .mod import near\nfrom .sums import total\ndef test_it():\n"
            "    check(total(1), 3)\ndef check(value, want):\n    got = total(value)\n"
            "    assert near(got, want)\n"
        ),
    ],
)
def test_ways_to_compare(test: str) -> None:
    assert len(find(BEFORE, BEFORE.replace("0.1", "10"), test)) == 1


@pytest.mark.parametrize(
    "test",
    [
        "from pkg.mod import near\ndef test_it():\n    assert near(1, 1.05)\n",
        "from pkg.mod import near, total\ndef test_it():\n    assert near(total(1), 3) is True\n",
        "from pkg.mod import near, total\ndef test_it():\n    assert total(near(1, 3))\n",
        "from other.mod import near, total\ndef test_it():\n    assert near(total(1), 3)\n",
        (
            "from math import near\nfrom pkg.mod import total\ndef test_it():\n"
            "    assert near(total(1), 3)\n"
        ),
    ],
)
def test_function_that_is_itself_under_test(test: str) -> None:
    assert find(BEFORE, BEFORE.replace("0.1", "10"), test) == []


@pytest.mark.parametrize(
    ("name", "body", "is_comparing"),
    [
        ("same", "return norm(a) == norm(b)", True),
        ("check", "return a.x == b.x", True),
        ("check", "return all(x == y for x, y in zip(a, b))", True),
        ("check", "return abs(a - b) < 1", True),
        ("has_item", "return b in a.items", False),
        ("is_allowed", "return a.level >= b", False),
        ("is_member", "return a.group == b", False),
        ("is_valid", "return bool(a)", False),
    ],
)
def test_predicates_are_not_taken_for_comparers(
    name: str, body: str, *, is_comparing: bool
) -> None:
    before = f"def {name}(a, b):\n    {body}\n"
    after = f"def {name}(a, b):\n    a = b\n    {body}\n"
    test = f"from pkg.mod import {name}, make\ndef test_it():\n    assert {name}(make(), 'apple')\n"
    assert bool(find(before, after, test)) is is_comparing


def test_marker_that_allows_to_edit_tests_allows_it() -> None:
    files = {"pkg/mod.py": (BEFORE.encode(), False), "tests/test_mod.py": (TEST.encode(), False)}
    failure = Failure(
        nodeid="tests/test_mod.py::test_total",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=None,
        line=None,
        exception="AssertionError",
        message="",
        traceback="",
    )
    rules = []
    for policy in (None, TestPolicy(), TestPolicy(allow_test_edits=True)):
        hits = lint_cluster(
            Cluster(slug="total", failures=(replace(failure, policy=policy),)),
            ChangeSet({"pkg/mod.py": FileChange(BEFORE.replace("0.1", "10").encode())}),
            rootdir=Path("/top"),
            top=Path("/top"),
            read_base=files.get,
            levels={},
            is_exempt=lambda _: False,
        )
        rules.append([hit.rule for hit in hits])
    assert rules == [["comparator"], ["comparator"], []]
