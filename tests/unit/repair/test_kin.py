"""Clusters whose tests lead into the same function wait for each other, and no others do."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import Cluster, Failure, ItemKind, Phase
from pytest_agentfix.repair.kin import Kinship
from pytest_agentfix.repair.trails import Function, Trail

# Test -> the functions that its text calls.
Calls = dict[str, list[str]]


def make_cluster(*names: str) -> Cluster:
    failures = tuple(
        Failure(
            nodeid=f"test_a.py::{name}",
            phase=Phase.CALL,
            kind=ItemKind.FUNCTION,
            path=Path("/project/test_a.py"),
            line=1,
            exception="AssertionError",
            message="",
            traceback="",
        )
        for name in names
    )
    return Cluster(slug="-".join(names), failures=failures)


def functions(names: list[str]) -> frozenset[Function]:
    return frozenset(Function("calc.py", name) for name in names)


def relate(calls: Calls, reached: Calls | None = None) -> list[str]:
    """List the pairs of kin among clusters of one test each; ``reached`` adds to what it calls."""

    def find(failure: Failure) -> Trail:
        name = failure.nodeid.partition("::")[2]
        suspects = functions(calls[name])
        return Trail(suspects, suspects | functions((reached or {}).get(name, [])))

    clusters = [make_cluster(name) for name in calls]
    kinship = Kinship(clusters, find)
    pairs = [(one, two) for at, one in enumerate(clusters) for two in clusters[at + 1 :]]
    assert all(kinship.are_kin(a, b) == kinship.are_kin(b, a) for a, b in pairs)
    return [f"{a.slug} {b.slug}" for a, b in pairs if kinship.are_kin(a, b)]


def test_three_tests_of_each_of_twenty_functions() -> None:
    calls = {f"{number}{one}": [f"f{number}"] for number in range(20) for one in "abc"}
    kin = relate(calls)
    assert len(kin) == 20 * 3
    assert all(len({name.rstrip("abc") for name in pair.split()}) == 1 for pair in kin)


@pytest.mark.parametrize("count", [2, 3, 12])
def test_all_call_one_function_and_nothing_else(count: int) -> None:
    assert len(relate({str(n): ["add"] for n in range(count)})) == count * (count - 1) // 2


@pytest.mark.parametrize("count", [2, 3, 12, 60])
def test_a_helper_that_all_call_ties_none_together(count: int) -> None:
    assert relate({str(n): ["Cart.__init__", "Cart.add", f"f{n}"] for n in range(count)}) == []


def test_beside_a_helper_that_all_call_the_rarer_function_counts() -> None:
    calls = {
        "a": ["make", "total"],
        "b": ["make", "total"],
        "c": ["make", "tax"],
        "d": ["make", "tax"],
        "e": ["make", "total", "tax"],
    }
    assert relate(calls) == ["a b", "a e", "b e", "c d", "c e", "d e"]


def test_nothing_is_known_of_a_test() -> None:
    assert relate({"a": [], "b": [], "c": ["add"]}) == []


def test_on_the_way_of_another_test() -> None:
    """A test of one function waits for a test that gets there through another one."""
    assert relate({"a": ["report"], "b": ["add"], "c": ["keep"]}, {"a": ["add"]}) == ["a b"]


def test_parts_of_a_cluster_are_known() -> None:
    whole = make_cluster("a", "b")
    names = {"a": ["total"], "b": ["tax"], "c": ["tax"]}

    def find(failure: Failure) -> Trail:
        called = functions(names[failure.nodeid.partition("::")[2]])
        return Trail(called, called)

    kinship = Kinship([whole, make_cluster("c")], find)
    assert kinship.are_kin(whole, make_cluster("c"))
    assert kinship.are_kin(make_cluster("b"), make_cluster("c"))
    assert not kinship.are_kin(make_cluster("a"), make_cluster("c"))
