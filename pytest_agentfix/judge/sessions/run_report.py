"""What the in-sandbox reporter claims about one pytest session (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pytest_agentfix.core.model import TestOutcome

_RED = ("failed", "error", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectError:
    """One collector that could not be collected; ``exception`` is the cause's type name."""

    nodeid: str
    exception: str
    message: str
    detail: str

    @property
    def summary(self) -> str:
        """The error in a line."""
        return self.message or self.exception or f"{self.nodeid} cannot be collected"


@dataclass(frozen=True, slots=True)
class Tally:
    """What pytest's own session counted, as the second channel tells it.

    ``failed`` counts reports of a failed phase or collector; one test can have several.
    """

    collected: int
    failed: int
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One pytest session as its reporter tells it.

    ``exit_code`` is what pytest returned, ``None`` where that was not told. ``is_complete``: the
    finish was told and nothing after it. ``is_consistent``: every line made sense and the counts
    at the end agree with the lines. ``exceptions`` has the type name of each failure,
    ``sys_path`` what ``sys.path`` was when all tests had been imported, ``covered`` the tests that
    ran a line asked about, ``cover_problem`` why nobody knows. ``reaching`` are those that can have
    run a function asked about, ``reach_gap`` says why there may be more.
    """

    has_started: bool = False
    collected: tuple[str, ...] = ()
    outcomes: Mapping[str, TestOutcome] = field(default_factory=dict)
    collect_errors: tuple[CollectError, ...] = ()
    exit_code: int | None = None
    is_complete: bool = False
    is_consistent: bool = False
    failed_reports: int = 0
    exceptions: Mapping[str, str] = field(default_factory=dict)
    sys_path: tuple[str, ...] = ()
    covered: tuple[str, ...] = ()
    cover_problem: str = ""
    reaching: tuple[str, ...] = ()
    reaching_unknown_reason: str = ""

    def outcome_of(self, nodeid: str) -> TestOutcome:
        """Give the outcome of one item, ``missing`` where it was never reported."""
        known = self.outcomes.get(nodeid)
        if known is not None:
            return known
        error = self.error_above(nodeid)
        return TestOutcome(nodeid=nodeid, outcome="missing", detail=error.detail if error else "")

    def outcome_below(self, nodeid: str) -> TestOutcome:
        """Give one outcome of an item, or of all that a collector holds: passed where none is red.

        A collector whose tests are all skipped is skipped.
        """
        errors = self.errors_in(nodeid)
        if errors:
            return TestOutcome(nodeid=nodeid, outcome="error", detail=errors[0].detail)
        items = () if nodeid in self.outcomes else self.items_below(nodeid)
        if not items:
            return self.outcome_of(nodeid)
        ends = [item for item in items if item.outcome in _RED]
        ends += [item for item in items if item.is_passed]
        return replace((*ends, *items)[0], nodeid=nodeid)

    def items_below(self, collector: str) -> tuple[TestOutcome, ...]:
        """Give the outcomes of all items of a collector (a file, a class, a folder)."""
        items = dict.fromkeys((*self.collected, *self.outcomes))
        return tuple(self.outcome_of(nodeid) for nodeid in items if is_below(nodeid, collector))

    def error_above(self, nodeid: str) -> CollectError | None:
        """Find the collection error that took ``nodeid`` away, if one did."""
        return next((e for e in self.collect_errors if is_below(nodeid, e.nodeid)), None)

    def errors_in(self, collector: str) -> tuple[CollectError, ...]:
        """Find the collection errors of a collector and of all below it."""
        return tuple(e for e in self.collect_errors if is_below(e.nodeid, collector))

    @property
    def expected_exit(self) -> int:
        """The exit status pytest ought to have had with these outcomes."""
        if self.collect_errors or any(
            outcome.outcome in ("failed", "error") for outcome in self.outcomes.values()
        ):
            return 1
        return 0 if self.collected else 5


def is_below(nodeid: str, collector: str) -> bool:
    """Whether ``nodeid`` is ``collector`` or lies in it; ``""`` and ``.`` hold everything."""
    below = (f"{collector}::", f"{collector}/")
    return collector in ("", ".", nodeid) or nodeid.startswith(below)
