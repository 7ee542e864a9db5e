"""After several repairs that ended at one obstacle, no more of it is paid."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Evidence,
    Landing,
    Neighbours,
    ProbeResult,
    TestOutcome,
    Verdict,
)
from pytest_agentfix.repair.obstacles import (
    MOST_AT_CHECK,
    MOST_AT_TEST,
    MOST_WITH_ERROR,
    Obstacle,
    ObstacleKind,
    Obstacles,
    find_obstacles,
)
from pytest_agentfix.repair.scheduler import Scheduler
from tests.unit.repair.test_scheduler import make_cluster
from tests.unit.repair.test_scheduler_kin import Letters

STYLE = "test_style.py::test_style"
NAMES = [f"{letter}{number}" for letter in "abcdefgh" for number in range(3)]
CLUSTERS = {name: make_cluster(name) for name in NAMES}
LANDED = Landing(commit="f00d", branch="main")


Make = Callable[[Cluster], ClusterResult]


def end(
    verdict: Verdict, reason: str = "so", *, failed: str = "", broken: Sequence[str] = ()
) -> Make:
    """Return a function that makes such an end of a cluster."""

    def make(cluster: Cluster) -> ClusterResult:
        return ClusterResult(
            cluster=cluster,
            verdict=verdict,
            reason=reason,
            attempts=1,
            probes=(Evidence(failed, ProbeResult.FAILED, "1 failed"),) if failed else (),
            neighbours=Neighbours(
                total=9, broken=tuple(TestOutcome(nodeid=one, outcome="failed") for one in broken)
            ),
            landing=LANDED if verdict.is_green else None,
        )

    return make


AT_STYLE = end(Verdict.UNFIXED, failed="pass-to-pass", broken=[STYLE])
AT_BOTH = end(Verdict.REFUSED, failed="pass-to-pass", broken=["test_other.py::test", STYLE])
AT_CHECK = end(Verdict.REFUSED, failed="clone")
WRONG = end(Verdict.UNFIXED, failed="target")
CRASHED = end(Verdict.AGENT_ERROR, "OpenCode ended with exit status 137")
FIXED = end(Verdict.FIXED)


def explain(ends: Sequence[tuple[str, Make]], about: str = "h0", *, at_once: int = 1) -> str:
    """Explain what becomes of ``about`` after ``ends``; so many repairs begin at once."""
    known = Obstacles()
    for place, (name, make) in enumerate(ends):
        begun = place - place % at_once
        known.note(CLUSTERS[name], make(CLUSTERS[name]), begun=begun)
    return known.explain(CLUSTERS[about], Letters().are_kin)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (AT_STYLE, {(ObstacleKind.TEST, STYLE)}),
        (AT_CHECK, {(ObstacleKind.CHECK, "clone")}),
        (WRONG, set()),
        (end(Verdict.UNFIXED, "the agent changed nothing"), set()),
        (FIXED, set()),
        (CRASHED, {(ObstacleKind.ERROR, "OpenCode ended with exit status #")}),
    ],
)
def test_obstacles_of_an_end(make: Make, expected: set[tuple[ObstacleKind, str]]) -> None:
    found = find_obstacles(make(CLUSTERS["a0"]))
    assert found == frozenset(Obstacle(*one) for one in expected)


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict.BUDGET,
        Verdict.TIMEOUT,
        Verdict.CONFLICT,
        Verdict.TEST_SUSPECT,
        Verdict.NOT_REPRODUCED,
        Verdict.SKIPPED,
    ],
)
def test_limits_and_the_agents_word_tell_nothing(verdict: Verdict) -> None:
    assert find_obstacles(end(verdict)(CLUSTERS["a0"])) is None
    row = [(f"{letter}0", AT_STYLE) for letter in "ab"]
    assert STYLE in explain([*row, ("c0", end(verdict)), ("d0", AT_STYLE)])


def test_what_was_not_paid_tells_nothing() -> None:
    unpaid = ClusterResult(cluster=CLUSTERS["a0"], verdict=Verdict.ENVIRONMENT, reason="no file")
    assert find_obstacles(unpaid) is None


@pytest.mark.parametrize(
    ("make", "most", "words"),
    [
        (AT_STYLE, MOST_AT_TEST, f"3 fixes in a row broke the same test, {STYLE}"),
        (AT_CHECK, MOST_AT_CHECK, "5 fixes in a row did not pass the same check, clone"),
        (CRASHED, MOST_WITH_ERROR, "3 causes in a row ended with the same error: OpenCode ended"),
    ],
    ids=["test", "check", "error"],
)
def test_so_many_in_a_row(make: Make, most: int, words: str) -> None:
    row = [(f"{letter}0", make) for letter in "abcdefg"]
    assert explain(row[: most - 1]) == ""
    assert explain(row[:most]).startswith(f"not tried, as {words}")


def test_a_fix_that_lands_ends_the_row() -> None:
    row = [("a0", AT_STYLE), ("b0", AT_STYLE), ("c0", FIXED), ("d0", AT_STYLE)]
    assert explain(row) == ""


def test_a_fix_that_is_wrong_in_itself_ends_the_row() -> None:
    assert explain([("a0", AT_STYLE), ("b0", AT_STYLE), ("c0", WRONG), ("d0", AT_STYLE)]) == ""


def test_the_test_that_all_have_in_common_counts() -> None:
    assert STYLE in explain([("a0", AT_STYLE), ("b0", AT_BOTH), ("c0", AT_STYLE)])


def test_kin_speak_for_their_own_only() -> None:
    """Three tests that a neighbour contradicts say nothing about other causes."""
    row = [(f"a{number}", AT_STYLE) for number in range(3)]
    assert explain(row, "b0") == ""
    assert STYLE in explain(row, "a0")
    assert STYLE in explain([*row, ("b0", FIXED)], "a0")


def test_errors_at_one_moment_are_one() -> None:
    row = [(f"{letter}0", CRASHED) for letter in "abcdefg"]
    assert explain(row[:6], at_once=6) == ""
    assert explain(row, at_once=3) != ""


def test_the_rest_of_the_run_is_skipped_with_the_reason() -> None:
    schedule = Scheduler(CLUSTERS.values(), limit=99)
    schedule.relate(Letters())
    tried = 0
    while (cluster := schedule.take()) is not None:
        schedule.end(cluster, AT_STYLE(cluster))
        tried += 1
    results = schedule.results()
    assert (tried, len(schedule.list_ready())) == (7, 0)  # all of two kin, and one of the third
    assert [one.verdict for one in results].count(Verdict.UNFIXED) == tried
    assert all(
        "3 fixes in a row" in one.reason for one in results if one.verdict.value == "skipped"
    )
