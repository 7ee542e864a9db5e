"""Clusters that are kin: one is begun at a time, and its fix is tried on the others first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Evidence,
    Frame,
    Landing,
    Neighbours,
    ProbeResult,
    TestOutcome,
    Verdict,
)
from pytest_agentfix.judge.findings import PASS_TO_PASS
from pytest_agentfix.repair.scheduler import Rerun, Scheduler
from tests.unit.repair.test_scheduler import make_cluster

A1, A2, A3, A4, B1, B2 = map(make_cluster, ("a1", "a2", "a3", "a4", "b1", "b2"))
FIX = Landing(commit="f00d", branch="main")


class Letters:
    """Kin have the same letter; those that have entered something are kin of A."""

    def __init__(self) -> None:
        self.entered: set[str] = set()

    def are_kin(self, one: Cluster, other: Cluster) -> bool:
        letters = {"a" if each.slug in self.entered else each.slug[0] for each in (one, other)}
        return len(letters) == 1

    def learn(self, cluster: Cluster, entered: Iterable[Frame]) -> None:
        if list(entered):
            self.entered.add(cluster.slug)


def schedule(*clusters: Cluster, limit: int = 9) -> Scheduler:
    made = Scheduler(clusters, limit=limit)
    made.relate(Letters())
    return made


def fixed(cluster: Cluster, landing: Landing = FIX) -> ClusterResult:
    return ClusterResult(
        cluster=cluster, verdict=Verdict.FIXED, reason="so", landing=landing, attempts=1
    )


def failed(cluster: Cluster, verdict: Verdict = Verdict.UNFIXED) -> ClusterResult:
    return ClusterResult(cluster=cluster, verdict=verdict, reason="so", attempts=1)


def at_the_same_neighbour(cluster: Cluster) -> ClusterResult:
    probe = Evidence(name=PASS_TO_PASS, result=ProbeResult.FAILED, detail="so")
    broken = TestOutcome(nodeid="test_b.py::test_other", outcome="failed")
    return replace(
        failed(cluster), probes=(probe,), neighbours=Neighbours(total=1, broken=(broken,))
    )


def take_all(made: Scheduler) -> list[Cluster]:
    return list(iter(made.take, None))


def test_one_of_its_kin_is_begun_and_all_slots_stay_busy() -> None:
    made = schedule(A1, A2, A3, B1, B2)
    assert len(made.list_ready()) == 5
    assert take_all(made) == [A1, B1]
    assert (made.count_waiting(), len(made.list_ready())) == (3, 0)


def test_a_fix_is_tried_on_its_kin_before_any_is_begun() -> None:
    made = schedule(A1, A2, A3, B1)
    take_all(made)
    assert made.take_rerun() is None
    made.end(A1, fixed(A1))
    assert made.take() is None
    rerun = made.take_rerun()
    assert rerun == Rerun(FIX, (A2, A3))
    assert (made.take(), made.take_rerun()) == (None, None)
    made.end_rerun(rerun, [fixed(A2)])
    assert take_all(made) == [A3]
    made.end(A3, fixed(A3))
    made.end(B1, failed(B1))
    assert [one.verdict.value for one in made.results()] == ["fixed", "fixed", "fixed", "unfixed"]


def test_what_is_still_red_is_begun_one_after_the_other() -> None:
    made = schedule(A1, A2, A3)
    take_all(made)
    made.end(A1, fixed(A1))
    rerun = made.take_rerun()
    assert rerun is not None
    made.end_rerun(rerun, [])
    assert take_all(made) == [A2]


@pytest.mark.parametrize("verdict", [Verdict.UNFIXED, Verdict.REFUSED, Verdict.BUDGET])
def test_one_more_is_tried_after_a_failure_then_all(verdict: Verdict) -> None:
    made = schedule(A1, A2, A3, A4)
    assert take_all(made) == [A1]
    made.end(A1, failed(A1, verdict))
    assert made.take_rerun() is None
    assert take_all(made) == [A2]
    made.end(A2, failed(A2, verdict))
    assert take_all(made) == [A3, A4]


def test_guesses_that_were_wrong_twice_hold_nothing_up() -> None:
    """The fixes of two others left these red, so they have causes of their own."""
    made = schedule(A1, A2, A3, A4)
    for one in (A1, A2):
        assert take_all(made) == [one]
        made.end(one, fixed(one))
        rerun = made.take_rerun()
        assert rerun is not None
        made.end_rerun(rerun, [])
    assert take_all(made) == [A3, A4]


def test_a_rerun_costs_nothing_and_counts_for_no_limit() -> None:
    made = schedule(A1, A2, B1, limit=1)
    assert take_all(made) == [A1]
    made.end(A1, fixed(A1))
    made.stop("No money.")
    rerun = made.take_rerun()
    assert rerun == Rerun(FIX, (A2,))
    made.end_rerun(rerun, [fixed(A2)])
    assert [one.verdict.value for one in made.results()] == ["fixed", "fixed", "skipped"]


def test_no_rerun_is_begun_after_an_interruption() -> None:
    made = schedule(A1, A2)
    take_all(made)
    made.end(A1, fixed(A1))
    made.interrupt()
    assert (made.take_rerun(), made.take(), len(made.list_ready())) == (None, None, 0)
    assert [one.verdict.value for one in made.results()] == ["fixed", "skipped"]


def test_a_part_that_is_split_off_waits_for_its_kin_too() -> None:
    made = schedule(A1, B1)
    assert take_all(made) == [A1, B1]
    made.add(A2)
    made.end(B1, fixed(B1))
    assert take_all(made) == []
    made.end(A1, failed(A1))
    assert take_all(made) == [A2]


def test_what_only_a_test_edit_can_end_is_run_again_and_comes_last() -> None:
    [failure] = A2.failures
    edit = Cluster(slug="a2", failures=(replace(failure, test_edit="update it"),))
    made = schedule(A1, edit, B1)
    assert take_all(made) == [A1, B1]
    made.end(A1, fixed(A1))
    rerun = made.take_rerun()
    assert rerun == Rerun(FIX, (edit,))
    made.end_rerun(rerun, [])
    assert take_all(made) == []
    made.end(B1, fixed(B1))
    assert take_all(made) == [edit]


def test_kin_that_shows_when_it_is_reproduced_waits_for_whoever_was_first() -> None:
    made = schedule(A1, B1, limit=2)
    assert take_all(made) == [A1, B1]
    entered = [Frame(Path("/project/calc.py"), 1, "add")]
    assert not made.must_wait(A1, entered)
    assert made.must_wait(B1, entered)
    made.put_back(B1)
    assert made.take() is None
    made.end(A1, fixed(A1))
    rerun = made.take_rerun()
    assert rerun == Rerun(FIX, (B1,))
    made.end_rerun(rerun, [])
    assert take_all(made) == [B1]
    assert not made.must_wait(B1, entered)


def test_nobody_waits_for_one_that_has_ended() -> None:
    made = schedule(A1, B1)
    take_all(made)
    made.end(A1, failed(A1))
    assert not made.must_wait(B1, [Frame(Path("/project/calc.py"), 1, "add")])


ENTERED = [Frame(Path("/project/calc.py"), 1, "add")]
OTHER_FIX = Landing(commit="beef", branch="main")


def test_a_fix_of_kin_that_lands_meanwhile_is_tried_before_an_agent() -> None:
    """Its kinship shows only when it is reproduced, and the other one has landed by then."""
    made = schedule(A1, B1)
    assert take_all(made) == [A1, B1]
    made.end(A1, fixed(A1))
    assert made.must_wait(B1, ENTERED)
    made.put_back(B1)
    assert made.take() is None
    assert made.take_rerun() == Rerun(FIX, (B1,))


def test_fixes_of_kin_are_tried_one_after_the_other() -> None:
    """Whoever is being run again with one fix is not run again with another at the same time."""
    made = schedule(A1, B1, A2)
    assert take_all(made) == [A1, B1]
    assert not made.must_wait(A1, ENTERED)
    made.end(A1, fixed(A1))
    first = made.take_rerun()
    assert first == Rerun(FIX, (A2,))
    assert made.must_wait(B1, ENTERED)
    made.end(B1, fixed(B1, OTHER_FIX))
    assert made.take_rerun() is None
    made.end_rerun(first, [])
    second = made.take_rerun()
    assert second == Rerun(OTHER_FIX, (A2,))
    assert made.take() is None
    made.end_rerun(second, [fixed(A2, OTHER_FIX)])
    assert [one.verdict.value for one in made.results()] == ["fixed"] * 3


def test_what_another_fix_has_settled_stays_so() -> None:
    made = schedule(A1, B1, A2)
    take_all(made)
    made.end(A1, fixed(A1))
    first = made.take_rerun()
    assert first is not None
    made.must_wait(B1, ENTERED)
    made.end(B1, fixed(B1, OTHER_FIX))
    made.end_rerun(first, [fixed(A2)])
    assert (made.take_rerun(), made.take()) == (None, None)
    assert made.results()[2].landing == FIX


def test_what_costs_nothing_is_not_kept_back_by_what_is_not_begun() -> None:
    """Three kin ended at one neighbour: the fourth is not tried, and test edits need not wait."""
    [failure] = B1.failures
    edit = Cluster(slug="b1", failures=(replace(failure, test_edit="update it"),))
    made = schedule(A1, A2, A3, A4, edit)
    for one in (A1, A2, A3):
        assert made.take() == one
        made.end(one, at_the_same_neighbour(one))
    assert made.take() == edit
    made.end(edit, failed(edit, Verdict.TEST_SUSPECT))
    assert "as 3 fixes in a row" in made.results()[3].reason
