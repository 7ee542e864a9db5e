"""The plain-call probe: the targets pass in a process that has not loaded pytest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pytest_agentfix.judge.findings import Finding, count_tests, describe_gap
from pytest_agentfix.judge.probe import PlainTask, ProbePlan, Result, Step, Subject
from pytest_agentfix.judge.sessions.sessions import PlainRun
from pytest_agentfix.judge.variants import PlainCall, make_plain, make_word
from pytest_agentfix.judge.variants.plan import PLAIN, Additions, VariantPlan
from pytest_agentfix.judge.variants.source_tests import PlannedTest, SourceTests

_WHICH_CASE: Final = "it is not known which of its cases this is"


def add_plain_calls(file: SourceTests) -> Additions:
    """Reduce a test file to a module that needs no pytest, with a call of each test."""
    plain = make_plain(
        file.source,
        file.names,
        rng=file.rng,
        conftests=file.conftests,
        module=file.module,
        project=file.project,
    )
    reasons = file.explain(plain.impossible)
    calls: list[Mapping[str, object]] = []
    ids = {}
    for one in file.tests:
        call = plain.calls.get(one.name)
        if call is None:
            continue
        name = make_word(file.rng)
        order = _order_call(name, one, call)
        if order is None:
            reasons[one.nodeid] = _WHICH_CASE
        else:
            calls.append(order)
            ids[one.nodeid] = name
    if not calls:
        return Additions(impossible=reasons)
    order = {
        "source": plain.source,
        "file": file.full_path,
        "filename": f"/{make_word(file.rng)}.py",
        "name": ".".join([*file.packages, make_word(file.rng)]),
        "calls": calls,
    }
    return Additions(ids=ids, orders=(order,), impossible=reasons)


def _order_call(name: str, test: PlannedTest, call: PlainCall) -> Mapping[str, object] | None:
    """Return the call for ``call_runner.py``, ``None`` if its case is not known.

    pytest's indices count the combinations if there is more than one ``parametrize``.
    """
    case = test.failure.case
    if len(call.parameters) > 1 or any(one.names[0] not in case for one in call.parameters):
        return None
    return call.describe(name, case)


def list_plain_tasks(variants: VariantPlan) -> list[PlainTask]:
    """List the tasks of all plain calls, one for each test file."""
    return [
        PlainTask(order={**order, "sys_path": list(variants.sys_path)}, files=variants.test_files)
        for order in variants.of(PLAIN).calls
    ]


class PlainCallProbe:
    """Calls the targets outside pytest."""

    name: Final = PLAIN
    is_refusing: Final = True

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Return a process for each test file."""
        tasks = list_plain_tasks(subject.variants)
        if not tasks:
            return subject.variants.of(PLAIN).reason
        return ProbePlan(steps=[Step(task=task) for task in tasks])

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding:
        """Check that every call passed."""
        added = subject.variants.of(PLAIN)
        targets = {call: target for target, call in added.ids.items()}
        for order, run in zip(added.calls, results, strict=True):
            assert isinstance(run, PlainRun)
            if problem := _find_problem(order, run, targets):
                return Finding.failed(PLAIN, problem)
        detail = f"{count_tests(len(added.ids))} passed outside pytest"
        return Finding.passed(PLAIN, detail + describe_gap(added.impossible))


def _find_problem(order: Mapping[str, Any], run: PlainRun, targets: Mapping[str, str]) -> str:
    if run.trouble:
        return f"the plain call {run.trouble}"
    called = [call["id"] for call in order["calls"]]
    other = [call for call in called if run.outcomes.get(call) != "passed"]
    if not other:
        return ""
    said = [run.exceptions.get(other[0], ""), run.details.get(other[0], "")]
    return f"{targets[other[0]]} as a plain call did not pass ({': '.join(filter(None, said))})"
