"""A cluster that turns out to have more than one cause, taken apart. Pure.

Which failures belong together is only presumed. Where a change turns some of a cluster green and
leaves others red, the green part has its fix, and the rest is a cluster of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from pytest_agentfix.core.model import Cluster, Judgement, ProbeResult, TestOutcome
from pytest_agentfix.repair.clustering import split_cluster

_TARGET: Final = "target"  # the judge's check that the cluster's own tests are green


def part_by_reds(cluster: Cluster, red: Sequence[TestOutcome]) -> tuple[Cluster, Cluster] | None:
    """The part that is not in ``red`` and the part that is, ``None`` unless there are both."""
    targets = set(cluster.targets)
    reds = {_find_target(outcome.nodeid, targets) for outcome in red}
    if not reds or not reds < targets:  # equal: nothing is green; others: not of this cluster
        return None
    return split_cluster(cluster, reds)


def part_by_judgement(
    cluster: Cluster, judgement: Judgement, *, withheld: Collection[str], is_last: bool
) -> tuple[Cluster, Cluster] | None:
    """The part that a change has turned green and the rest, where that tells two causes apart.

    Between test functions it does. Cases of one function are left together while the agent has
    another attempt: a change that helps only some of them is far more often half a fix. A case
    that the agent was not shown and that stays red says that the change knows the others. Nobody
    has looked at those yet where shown ones are red: they go where all shown cases of their
    function go.
    """
    failed = [probe.name for probe in judgement.probes if probe.result is ProbeResult.FAILED]
    if failed != [_TARGET] or judgement.is_refused:
        return None
    hidden = frozenset(withheld)
    is_special = any(outcome.nodeid in hidden for outcome in judgement.red)
    parts = part_by_reds(cluster, [*judgement.red, *_find_alike(cluster, judgement.red, hidden)])
    if parts is None:
        return None
    green, rest = parts
    is_between = _functions(green).isdisjoint(_functions(rest))
    return parts if is_between or (is_last and not is_special) else None


def _find_target(nodeid: str, targets: Collection[str]) -> str:
    """The target that ``nodeid`` is or lies in: a module may be collected now and have red ones."""
    above = nodeid
    while above not in targets and "::" in above:
        above = above.partition("[")[0].rpartition("::")[0]
    return above if above in targets else nodeid


def _find_alike(
    cluster: Cluster, red: Sequence[TestOutcome], withheld: Collection[str]
) -> list[TestOutcome]:
    """The withheld cases of functions of which every shown case is red."""
    reds = {outcome.nodeid: outcome for outcome in red}
    shown = [one for one in cluster.failures if one.nodeid not in withheld]
    green = {one.function for one in shown if one.nodeid not in reds}
    first = {one.function: reds[one.nodeid] for one in shown if one.nodeid in reds}
    return [
        replace(first[one.function], nodeid=one.nodeid)
        for one in cluster.failures
        if one.nodeid in withheld and one.function in first and one.function not in green
    ]


def _functions(cluster: Cluster) -> set[str]:
    return {failure.function for failure in cluster.failures}
