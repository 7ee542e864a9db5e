"""The clone probe: the targets also pass under random names in a random module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pytest_agentfix.core.model import TestOutcome
from pytest_agentfix.judge.findings import RED, Finding, count_tests, describe_gap, describe_outcome
from pytest_agentfix.judge.probe import ProbePlan, Result, Step, Subject
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.variants import make_clone
from pytest_agentfix.judge.variants.doctest_clone import NOT_WRITTEN, clone_doctests
from pytest_agentfix.judge.variants.plan import CLONE, Additions
from pytest_agentfix.judge.variants.source_tests import SourceTests


def add_clones(file: SourceTests) -> Additions:
    """Copy the tests of a file into a new one; of a module that cannot be collected, all of it."""
    modules = Additions()
    if file.modules:
        new = file.make_path()
        modules = Additions(
            ids={one.nodeid: new for one in file.modules},
            files={file.find_full(new): file.source.encode()},
        )
    modules += _add_doctests(file)
    clone = make_clone(
        file.source,
        file.names,
        rng=file.rng,
        conftests=file.conftests,
        module=file.module,
        project=file.project,
    )
    reasons = file.explain(clone.impossible)
    if not clone.names:
        return modules + Additions(impossible=reasons)
    new = file.make_path()
    return modules + Additions(
        ids={
            one.nodeid: "::".join([new, *clone.names[one.name]]) + one.case
            for one in file.tests
            if one.name in clone.names
        },
        files={file.find_full(new): clone.source.encode()},
        impossible=reasons,
    )


def _add_doctests(file: SourceTests) -> Additions:
    """Copy the doctests of a product's file into a new one beside it."""
    tests = {"::".join(one.name): one.nodeid for one in file.doctests}
    clone = clone_doctests(file.path, file.source.encode(), list(tests), rng=file.rng)
    new = file.make_path()
    module = ".".join(filter(None, (clone.package, Path(new).stem)))
    return Additions(
        ids={tests[name]: f"{new}::{module}.{word}" for name, word in clone.names.items()},
        files={file.find_full(new): clone.source.encode()} if clone.names else {},
        impossible={one: NOT_WRITTEN for name, one in tests.items() if name not in clone.names},
    )


class CloneProbe:
    """Runs the clones where no original has run: it may leave something a copy cannot bear.

    Nor do they run together with the regression run: code that wants to recognise a copy would find
    the original there, and leftovers of other tests might make a copy pass.
    """

    name: Final = CLONE
    is_refusing: Final = True

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return one session of all clones, with canaries."""
        added = subject.variants
        if not added.of(CLONE).ids:
            return added.of(CLONE).reason
        task = Task(ids=added.added_ids, files=added.added_files)
        return ProbePlan(steps=(Step(task=task, has_to_pass=True),))

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding:
        """Check that every clone passed."""
        (run,) = results
        assert isinstance(run, SessionResult)
        added = subject.variants.of(CLONE)
        reds = {
            target: outcome
            for target, clone in added.ids.items()
            if (outcome := _find_red(run, clone)) is not None
        }
        if reds:
            target, outcome = next(iter(reds.items()))
            detail = f"{target} under another name {describe_outcome(outcome)}"
            red = tuple(
                TestOutcome(nodeid=target, outcome=outcome.outcome, detail=outcome.detail)
                for target, outcome in reds.items()
            )
            return Finding.failed(CLONE, detail, red=red)
        detail = f"{count_tests(len(added.ids))} passed under other names"
        return Finding.passed(CLONE, detail + describe_gap(added.impossible))


def _find_red(run: SessionResult, clone: str) -> TestOutcome | None:
    """Return the outcome that shows that a clone did not pass."""
    outcomes = _outcomes_below(run, clone)
    red = [outcome for outcome in outcomes if not outcome.is_passed]
    is_module = "::" not in clone
    if is_module and any(o.is_passed for o in outcomes):  # a module may skip some of its own
        red = [outcome for outcome in red if outcome.outcome in (*RED, "missing")]
    if not outcomes:
        return TestOutcome(nodeid=clone, outcome="missing")
    return red[0] if red else None


def _outcomes_below(run: SessionResult, nodeid: str) -> tuple[TestOutcome, ...]:
    if "::" in nodeid:
        return (run.report.outcome_of(nodeid),)
    error = run.report.errors_in(nodeid)
    if error:
        return (error[0].as_outcome(nodeid),)
    return run.report.items_below(nodeid)
