"""The in-sandbox reporter's claims about one pytest session (pure)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from pytest_agentfix.core.model import Frame, TestOutcome, Want
from pytest_agentfix.judge.locality.repeated_calls import NO_CALLS, RepeatedCalls
from pytest_agentfix.judge.sessions.call_traces import TracedTest

_RED = ("failed", "error", "missing")


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectError:
    """One collector that could not be collected.

    The fields are those of ``TestOutcome``; they are about the cause where pytest wraps one.
    """

    nodeid: str
    exception: str
    message: str
    detail: str
    frame: Frame | None = None
    want: Want | None = None

    @property
    def summary(self) -> str:
        """The error in one line."""
        said = ": ".join(filter(None, (self.exception, self.message)))
        return said or f"{self.nodeid} cannot be collected"

    def as_outcome(self, nodeid: str, outcome: str = "error") -> TestOutcome:
        """Return the outcome of a collector, or of an item that this error hides."""
        return TestOutcome(
            nodeid=nodeid,
            outcome=outcome,
            detail=self.detail,
            exception=self.exception,
            message=self.message,
            frame=self.frame,
            want=self.want,
        )


@dataclass(frozen=True, slots=True)
class Tally:
    """The counters of pytest's own session, as reported on the second channel.

    ``failed`` counts reports of a failed phase or collector; one test can have several.
    """

    collected: int
    failed: int
    exit_code: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """One pytest session as its reporter describes it.

    ``exit_code`` is pytest's, ``None`` if it was not reported. ``raised`` is the type's name of the
    exception that pytest ended with, "" for none. ``is_cut``: it has more tests, or longer ids,
    than are read. ``is_complete``: the finish was reported and nothing after it. ``is_consistent``:
    every line made sense, and the final counts agree with the lines. ``exceptions`` holds the type
    name of each failure, ``sys_path`` is ``sys.path`` after all tests were imported. ``covered``
    are the tests that ran a line of ``cover``; ``cover_problem`` says why these are not known.
    ``reaching`` are the tests that may have run a line of ``around``; ``reaching_unknown_reason``
    says why there may be more. ``traced`` are the tests whose calls were recorded;
    ``trace_problem`` says why none were. ``entered`` are the project's functions that each test
    entered, with the lines they begin on. ``repeated`` are the calls that were varied.
    """

    has_started: bool = False
    collected: tuple[str, ...] = ()
    outcomes: Mapping[str, TestOutcome] = field(default_factory=dict)
    collect_errors: tuple[CollectError, ...] = ()
    exit_code: int | None = None
    raised: str = ""
    is_cut: bool = False
    is_complete: bool = False
    is_consistent: bool = False
    failed_reports: int = 0
    exceptions: Mapping[str, str] = field(default_factory=dict)
    sys_path: tuple[str, ...] = ()
    covered: tuple[str, ...] = ()
    cover_problem: str = ""
    reaching: tuple[str, ...] = ()
    reaching_unknown_reason: str = ""
    traced: Mapping[str, TracedTest] = field(default_factory=dict)
    trace_problem: str = ""
    entered: Mapping[str, tuple[Frame, ...]] = field(default_factory=dict)
    repeated: RepeatedCalls = NO_CALLS

    def outcome_of(self, nodeid: str) -> TestOutcome:
        """Return the outcome of one item, ``missing`` if it was never reported."""
        known = self.outcomes.get(nodeid)
        if known is not None:
            return known
        error = self.error_above(nodeid)
        if error is not None:
            return error.as_outcome(nodeid, "missing")
        return TestOutcome(nodeid=nodeid, outcome="missing")

    def outcome_below(self, nodeid: str) -> TestOutcome:
        """Return one outcome for an item or for a whole collector: passed if nothing in it is red.

        A collector whose tests are all skipped is skipped.
        """
        errors = self.errors_in(nodeid)
        if errors:
            return errors[0].as_outcome(nodeid)
        items = () if nodeid in self.outcomes else self.items_below(nodeid)
        if not items:
            return self.outcome_of(nodeid)
        ends = [item for item in items if item.outcome in _RED]
        ends += [item for item in items if item.is_passed]
        return replace((*ends, *items)[0], nodeid=nodeid)

    def items_below(self, collector: str) -> tuple[TestOutcome, ...]:
        """List the outcomes of all items of a collector (a file, a class, a folder)."""
        items = dict.fromkeys((*self.collected, *self.outcomes))
        return tuple(self.outcome_of(nodeid) for nodeid in items if is_below(nodeid, collector))

    def error_above(self, nodeid: str) -> CollectError | None:
        """Return the collection error that hides ``nodeid``, if there is one."""
        return next((e for e in self.collect_errors if is_below(nodeid, e.nodeid)), None)

    def errors_in(self, collector: str) -> tuple[CollectError, ...]:
        """List the collection errors of a collector and of all below it."""
        return tuple(e for e in self.collect_errors if is_below(e.nodeid, collector))

    @property
    def expected_exit(self) -> int:
        """The exit status pytest must have had with these outcomes."""
        if self.collect_errors or any(
            outcome.outcome in ("failed", "error") for outcome in self.outcomes.values()
        ):
            return 1
        return 0 if self.collected else 5


def is_below(nodeid: str, collector: str) -> bool:
    """Return whether ``nodeid`` is or lies in ``collector``; ``""`` and ``.`` hold everything."""
    below = (f"{collector}::", f"{collector}/")
    return collector in ("", ".", nodeid) or nodeid.startswith(below)
