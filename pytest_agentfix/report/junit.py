"""Properties for pytest's JUnit XML: the outcome of each failing test."""

from __future__ import annotations

from pytest_agentfix.core.model import ClusterResult, RunResult
from pytest_agentfix.core.text import clean

Properties = tuple[tuple[str, str], ...]


def properties(result: RunResult) -> dict[str, Properties]:
    """Map each target's node id to its properties, names and values safe in XML 1.0.

    A test in several clusters has the properties of each, in the order of the clusters. Node ids
    are exact: they are keys, not text.
    """
    found: dict[str, Properties] = {}
    for each in result.clusters:
        for nodeid in each.cluster.targets:
            found[nodeid] = found.get(nodeid, ()) + _describe(each)
    return found


def _describe(result: ClusterResult) -> Properties:
    commit = result.landing.commit if result.landing else None
    return (
        ("agent_fix.verdict", result.verdict.value),
        ("agent_fix.reason", clean(result.reason)),
        *((("agent_fix.commit", clean(commit)),) if commit else ()),
        ("agent_fix.attempts", str(result.attempts)),
    )
