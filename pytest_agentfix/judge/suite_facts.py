"""Facts about a suite that hold for any change, found once and shared by the judges of a run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from pytest_agentfix.core.model import TestOutcome
from pytest_agentfix.core.slots import Slots
from pytest_agentfix.judge.sessions.orders import RunOrder


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseRun:
    """One session without a change: its red tests, and its own ``trouble``."""

    red: Mapping[str, TestOutcome] = field(default_factory=dict)
    trouble: str = ""


@dataclass(slots=True)
class BaseRuns:
    """All sessions of the same tests in the same order without a change.

    Under ``lock`` one thread at a time adds one, and the others find it.
    """

    runs: list[BaseRun] = field(default_factory=list)
    lock: Slots = field(default_factory=lambda: Slots(1))


@dataclass(slots=True)
class _AllBases:
    """Facts that hold for all bases of a run."""

    seed: int
    passed: tuple[str, ...] | None = None  # of the whole suite, ``None`` until somebody asks
    lock: Slots = field(default_factory=lambda: Slots(1))
    flaky: set[str] = field(default_factory=set)
    always_red: dict[RunOrder, dict[str, TestOutcome]] = field(default_factory=dict)
    can_bear_coverage: bool = True


class SuiteFacts:
    """The results of one base's tests without a change; any thread may use it.

    Accepted fixes have kept green what passed on the first base, so the passing suite is known for
    all bases of a run. So are tests that are red in an order anyway, until they are seen green in
    it. What else is red is found anew for each base.
    """

    def __init__(self, *, seed: int) -> None:
        self._all = _AllBases(seed)
        self._base_runs: dict[tuple[RunOrder, tuple[str, ...]], BaseRuns] = {}

    def on_next_base(self) -> SuiteFacts:
        """Return facts about the same suite that know nothing yet of what is red."""
        following = SuiteFacts(seed=self._all.seed)
        following._all = self._all
        return following

    @property
    def usual(self) -> RunOrder:
        """The suite's own order."""
        return RunOrder()

    @property
    def shuffled(self) -> RunOrder:
        """The run's random order."""
        return RunOrder(self._all.seed)

    @property
    def reversed(self) -> RunOrder:
        """The reverse of the random order."""
        return RunOrder(self._all.seed, is_reversed=True)

    def base_runs(self, order: RunOrder, ids: Iterable[str]) -> BaseRuns:
        """Return the sessions of exactly ``ids`` in ``order`` on this base."""
        return self._base_runs.setdefault((order, tuple(sorted(ids))), BaseRuns())

    @property
    def flaky(self) -> set[str]:
        """The tests that were seen to end in two ways with nothing changed between."""
        return self._all.flaky

    def always_red(self, order: RunOrder) -> dict[str, TestOutcome]:
        """Return the tests that are red in ``order`` without a change, and how they end."""
        return self._all.always_red.setdefault(order, {})

    @property
    def can_bear_coverage(self) -> bool:
        """Tell whether no test is known to be red only while its lines are recorded."""
        return self._all.can_bear_coverage

    def forgo_coverage(self) -> None:
        """Take note that recording lines turns tests of this suite red."""
        self._all.can_bear_coverage = False

    @property
    def suite_lock(self) -> Slots:
        """The lock to hold when calling ``find_suite``."""
        return self._all.lock

    def find_suite(self, ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Return what passes of the whole suite; ``ask`` finds it out the first time.

        The caller holds ``suite_lock``.
        """
        if self._all.passed is None:
            self._all.passed = ask()
        return self._all.passed
