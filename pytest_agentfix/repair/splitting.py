"""Split a cluster that turns out to have more than one cause. Pure.

That its failures belong together is only presumed. Where a change turns some of a cluster green and
leaves others red, the green part has its fix, and the rest is a cluster of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from pytest_agentfix.core.model import Cluster, Judgement, ProbeResult, TestOutcome
from pytest_agentfix.repair.clustering import split_cluster

_TARGET: Final = "target"  # the judge's check that the cluster's own tests are green


def split_by_failing(
    cluster: Cluster, red: Sequence[TestOutcome]
) -> tuple[Cluster, Cluster] | None:
    """Return the part that is not in ``red`` and the part that is; ``None`` unless both exist."""
    targets = set(cluster.targets)
    reds = {_find_target(outcome.nodeid, targets) for outcome in red}
    if not reds or not reds < targets:  # equal: nothing is green; others: not of this cluster
        return None
    return split_cluster(cluster, reds)


def split_by_judgement(
    cluster: Cluster, judgement: Judgement, *, withheld: Collection[str], is_last: bool
) -> tuple[Cluster, Cluster] | None:
    """Return the part that a change has turned green and the rest, where that separates two causes.

    Between test functions it does. Cases of one function stay together while the agent has
    another attempt: a change that helps only some of them is far more often half a fix. A withheld
    case that stays red while the shown ones are green means that the change was fitted to those.
    Withheld cases are not run while shown ones are red: they go where all shown cases of their
    function go.
    """
    failed = [probe.name for probe in judgement.probes if probe.result is ProbeResult.FAILED]
    if failed != [_TARGET] or judgement.is_refused:
        return None
    hidden = frozenset(withheld)
    is_special = any(outcome.nodeid in hidden for outcome in judgement.red)
    split = split_by_failing(
        cluster, [*judgement.red, *_find_alike(cluster, judgement.red, hidden)]
    )
    if split is None:
        return None
    green, rest = split
    is_between = _functions(green).isdisjoint(_functions(rest))
    return split if is_between or (is_last and not is_special) else None


def _find_target(nodeid: str, targets: Collection[str]) -> str:
    """Find the target that is ``nodeid`` or has it: a module that is collected now may be red."""
    above = nodeid
    while above not in targets and "::" in above:
        above = above.partition("[")[0].rpartition("::")[0]
    return above if above in targets else nodeid


def _find_alike(
    cluster: Cluster, red: Sequence[TestOutcome], withheld: Collection[str]
) -> list[TestOutcome]:
    """Find the withheld cases of functions of which every shown case is red."""
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
