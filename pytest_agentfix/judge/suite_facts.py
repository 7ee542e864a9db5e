"""Facts about a suite that hold for any change, found once and shared by the judges of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_agentfix.judge.probes import OrderBaseline
from pytest_agentfix.judge.sessions.session_limit import SessionLimiter


@dataclass(slots=True)
class RunOrder:
    """An order to run in, and the base's results in it; ``None`` as seed is the suite's own.

    Under ``lock`` one thread at a time runs the base, and the others find its result.
    """

    seed: int | None
    baseline: OrderBaseline = field(default_factory=OrderBaseline)
    seen: set[str] = field(default_factory=set)
    lock: SessionLimiter = field(default_factory=lambda: SessionLimiter(1))


@dataclass(slots=True)
class _WholeSuite:
    """The tests of the whole suite that passed on the first base, ``None`` until somebody asks."""

    passed: tuple[str, ...] | None = None
    lock: SessionLimiter = field(default_factory=lambda: SessionLimiter(1))


class SuiteFacts:
    """The results of one base's tests without a change; any thread may use it.

    Accepted fixes have kept green what passed on the first base, so the passing suite is known for
    all bases of a run. The red tests are found anew for each base: a fix may have turned them
    green.
    """

    def __init__(self, *, seed: int) -> None:
        self.shuffled = RunOrder(seed)
        self.usual = RunOrder(None)
        self._seed = seed
        self._suite = _WholeSuite()

    def on_next_base(self) -> SuiteFacts:
        """Return facts about the same suite that know nothing yet of what is red."""
        following = SuiteFacts(seed=self._seed)
        following._suite = self._suite
        return following

    @property
    def suite_lock(self) -> SessionLimiter:
        """The lock to hold when calling ``find_suite``."""
        return self._suite.lock

    def find_suite(self, ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """Return what passes of the whole suite; ``ask`` finds it out the first time.

        The caller holds ``suite_lock``.
        """
        if self._suite.passed is None:
            self._suite.passed = ask()
        return self._suite.passed
