"""Failures with one presumed cause become one cluster, and nothing else does."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import Cluster, Failure, Frame, ItemKind, Phase, TestPolicy
from pytest_agentfix.repair.clustering import make_clusters, make_slug, split_cluster

ROOT = Path("/r")
SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")  # what the repository takes
DIVIDE = Frame(ROOT / "calc.py", 12, "divide")
OTHER = Frame(ROOT / "calc.py", 20, "root")


def fail(name: str, *inner: Frame, **facts: Any) -> Failure:
    """A failure of ``test_a.py::name``; ``inner`` are the frames below the test's own."""
    path = ROOT / "test_a.py"
    made = Failure(
        nodeid=f"test_a.py::{name}",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=path,
        line=1,
        exception="ZeroDivisionError" if inner else "AssertionError",
        message="division by zero" if inner else f"assert {name}",
        traceback="",
        frames=(Frame(path, 1, name.partition("[")[0]), *inner),
    )
    return replace(made, **facts)


def is_test(path: Path) -> bool:
    return path.name.startswith(("test_", "conftest"))


def group(*failures: Failure) -> list[tuple[str, ...]]:
    """The names of the tests of each cluster."""
    return [
        tuple(target.partition("::")[2] or target for target in cluster.targets)
        for cluster in make_clusters(failures, is_test=is_test)
    ]


def explain(*failures: Failure) -> list[str]:
    return [cluster.cause for cluster in make_clusters(failures, is_test=is_test)]


def test_nothing() -> None:
    assert make_clusters(()) == ()


def test_cases_of_one_function_are_one_cluster_in_the_order_of_first_failures() -> None:
    failures = (fail("b[1]"), fail("a[1]"), fail("b[2]"), fail("a[2]"), fail("c"))
    assert group(*failures) == [("b[1]", "b[2]"), ("a[1]", "a[2]"), ("c",)]
    assert explain(*failures) == ["same test function", "same test function", ""]


def test_one_place_in_the_code_is_one_cluster() -> None:
    failures = (fail("a[1]", DIVIDE), fail("b", DIVIDE), fail("c", OTHER), fail("d"))
    assert group(*failures) == [("a[1]", "b"), ("c",), ("d",)]
    assert explain(*failures) == ["raised at calc.py:12 (ZeroDivisionError)", "", ""]


def test_one_place_with_other_values_is_one_cluster() -> None:
    failures = (
        fail("a", DIVIDE, message="no user 17 in 'x'"),
        fail("b", DIVIDE, message="no user 4 in 'yy'"),
    )
    assert group(*failures) == [("a", "b")]


@pytest.mark.parametrize("facts", [{"message": "modulo by zero"}, {"exception": "ValueError"}])
def test_one_place_with_another_exception_is_another_cluster(facts: dict[str, str]) -> None:
    assert group(fail("a", DIVIDE), fail("b", DIVIDE, **facts)) == [("a",), ("b",)]


def test_a_place_in_a_test_helper_says_nothing() -> None:
    helper = Frame(ROOT / "conftest.py", 3, "check")
    assert group(fail("a", DIVIDE, helper), fail("b", DIVIDE, helper)) == [("a",), ("b",)]


def test_without_is_test_every_frame_counts() -> None:
    helper = Frame(ROOT / "conftest.py", 3, "check")
    assert len(make_clusters((fail("a", helper), fail("b", helper)))) == 1


def test_cases_that_only_one_function_has_stay_together_whatever_raised() -> None:
    failures = (fail("a[1]", DIVIDE), fail("a[2]", OTHER), fail("a[3]"), fail("b"))
    assert group(*failures) == [("a[1]", "a[2]", "a[3]"), ("b",)]


def test_a_case_with_the_cause_of_others_leaves_its_function() -> None:
    failures = (fail("a[1]", DIVIDE), fail("a[2]"), fail("a[3]"), fail("b", DIVIDE))
    assert group(*failures) == [("a[1]", "b"), ("a[2]", "a[3]")]


