"""Sums over the clusters of a run, for every kind of report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from pytest_agentfix.core.model import ClusterResult, RunResult, Tokens, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums over all clusters of a run.

    ``verdicts`` holds every verdict, in the order of ``Verdict``, those that never occurred as 0.
    ``held_back`` counts the fixes that do not count as green. ``cost_usd`` adds up the known costs,
    ``None`` if there is none; ``is_cost_complete`` says whether every cluster that used tokens is
    in it.
    """

    failures: int
    clusters: int
    verdicts: Mapping[Verdict, int]
    held_back: int
    attempts: int
    seconds: float
    agent_seconds: float
    test_seconds: float
    tokens: Tokens
    cost_usd: float | None
    is_cost_complete: bool

    @property
    def is_green(self) -> bool:
        """Tell whether every cluster was fixed, and no fix held back."""
        return not self.held_back and all(
            verdict.is_green or not count for verdict, count in self.verdicts.items()
        )


def add_up(result: RunResult) -> Totals:
    """Return a run's totals; ``seconds`` is its own wall clock, not the sum of its clusters."""
    clusters = result.clusters
    verdicts = [each.verdict for each in clusters]
    costs = [cost for cost in map(known_cost, clusters) if cost is not None]
    return Totals(
        failures=sum(len(each.cluster.failures) for each in clusters),
        clusters=len(clusters),
        verdicts={verdict: verdicts.count(verdict) for verdict in Verdict},
        held_back=sum(1 for each in clusters if each.verdict.is_green and not each.is_green),
        attempts=sum(each.attempts for each in clusters),
        seconds=result.seconds,
        agent_seconds=sum(each.agent_seconds for each in clusters),
        test_seconds=sum(each.test_seconds for each in clusters),
        tokens=sum((each.tokens for each in clusters), Tokens()),
        cost_usd=sum(costs) if costs else None,
        is_cost_complete=not any(map(_is_cost_missing, clusters)),
    )


def known_cost(result: ClusterResult) -> float | None:
    """Return the cluster's cost in US dollars, ``None`` if unknown.

    The figure comes through the pipe, so a value that cannot be a sum of money (negative,
    infinite, not a number) counts as unknown.
    """
    cost = result.cost_usd
    return cost if cost is not None and math.isfinite(cost) and cost >= 0 else None


def _is_cost_missing(result: ClusterResult) -> bool:
    return known_cost(result) is None and result.tokens != Tokens()
