"""Limit the time of sessions of a cluster's targets (pure); all in seconds.

Sessions that run what passed before have the cluster's time only: their time is known to nobody.
"""

from __future__ import annotations

from typing import Final

from pytest_agentfix.core.model import Cluster

START_UP: Final = 60.0  # for pytest, its plugins and the imports to start in a sandbox
FACTOR: Final = 5  # how much slower a sandbox may be than the user's own run


def limit_on_base(cluster: Cluster, *, longest: float) -> float:
    """Return how long the targets may run as they are: they ended for the user."""
    if cluster.seconds is None:
        return longest
    return min(longest, START_UP + FACTOR * cluster.seconds)


def limit_with_change(cluster: Cluster, on_base: float, *, longest: float) -> float:
    """Return how long the targets may run with a change; ``on_base`` is what they took before.

    A test that gets beyond the line where it failed has more to do than it had.
    """
    if cluster.seconds is None:
        return longest
    return min(longest, START_UP + 2 * FACTOR * max(cluster.seconds, on_base))