def test_a_broken_fixture_is_one_cluster() -> None:
    made = Frame(ROOT / "conftest.py", 9, "make_db")
    broken: dict[str, Any] = {"phase": Phase.SETUP, "fixture": "db", "frames": (made,)}
    failures = (
        fail("a", message="port 1", **broken),
        fail("b", message="port 2", **broken),
        fail("c", message="other", **broken),
        fail("d", message="port 1", **{**broken, "fixture": "other"}),
        fail("e", message="port 1", **{**broken, "frames": (replace(made, line=10),)}),
    )
    assert group(*failures) == [("a", "b"), ("c",), ("d",), ("e",)]
    assert explain(*failures)[0] == "same fixture 'db' (AssertionError)"


def test_a_fixture_that_is_not_there_is_one_cluster() -> None:
    facts: dict[str, Any] = {
        "fixture": "nope",
        "frames": (),
        "exception": "FixtureLookupError",
        "message": "fixture 'nope' not found",
    }
    failures = (fail("a", **facts), fail("b", **facts), fail("c", **{**facts, "fixture": "no"}))
    assert group(*failures) == [("a", "b"), ("c",)]


def test_what_is_missing_is_one_cluster_in_collection_and_call() -> None:
    def lack(name: str, missing: str, exception: str = "ModuleNotFoundError") -> Failure:
        return fail(name, exception=exception, missing=missing, message=name)

    module = replace(
        lack("x", "shop.cart"), nodeid="test_b.py", phase=Phase.COLLECT, kind=ItemKind.COLLECTOR
    )
    failures = (
        lack("a", "shop.cart"),
        module,
        lack("b", "shop.till"),
        lack("c", "shop.cart", "AttributeError"),
    )
    assert group(*failures) == [("a", "test_b.py"), ("b",), ("c",)]
    assert explain(*failures)[0] == "no module named 'shop.cart'"


def test_a_bare_name_is_missing_in_one_file() -> None:
    facts = {"exception": "NameError", "missing": "np"}
    other = Frame(ROOT / "other.py", 2, "f")
    failures = (
        fail("a", DIVIDE, **facts),
        fail("b", OTHER, **facts),
        fail("c", other, **facts),
    )
    assert group(*failures) == [("a", "b"), ("c",)]
    assert explain(*failures)[0] == "no name 'np' in calc.py (NameError)"


def test_modules_that_cannot_be_collected_stay_apart() -> None:
    def module(name: str) -> Failure:
        return replace(
            fail(name), nodeid=name, phase=Phase.COLLECT, kind=ItemKind.COLLECTOR, frames=()
        )

    assert group(module("test_a.py"), module("test_b.py")) == [("test_a.py",), ("test_b.py",)]


def test_brackets_in_a_path_are_no_parametrisation() -> None:
    failures = [
        replace(fail("x"), nodeid=f"t[1]/test_a.py::{name}") for name in ("a[1]", "b[x::y]")
    ]
    assert [each.function for each in failures] == ["t[1]/test_a.py::a", "t[1]/test_a.py::b"]
    assert len(make_clusters(failures, is_test=is_test)) == 2


def test_other_policies_stay_apart() -> None:
    strict = TestPolicy(max_attempts=1)
    failures = (
        fail("a[1]"),
        fail("a[2]", policy=strict),
        fail("b", DIVIDE),
        fail("c", DIVIDE, policy=strict),
        fail("d", DIVIDE, policy=TestPolicy(max_attempts=1)),
    )
    assert group(*failures) == [("a[1]",), ("a[2]",), ("b",), ("c", "d")]
    assert len({cluster.slug for cluster in make_clusters(failures)}) == 4


def test_the_first_failure_of_a_test_decides_for_all_of_them() -> None:
    torn: dict[str, Any] = {
        "phase": Phase.TEARDOWN,
        "fixture": "db",
        "frames": (),
        "message": "gone",
    }
    failures = (fail("a"), fail("a", **torn), fail("b", **torn), fail("c", **torn))
    clusters = make_clusters(failures, is_test=is_test)
    assert [cluster.failures for cluster in clusters] == [failures[:2], failures[2:]]


names = st.sampled_from(["a", "a[1]", "a[2]", "b", "b[1]", "c", "é[x]", "d" * 300])
made_up = st.builds(
    fail,
    names,
    st.sampled_from([DIVIDE, OTHER]),
    phase=st.sampled_from(list(Phase)),
    fixture=st.sampled_from(["", "db", "\udc80"]),
    missing=st.sampled_from(["", "m::n", "x" * 500]),
    exception=st.sampled_from(["", "NameError", "ValueError"]),
    message=st.text(max_size=20),
)


