"""The mutant probe: the targets fail once something else is expected of the code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_agentfix.judge.findings import RED, Finding, count_tests, describe_gap, describe_outcome
from pytest_agentfix.judge.probe import ProbePlan, Result, Step, Subject
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.variants import make_mutant
from pytest_agentfix.judge.variants.plan import MUTANT, Additions
from pytest_agentfix.judge.variants.source_tests import SourceTests


def add_mutants(file: SourceTests) -> Additions:
    """Change the expectations of the tests of a file, which keep their names."""
    mutant = make_mutant(file.source, file.names, rng=file.rng, project=file.project)
    reasons = file.explain(mutant.impossible)
    ids = {one.nodeid: one.nodeid for one in file.tests if one.name in mutant.names}
    if not ids:
        return Additions(impossible=reasons)
    files = {file.full_path: mutant.source.encode()}
    return Additions(ids=ids, files=files, impossible=reasons)


class MutantProbe:
    """Runs the targets with other expectations, under their own names and at their own paths."""

    name: Final = MUTANT
    is_refusing: Final = True

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return one session of all mutants."""
        added = subject.variants.of(MUTANT)
        if not added.ids:
            return added.reason
        return ProbePlan(steps=(Step(task=Task(ids=tuple(added.ids), files=added.files)),))

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding:
        """Check that every mutant failed."""
        (run,) = results
        assert isinstance(run, SessionResult)
        added = subject.variants.of(MUTANT)
        outcomes = [run.report.outcome_of(target) for target in added.ids]
        passed = next((one for one in outcomes if one.outcome not in RED), None)
        if passed is not None:
            detail = f"{passed.nodeid} with another expectation {describe_outcome(passed)}"
            return Finding.failed(MUTANT, detail)
        detail = f"{count_tests(len(added.ids))} failed once something else was expected"
        return Finding.passed(MUTANT, detail + describe_gap(added.impossible))
