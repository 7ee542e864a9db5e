"""Tests that no change to the tree can turn green, told by what their failures show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_agentfix.core.model import Cluster, Failure, Frame, InstalledCopy, ItemKind, Phase
from pytest_agentfix.runtime.unreachable import (
    describe_copy,
    find_installed_copy,
    split_unreachable,
)

TOP = Path("/top")
COPY = InstalledCopy(
    distribution="shop",
    folder=Path("/venv/site-packages"),
    file=Path("/venv/site-packages/shop/cart.py"),
    source=TOP / "src/shop/cart.py",
    project=TOP,
)


def failure(name: str, copy: InstalledCopy | None, *paths: str) -> Failure:
    return Failure(
        nodeid=f"tests/test_cart.py::{name}",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=TOP / "tests/test_cart.py",
        line=1,
        exception="AssertionError",
        message="",
        traceback="",
        frames=tuple(Frame(Path(path), 1, "f") for path in paths),
        installed=copy,
    )


def is_test(path: Path) -> bool:
    return path.is_relative_to(TOP / "tests")


def cluster(*failures: Failure) -> Cluster:
    return Cluster(slug="cart", failures=failures, cause="same place")


def test_a_test_that_runs_nothing_but_a_copy() -> None:
    whole = cluster(failure("test_a", COPY, "/top/tests/test_cart.py"))
    assert find_installed_copy(whole, is_test) == COPY
    assert split_unreachable(whole, is_test) == (whole,)


def test_code_of_the_trees_own_may_be_at_fault() -> None:
    imports = replace(COPY, own=(TOP / "tests/conftest.py", TOP / "tools/tool.py"))
    for one in (failure("test_a", COPY, "/top/tools/tool.py"), failure("test_a", imports)):
        assert find_installed_copy(cluster(one), is_test) is None
    helpers = replace(COPY, own=(TOP / "tests/conftest.py", TOP / "conftest.py"))
    assert find_installed_copy(cluster(failure("test_a", helpers)), is_test) == helpers
    assert find_installed_copy(cluster(failure("test_a", None)), is_test) is None


def test_a_copy_may_lie_below_the_top() -> None:
    inside = replace(COPY, folder=TOP / "build/lib", file=TOP / "build/lib/shop/cart.py")
    whole = cluster(failure("test_a", inside, "/top/build/lib/shop/cart.py"))
    assert find_installed_copy(whole, is_test) == inside


def test_the_others_of_a_cluster_are_repaired() -> None:
    copied, own = failure("test_a", COPY), failure("test_b", None)
    also = replace(failure("test_a", None), phase=Phase.TEARDOWN)
    reachable, rest = split_unreachable(cluster(copied, own, also), is_test)
    assert (reachable.targets, rest.targets) == ((own.nodeid,), (copied.nodeid,))
    assert find_installed_copy(rest, is_test) == COPY
    assert find_installed_copy(reachable, is_test) is None


def test_what_is_said() -> None:
    error = describe_copy(replace(COPY, project=TOP / "packages/shop"), TOP)
    assert error.problem == (
        "The tests run an installed copy of shop, /venv/site-packages/shop/cart.py, and not "
        "this tree's src/shop/cart.py: no change here could turn them green."
    )
    assert error.next_step.startswith("Install it with -e: pip install -e packages/shop (tox:")
    odd = replace(COPY, file=Path("/x\n::error::/cart.py"), is_editable=True)
    assert "another checkout of shop, /x ::error::/cart.py, and" in describe_copy(odd, TOP).problem
