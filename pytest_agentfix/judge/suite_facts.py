"""What is known of a suite, whatever the change: found once and shared by the judges of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pytest_agentfix.judge.probes import OrderBaseline
from pytest_agentfix.judge.sessions.session_limit import SessionLimiter


@dataclass(slots=True)
class RunOrder:
    """One order to run in, and what the base does in it; ``seed`` ``None`` is the suite's own.

    ``turn`` lets one thread at a time ask the base, so that the others find the answer there.
    """

    seed: int | None
    baseline: OrderBaseline = field(default_factory=OrderBaseline)
    seen: set[str] = field(default_factory=set)
    lock: SessionLimiter = field(default_factory=lambda: SessionLimiter(1))


@dataclass(slots=True)
class _WholeSuite:
    """What passed of all the suite on the first base, ``None`` while nobody has asked."""

    passed: tuple[str, ...] | None = None
    lock: SessionLimiter = field(default_factory=lambda: SessionLimiter(1))


class SuiteFacts:
    """What one base's tests do without a change; any thread may use it.

    Fixes that were accepted have kept green what passed on the first base, so what is in the suite
    is known for all bases of a run. What is red without a change is asked of each base anew: what
    was red on an earlier one may be green by a fix.
    """

    def __init__(self, *, seed: int) -> None:
        self.shuffled = RunOrder(seed)
        self.usual = RunOrder(None)
        self._seed = seed
        self._suite = _WholeSuite()

    def on_next_base(self) -> SuiteFacts:
        """The same suite, and nothing known of what is red."""
        following = SuiteFacts(seed=self._seed)
        following._suite = self._suite
        return following

    @property
    def suite_lock(self) -> SessionLimiter:
        """Who holds it may ask what passes of the suite."""
        return self._suite.lock

    def find_suite(self, ask: Callable[[], tuple[str, ...]]) -> tuple[str, ...]:
        """What passes of all the suite; ``ask`` finds it out where nobody has yet.

        The caller holds ``suite_turn``.
        """
        if self._suite.passed is None:
            self._suite.passed = ask()
        return self._suite.passed
