"""Kin: clusters whose failing tests lead into the same function of the code under test. Pure.

A plain assertion is raised by the test itself, so nothing in such a failure says which mistake it
shows, and three tests of one function are three clusters. Kin are repaired one after another: what
the first one's fix has turned green is never paid for. A wrong guess costs waiting and no money.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import reduce
from itertools import islice
from typing import Final, Protocol

from pytest_agentfix.core.model import Cluster, Failure, Frame
from pytest_agentfix.repair.trails import Function, Trail

SHARE: Final = 0.5  # of the weight of one cluster's suspects that the other one reaches
FEW: Final = 12  # functions entered, of which each may be what a test is about
MANY: Final = 100  # beyond them, what a test enters tells nothing
_FUNCTIONS: Final = 6  # test functions of one cluster that are looked at


class FindsTrails(Protocol):
    """Knows where tests lead; ``trails.TrailFinder`` is one."""

    def find(self, failure: Failure) -> Trail:
        """Find the trail of a failing test."""
        ...

    def name(self, frames: Iterable[Frame]) -> frozenset[Function]:
        """Name the functions of the code under test that ``frames`` are in."""
        ...


class Kinship:
    """Tells which of a run's clusters are kin.

    A function counts the more, the fewer clusters suspect it: what is special about one of two
    clusters has to lie, for the most part, on the trail of the other. So a helper that all tests
    call ties none of them together, unless they call nothing else.

    Once a cluster was reproduced, the functions that its tests have entered are known: where these
    are few, they are on its way, and where neither text nor traceback says anything, they are its
    suspects.
    """

    def __init__(self, clusters: Sequence[Cluster], finder: FindsTrails) -> None:
        self._finder = finder
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

    def learn(self, cluster: Cluster, entered: Iterable[Frame]) -> None:
        """Take note of what the tests of ``cluster`` have entered when it was reproduced."""
        functions = self._finder.name(entered)
        known = self._find_trail(cluster)
        if not functions or len(functions) > MANY or functions <= known.reached:
            return
        self._answers.clear()
        if not known.suspects:
            self._trails[cluster.slug] = Trail(functions, functions)
            self._count += 1
            self._frequency.update(functions)
        elif len(functions) <= FEW:
            self._trails[cluster.slug] = known | Trail(frozenset(), functions)

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
            self._trails[cluster.slug] = reduce(Trail.__or__, map(self._finder.find, some), Trail())
        return self._trails[cluster.slug]
