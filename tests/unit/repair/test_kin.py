"""Clusters whose tests lead into the same function wait for each other, and no others do."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pytest_agentfix.core.model import Cluster, Failure, Frame, ItemKind, Phase
from pytest_agentfix.repair.kin import FEW, MANY, Kinship
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


@dataclass(frozen=True)
class Finder:
    """Knows the trail of each test; frames are named as they are."""

    find: Callable[[Failure], Trail]

    @staticmethod
    def name(frames: Iterable[Frame]) -> frozenset[Function]:
        return functions([frame.function for frame in frames])


def relate(calls: Calls, reached: Calls | None = None) -> list[str]:
    """List the pairs of kin among clusters of one test each; ``reached`` adds to what it calls."""

    def find(failure: Failure) -> Trail:
        name = failure.nodeid.partition("::")[2]
        suspects = functions(calls[name])
        return Trail(suspects, suspects | functions((reached or {}).get(name, [])))

    clusters = [make_cluster(name) for name in calls]
    kinship = Kinship(clusters, Finder(find))
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

    kinship = Kinship([whole, make_cluster("c")], Finder(find))
    assert kinship.are_kin(whole, make_cluster("c"))
    assert kinship.are_kin(make_cluster("b"), make_cluster("c"))
    assert not kinship.are_kin(make_cluster("a"), make_cluster("c"))


def learn(calls: Calls, entered: Calls) -> list[str]:
    """List the pairs of kin once the tests in ``entered`` have been reproduced."""
    trails = {name: Trail(functions(called), functions(called)) for name, called in calls.items()}
    clusters = {name: make_cluster(name) for name in calls}
    finder = Finder(lambda failure: trails[failure.nodeid.partition("::")[2]])
    kinship = Kinship(list(clusters.values()), finder)
    names = list(calls)
    pairs = [(one, two) for at, one in enumerate(names) for two in names[at + 1 :]]
    for one, two in pairs:
        kinship.are_kin(clusters[one], clusters[two])  # what is answered may change
    for name, inner in entered.items():
        kinship.learn(clusters[name], [Frame(Path("/project/calc.py"), 1, each) for each in inner])
    return [f"{a} {b}" for a, b in pairs if kinship.are_kin(clusters[a], clusters[b])]


def test_entered_when_it_was_reproduced() -> None:
    calls = {"a": ["report"], "b": ["add"], "c": ["keep"]}
    assert learn(calls, {}) == []
    assert learn(calls, {"a": ["report", "add"]}) == ["a b"]


def test_a_test_that_enters_much_is_about_none_of_it() -> None:
    calls = {"a": ["report"], "b": ["add"]}
    others = [f"f{number}" for number in range(FEW)]
    assert learn(calls, {"a": [*others[2:], "report", "add"]}) == ["a b"]
    assert learn(calls, {"a": [*others, "report", "add"]}) == []


def test_what_is_entered_stands_for_a_text_that_says_nothing() -> None:
    """Tests that ask a client: what all of them enter does not tie them together."""
    calls: Calls = {name: [] for name in "abcd"}
    entered = {
        name: ["app", "route", view, view + "_query"]
        for name, view in {"a": "cart", "b": "cart", "c": "stock", "d": "user"}.items()
    }
    assert learn(calls, entered) == ["a b"]


def test_a_test_that_enters_too_much_says_nothing() -> None:
    calls: Calls = {"a": [], "b": []}
    much = [f"f{number}" for number in range(MANY)]
    assert learn(calls, {"a": much, "b": much}) == ["a b"]
    assert learn(calls, {"a": [*much, "more"], "b": [*much, "more"]}) == []
