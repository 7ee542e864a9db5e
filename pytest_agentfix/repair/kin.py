"""Kin: clusters whose failing tests lead into the same function of the code under test. Pure.

A plain assertion is raised by the test itself, so nothing in such a failure says which mistake it
shows, and three tests of one function are three clusters. Kin are repaired one after another: what
the first one's fix has turned green is never paid for. A wrong guess costs waiting and no money.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import islice
from typing import Final

from pytest_agentfix.core.model import Cluster, Failure
from pytest_agentfix.repair.trails import Function, Trail

SHARE: Final = 0.5  # of the weight of one cluster's suspects that the other one reaches
_FUNCTIONS: Final = 6  # test functions of one cluster that are looked at


class Kinship:
    """Tells which of a run's clusters are kin.

    A function counts the more, the fewer clusters suspect it: what is special about one of two
    clusters has to lie, for the most part, on the trail of the other. So a helper that all tests
    call ties none of them together, unless they call nothing else.
    """

    def __init__(self, clusters: Sequence[Cluster], find: Callable[[Failure], Trail]) -> None:
        self._find = find
        self._trails: dict[str, Trail] = {}  # by slug
        self._answers: dict[tuple[str, str], bool] = {}  # by both slugs: it is asked often
        trails = [self._find_trail(cluster) for cluster in clusters]
        self._count = max(1, sum(1 for trail in trails if trail.suspects))
        self._frequency = Counter(one for trail in trails for one in trail.suspects)

    def are_kin(self, one: Cluster, other: Cluster) -> bool:
        """Return whether both may have one cause; the order makes no difference."""
        key = (min(one.slug, other.slug), max(one.slug, other.slug))
        if key not in self._answers:
            self._answers[key] = self._compare(self._find_trail(one), self._find_trail(other))
        return self._answers[key]

    def _compare(self, one: Trail, other: Trail) -> bool:
        return (
            max(self._share(one.suspects, other.reached), self._share(other.suspects, one.reached))
            >= SHARE
        )

    def _share(self, suspects: frozenset[Function], reached: frozenset[Function]) -> float:
        whole = self._weigh(suspects)
        return self._weigh(suspects & reached) / whole if whole else 0.0

    def _weigh(self, functions: Iterable[Function]) -> float:
        """Add up weights: the inverse document frequency, a cluster being a document."""
        return sum(math.log((self._count + 1) / max(1, self._frequency[one])) for one in functions)

    def _find_trail(self, cluster: Cluster) -> Trail:
        if cluster.slug not in self._trails:
            firsts = {failure.function: failure for failure in reversed(cluster.failures)}
            some = islice(map(firsts.__getitem__, cluster.functions), _FUNCTIONS)
            self._trails[cluster.slug] = reduce(Trail.__or__, map(self._find, some), Trail())
        return self._trails[cluster.slug]
