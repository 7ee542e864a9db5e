"""The order of clusters, and the results of those that never start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Failure,
    ItemKind,
    Phase,
    Tokens,
    Verdict,
)
from pytest_agentfix.repair.scheduler import STARTING, Scheduler
from pytest_agentfix.testing.fakes import FakeClock


def make_cluster(name: str) -> Cluster:
    failure = Failure(
        nodeid=f"test_a.py::{name}",
        phase=Phase.CALL,
        kind=ItemKind.FUNCTION,
        path=Path("/project/test_a.py"),
        line=1,
        exception="AssertionError",
        message="",
        traceback="",
    )
    return Cluster(slug=name, failures=(failure,))


ONE, TWO, THREE = map(make_cluster, ("one", "two", "three"))


def fixed(cluster: Cluster, verdict: Verdict = Verdict.FIXED) -> ClusterResult:
    return ClusterResult(cluster=cluster, verdict=verdict, reason="so", attempts=1)


def ends(schedule: Scheduler) -> list[tuple[str, str, str]]:
    return [(one.cluster.slug, one.verdict.value, one.reason) for one in schedule.results()]


def test_in_order_and_those_split_off_last() -> None:
    schedule = Scheduler([ONE, TWO], limit=9)
    assert schedule.take() == ONE
    schedule.add(THREE)
    assert [schedule.take(), schedule.take(), schedule.take()] == [TWO, THREE, None]


def test_so_many_come_up_at_once() -> None:
    schedule = Scheduler([ONE, TWO, THREE], limit=9, starts=1)
    assert [schedule.take(), schedule.take()] == [ONE, None]
    assert schedule.count_waiting() == 2
    schedule.mark_started(ONE)
    schedule.mark_started(ONE)  # at each of its prompts
    assert [schedule.take(), schedule.take()] == [TWO, None]
    schedule.end(TWO, fixed(TWO))
    assert schedule.take() == THREE


def test_nobody_waits_long_for_one_that_comes_up_slowly() -> None:
    clock = FakeClock(100.0)
    schedule = Scheduler([ONE, TWO, THREE], limit=9, starts=1, now=clock.monotonic)
    assert schedule.take() == ONE
    clock.sleep(STARTING - 1)
    assert schedule.take() is None
    clock.sleep(1)
    assert [schedule.take(), schedule.take()] == [TWO, None]


def test_results_in_the_order_of_the_clusters() -> None:
    schedule = Scheduler([ONE, TWO], limit=9)
    schedule.take()
    schedule.take()
    schedule.end(TWO, fixed(TWO))
    schedule.end(ONE, fixed(ONE, Verdict.UNFIXED))
    schedule.settle(fixed(THREE))
    assert ends(schedule) == [
        ("one", "unfixed", "so"),
        ("two", "fixed", "so"),
        ("three", "fixed", "so"),
    ]


def test_over_the_limit() -> None:
    schedule = Scheduler([ONE, TWO], limit=1)
    assert schedule.count_waiting() == 1
    assert (schedule.take(), schedule.take()) == (ONE, None)
    schedule.end(ONE, fixed(ONE))
    assert ends(schedule)[1] == ("two", "skipped", "over the limit of --agent-fix-max-clusters 1")
    assert schedule.count_waiting() == 0


def test_stopped_by_one_of_them() -> None:
    schedule = Scheduler([ONE, TWO], limit=9)
    schedule.take()
    schedule.stop("No key.")
    schedule.stop("No money.")
    assert (schedule.take(), schedule.count_waiting()) == (None, 0)
    schedule.end(ONE, fixed(ONE, Verdict.ENVIRONMENT))
    assert ends(schedule)[1] == (
        "two",
        "skipped",
        "not tried, because of another cluster: No key.",
    )


def test_after_an_interruption_only_fixes_count() -> None:
    schedule = Scheduler([ONE, TWO, THREE], limit=9)
    schedule.take()
    schedule.take()
    schedule.interrupt()
    assert schedule.take() is None
    schedule.end(ONE, fixed(ONE, Verdict.ENVIRONMENT))  # its sandbox was taken away
    schedule.end(TWO, fixed(TWO))  # it was being committed
    reason = "not finished: the run was interrupted"
    assert ends(schedule) == [
        ("one", "skipped", reason),
        ("two", "fixed", "so"),
        ("three", "skipped", reason),
    ]


def test_what_was_interrupted_tells_what_it_has_cost() -> None:
    schedule = Scheduler([ONE], limit=9)
    schedule.take()
    schedule.interrupt()
    spent = replace(
        fixed(ONE, Verdict.ENVIRONMENT),
        attempts=2,
        seconds=9.0,
        agent_seconds=3.0,
        test_seconds=4.0,
        tokens=Tokens(input=5),
        cost_usd=0.5,
        kept=("here",),
    )
    schedule.end(ONE, spent)
    reason = "not finished: the run was interrupted"
    assert schedule.results() == (replace(spent, verdict=Verdict.SKIPPED, reason=reason),)


def test_the_first_reason_of_an_interruption_is_told() -> None:
    schedule = Scheduler([ONE], limit=9)
    assert schedule.interruption == ""
    schedule.interrupt("not finished: internal error: KeyError: 1")
    schedule.interrupt()
    assert ends(schedule) == [("one", "skipped", "not finished: internal error: KeyError: 1")]


def test_what_was_split_off_is_told_once() -> None:
    whole = Cluster(slug="whole", failures=ONE.failures + TWO.failures + THREE.failures)
    schedule = Scheduler([whole], limit=9)
    schedule.take()
    schedule.add(TWO)
    schedule.settle(fixed(THREE))
    schedule.interrupt()
    assert [one.cluster.targets for one in schedule.results()] == [
        ONE.targets,
        TWO.targets,
        THREE.targets,
    ]


def test_nothing_could_be_begun() -> None:
    schedule = Scheduler([ONE, TWO], limit=1)
    schedule.end_all(lambda cluster: fixed(cluster, Verdict.ENVIRONMENT))
    assert [verdict for _, verdict, _ in ends(schedule)] == ["environment", "environment"]


def test_some_end_before_they_are_begun() -> None:
    schedule = Scheduler([ONE, TWO], limit=1)
    schedule.end_all(lambda cluster: fixed(cluster) if cluster == ONE else None)
    assert (schedule.count_waiting(), schedule.take()) == (1, TWO)
    schedule.end_all(lambda cluster: fixed(cluster, Verdict.ENVIRONMENT))
    assert [verdict for _, verdict, _ in ends(schedule)] == ["fixed", "environment"]


def test_what_only_a_test_edit_can_end_comes_when_all_else_has_ended() -> None:
    [failure] = make_cluster("snapshot").failures
    snapshot = Cluster(slug="snapshot", failures=(replace(failure, test_edit="update it"),))
    schedule = Scheduler([snapshot, ONE, TWO], limit=9)
    assert [schedule.take() for _ in range(3)] == [ONE, TWO, None]
    assert schedule.count_waiting() == 1
    schedule.end(ONE, fixed(ONE))
    assert schedule.take() is None
    schedule.end(TWO, fixed(TWO))
    assert [schedule.take(), schedule.take()] == [snapshot, None]
