"""Agent sessions for 20 bugs that 60 plain assertions show, eight repairs side by side.

Text, kinship and queue are real; a repair is over as soon as the next one has been begun, and
every first one ends with the right fix.
"""

from __future__ import annotations

import ast
from collections import deque
from pathlib import Path

import pytest

from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Failure,
    Frame,
    ItemKind,
    Landing,
    Phase,
    Verdict,
)
from pytest_agentfix.repair.clustering import make_clusters
from pytest_agentfix.repair.kin import Kinship
from pytest_agentfix.repair.prompts.excerpts import Sources
from pytest_agentfix.repair.scheduler import Scheduler
from pytest_agentfix.repair.trails import TrailFinder

TOP = Path("/project")
BUGS = 20
TESTS = 3  # of each function
JOBS = 8
HEAD = (
    "import unittest\nimport pytest\nfrom shop.log import note\nfrom shop.cart import Cart\n"
    "from shop import parts\n\n\n@pytest.fixture\ndef cart():\n    return Cart()\n"
)
# A test of the function or method with this number.
SHAPES = {
    "plain": "def test_{n}_{t}():\n    assert parts.part_{n}({t}) == 1\n",
    "helper": "def test_{n}_{t}():\n    note()\n    assert parts.part_{n}({t}) == 1\n",
    "method": "def test_{n}_{t}():\n    cart = Cart()\n    assert cart.part_{n}({t}) == 1\n",
    "fixture": "def test_{n}_{t}(cart):\n    assert cart.part_{n}({t}) == 1\n",
    "unittest": (
        "class Test{n}x{t}(unittest.TestCase):\n"
        "    def setUp(self):\n        self.cart = Cart()\n\n"
        "    def test_{n}_{t}(self):\n        self.assertEqual(self.cart.part_{n}({t}), 1)\n"
    ),
}


def make_files(shape: str) -> dict[str, str]:
    functions = [f"def part_{n}(value):\n    return value\n" for n in range(BUGS)]
    methods = [f"    def part_{n}(self, value):\n        return value\n" for n in range(BUGS)]
    tests = [SHAPES[shape].format(n=n, t=t) for n in range(BUGS) for t in range(TESTS)]
    return {
        "shop/__init__.py": "",
        "shop/log.py": "def note():\n    return None\n",
        "shop/parts.py": "\n\n".join(functions),
        "shop/cart.py": "class Cart:\n    def __init__(self):\n        pass\n\n"
        + "\n".join(methods),
        "tests/test_shop.py": "\n\n".join([HEAD, *tests]),
    }


def list_failures(text: str) -> list[Failure]:
    """List the failures of all tests of a module, each an assertion in its last line."""
    path = TOP / "tests/test_shop.py"
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            failure = Failure(
                nodeid=f"tests/test_shop.py::{node.name}",
                phase=Phase.CALL,
                kind=ItemKind.FUNCTION,
                path=path,
                line=node.lineno,
                exception="AssertionError",
                message="",
                traceback="",
                frames=(Frame(path, node.end_lineno or 0, node.name),),
            )
            found.append(failure)
    return sorted(found, key=lambda one: one.line or 0)


def find_bug(cluster: Cluster) -> str:
    return cluster.targets[0].split("_")[2]


def count_sessions(shape: str) -> int:
    files = make_files(shape)

    def read_base(path: str) -> tuple[bytes, bool] | None:
        return (files[path].encode(), False) if path in files else None

    def is_test(path: Path) -> bool:
        return path.name.startswith("test_")

    clusters = make_clusters(list_failures(files["tests/test_shop.py"]), is_test=is_test)
    assert len(clusters) == BUGS * TESTS
    finder = TrailFinder(Sources(TOP, read_base), TOP, is_test)
    schedule = Scheduler(clusters, limit=len(clusters))
    schedule.relate(Kinship(clusters, finder))
    fixed: set[str] = set()
    running: deque[Cluster] = deque()
    sessions = 0

    def settle(cluster: Cluster) -> ClusterResult:
        landing = Landing(commit=find_bug(cluster))
        return ClusterResult(cluster=cluster, verdict=Verdict.FIXED, reason="", landing=landing)

    while True:
        if rerun := schedule.take_rerun():
            green = [cluster for cluster in rerun.clusters if find_bug(cluster) in fixed]
            schedule.end_rerun(rerun, map(settle, green))
        elif len(running) < JOBS and (cluster := schedule.take()):
            sessions += find_bug(cluster) not in fixed
            running.append(cluster)
        elif running:
            cluster = running.popleft()
            fixed.add(find_bug(cluster))
            schedule.end(cluster, settle(cluster))
        else:
            break
    assert all(result.verdict is Verdict.FIXED for result in schedule.results())
    return sessions


@pytest.mark.parametrize("shape", SHAPES)
def test_one_session_for_each_bug(shape: str) -> None:
    assert count_sessions(shape) == BUGS


def test_a_session_for_each_test_without_kinship(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kinship, "are_kin", lambda *_: False)
    assert count_sessions("plain") > 2 * BUGS
