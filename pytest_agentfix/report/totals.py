"""Sums over the clusters of a run and over its bugs, for every kind of report.

What one commit or patch has fixed was one bug, however many causes it was taken for.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_agentfix.core.model import ClusterResult, RunResult, Tokens, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sums over all clusters of a run.

    ``bugs`` counts what ``find_bugs`` puts together. ``verdicts`` holds every verdict, in the order
    of ``Verdict``, those that never occurred as 0. ``held_back`` counts the fixes that do not count
    as green. ``cost_usd`` adds up the known costs, ``None`` if there is none; ``is_cost_complete``
    says whether every cluster that used tokens is in it.
    """

    failures: int
    clusters: int
    bugs: int
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
        bugs=len(find_bugs(clusters)),
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


@dataclass(frozen=True, slots=True)
class Bug:
    """The clusters that one commit or patch has turned green, or one other cluster."""

    results: tuple[ClusterResult, ...]

    @property
    def main(self) -> ClusterResult:
        """The one that was repaired; the others turned green with it."""
        tried = [one for one in self.results if one.attempts]
        return next((one for one in tried if one.files), (tried or self.results)[0])

    @property
    def tests(self) -> tuple[str, ...]:
        """The node ids of all its tests."""
        return tuple(target for one in self.results for target in one.cluster.targets)

    @property
    def bill(self) -> ClusterResult:
        """The main result with the effort that all of them took."""
        costs = [cost for cost in map(known_cost, self.results) if cost is not None]
        return replace(
            self.main,
            attempts=sum(one.attempts for one in self.results),
            seconds=sum(one.seconds for one in self.results),
            tokens=sum((one.tokens for one in self.results), Tokens()),
            cost_usd=sum(costs) if costs else None,
            kept=tuple(place for one in self.results for place in one.kept),
        )


def find_bugs(results: Sequence[ClusterResult]) -> tuple[Bug, ...]:
    """Put together what one commit or patch has fixed, in the order of each one's first result."""
    groups: dict[object, list[ClusterResult]] = {}
    for place, result in enumerate(results):
        landing = result.landing if result.verdict.is_green else None
        where = landing and (landing.commit or landing.patch)
        groups.setdefault(where or place, []).append(result)
    return tuple(Bug(tuple(group)) for group in groups.values())