@given(st.lists(made_up, max_size=30))
def test_every_failure_is_in_one_cluster_and_every_target_too(failures: list[Failure]) -> None:
    clusters = make_clusters(failures, is_test=is_test)
    assert clusters == make_clusters(failures, is_test=is_test)
    kept = [failure for cluster in clusters for failure in cluster.failures]
    assert sorted(map(id, kept)) == sorted(map(id, failures))
    targets = [target for cluster in clusters for target in cluster.targets]
    assert len(targets) == len(set(targets))
    assert_slugs(clusters)


def assert_slugs(clusters: Iterable[Cluster]) -> None:
    slugs = [cluster.slug for cluster in clusters]
    assert len(slugs) == len(set(slugs))
    assert all(map(SLUG.fullmatch, slugs))


def test_slugs_say_what_it_is_about() -> None:
    failures = (
        fail("test_sum[1]"),
        fail("a", DIVIDE),
        fail("b", DIVIDE),
        fail("c", fixture="db", message="gone"),
        fail("d", fixture="db", message="gone"),
    )
    unplaced = tuple(replace(each, frames=()) if each.fixture else each for each in failures)
    slugs = [each.slug.rpartition("-")[0] for each in make_clusters(unplaced, is_test=is_test)]
    assert slugs == [
        "test-sum",
        "raised-calc-py-zerodivisionerror",
        "fixture-db-assertionerror",
    ]
    assert make_slug("a::b") != make_slug("b::b")


def test_of_many_failures_each_path_is_asked_for_once() -> None:
    asked: list[Path] = []

    def ask(path: Path) -> bool:
        asked.append(path)
        return False

    failures = [fail(f"t{n}[{n}]", DIVIDE, message=f"no user {n}") for n in range(5_000)]
    (cluster,) = make_clusters(failures, is_test=ask)
    assert (len(cluster.targets), asked) == (5_000, [DIVIDE.path])


def test_splitting() -> None:
    (cluster,) = make_clusters(
        (fail("a[1]", DIVIDE), fail("b", DIVIDE), fail("a[2]", DIVIDE), fail("c", DIVIDE))
    )
    red = {"test_a.py::b", "test_a.py::c", "test_a.py::elsewhere"}
    rest, left = split_cluster(cluster, red)
    assert (rest.targets, left.targets) == (
        ("test_a.py::a[1]", "test_a.py::a[2]"),
        ("test_a.py::b", "test_a.py::c"),
    )
    assert (rest.cause, left.cause) == (
        "raised at calc.py:12 (ZeroDivisionError)",
        "still red after what turned the others green",
    )
    assert split_cluster(cluster, red) == (rest, left)
    again = split_cluster(left, {"test_a.py::c"})
    assert [part.cause for part in again] == ["", ""]
    assert_slugs([cluster, rest, left, *again])


def test_slugs_of_parts_of_parts_stay_short_and_unique() -> None:
    failures = [fail(f"{'x' * 90}{n}", DIVIDE) for n in range(30)]
    (cluster,) = make_clusters(failures)
    seen = [cluster]
    while len(cluster.targets) > 1:
        rest, cluster = split_cluster(cluster, cluster.targets[1:])
        seen += [rest, cluster]
    assert_slugs(seen)


@pytest.mark.parametrize("red", [(), ("test_a.py::a", "test_a.py::b"), ("test_a.py::c",)])
def test_what_has_no_two_parts_cannot_be_split(red: tuple[str, ...]) -> None:
    (cluster,) = make_clusters((fail("a", DIVIDE), fail("b", DIVIDE)))
    with pytest.raises(ValueError, match="has no two parts"):
        split_cluster(cluster, red)


def test_functions_are_told_in_order() -> None:
    (cluster,) = make_clusters(
        (fail("b[1]", DIVIDE), fail("a", DIVIDE), fail("b[2]", DIVIDE), fail("c", DIVIDE))
    )
    assert cluster.functions == ("test_a.py::b", "test_a.py::a", "test_a.py::c")
    assert cluster.title == "test_a.py::b"
