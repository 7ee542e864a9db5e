"""The ends of a cluster's repair."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.model import ClusterResult, Turn, TurnEnd, Verdict
from pytest_agentfix.repair.state import RepairState
from tests.unit.repair.test_scheduler import make_cluster

DEADLINE = 110.0


@pytest.mark.parametrize(
    ("end", "now", "verdict"),
    [
        (TurnEnd.ERROR, DEADLINE - 1, Verdict.AGENT_ERROR),
        (TurnEnd.ERROR, DEADLINE, Verdict.TIMEOUT),  # the gateway refuses requests by then
        (TurnEnd.STALLED, DEADLINE - 1, Verdict.AGENT_ERROR),
        (TurnEnd.STALLED, DEADLINE, Verdict.TIMEOUT),
        (TurnEnd.CAPPED, DEADLINE - 1, Verdict.BUDGET),
        (TurnEnd.CAPPED, DEADLINE, Verdict.BUDGET),
        (TurnEnd.DEADLINE, DEADLINE, Verdict.TIMEOUT),
    ],
)
def test_limit_is_never_an_error_of_the_agent(end: TurnEnd, now: float, verdict: Verdict) -> None:
    cluster = make_cluster("a")
    pending = ClusterResult(cluster=cluster, verdict=Verdict.SKIPPED, reason="interrupted")
    state = RepairState(cluster, pending, began=100.0, timeout=10.0)
    result = state.end_by_turn(Turn(end=end, detail="so"), now=now)
    assert result.verdict is verdict
    is_told_by_clock = verdict is Verdict.TIMEOUT and end is not TurnEnd.DEADLINE
    assert result.reason == ("not done within 10 s" if is_told_by_clock else "so")
