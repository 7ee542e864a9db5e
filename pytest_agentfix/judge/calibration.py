"""Calibration: try the judge's additions on the base, where there is no code of the agent's.

An addition that does not behave there like the test it stands for proves nothing about a change
either. It is removed, with the reason, before any change is judged.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from pytest_agentfix.core.model import ChangeSet
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.judge.failure_comparison import has_timed_out
from pytest_agentfix.judge.findings import RED
from pytest_agentfix.judge.probes.plain_call import list_plain_tasks
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.orders import Files
from pytest_agentfix.judge.sessions.parallel import OpenSandbox
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import PlainRun, Sessions
from pytest_agentfix.judge.variants.plan import CANARY, CLONE, PLAIN, VariantPlan

LONGEST: Final = 120.0  # seconds for each of the two runs
_FACTOR: Final = 3.0  # how much longer additions may take than the tests themselves did
_EXTRA: Final = 10.0  # seconds on top

_NO_ADDITIONS: Final = "the suite does not take tests that are not its own"
_OTHER_NAME: Final = "under another name it does not fail as it does under its own"
_ENDLESS: Final = "it runs into a time limit, which only pytest keeps"
_OTHERWISE: Final = "outside pytest it does not fail as it does in it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrator:
    """Leaves out the additions that do not hold on the base.

    ``base_run`` is the session of the cluster's own tests in a sandbox with the base.
    """

    open_sandbox: OpenSandbox
    sessions: Sessions
    base_run: SessionResult
    deadline: float

    def calibrate(self, variant_plan: VariantPlan) -> VariantPlan:
        """Return ``variant_plan`` without the additions that do not hold on the base."""
        known = replace(self.rule_out_endless_calls(variant_plan), usual=self.base_run.as_usual)
        with self.open_sandbox(ChangeSet()) as sandbox:
            checked = self._calibrate_added(sandbox, known)
        return self.recheck_plain_calls(checked)

    def rule_out_endless_calls(self, variant_plan: VariantPlan) -> VariantPlan:
        """Return the plan with the base's import path, and without calls that would never end.

        These are the calls of tests that ran into a time limit, which only pytest keeps.
        """
        report = self.base_run.report
        targets = variant_plan.of(PLAIN).ids
        endless = [one for one in targets if has_timed_out(report.outcome_of(one))]
        known = variant_plan.without(PLAIN, dict.fromkeys(endless, _ENDLESS))
        return replace(known, sys_path=report.sys_path)

    def recheck_plain_calls(self, variant_plan: VariantPlan) -> VariantPlan:
        """Return ``variant_plan`` without the plain calls that end differently in a new sandbox."""
        if not variant_plan.of(PLAIN).ids:
            return variant_plan
        with self.open_sandbox(ChangeSet(), is_bare=True) as sandbox:
            others = self.find_differing_plain_calls(sandbox, variant_plan)
        return variant_plan.without(PLAIN, dict.fromkeys(others, _OTHERWISE))

    @property
    def _patience(self) -> float:
        return min(LONGEST, self.base_run.completed.seconds * _FACTOR + _EXTRA)

    def _calibrate_added(self, sandbox: Sandbox, variant_plan: VariantPlan) -> VariantPlan:
        if not variant_plan.added_ids:
            return variant_plan
        task = Task(ids=variant_plan.added_ids, files=variant_plan.added_files)
        run = self.sessions.run_in_time(
            sandbox,
            task,
            self.deadline,
            patience=self._patience,
            usual=variant_plan.usual,
        )
        if run.trouble or not are_red(run, variant_plan.canaries):
            for probe in (CLONE, CANARY):
                everything = dict.fromkeys(variant_plan.of(probe).ids, _NO_ADDITIONS)
                variant_plan = variant_plan.without(probe, everything)
            return variant_plan
        others = find_differing_clones(variant_plan, run, self.base_run)
        return variant_plan.without(CLONE, dict.fromkeys(others, _OTHER_NAME))

    def find_differing_plain_calls(
        self, sandbox: Sandbox, variant_plan: VariantPlan, files: Files = MappingProxyType({})
    ) -> list[str]:
        """List the targets whose plain calls end differently.

        ``files`` are written beside the tests' own.
        """
        others: list[str] = []
        targets = {call: target for target, call in variant_plan.of(PLAIN).ids.items()}
        for task in list_plain_tasks(variant_plan):
            whole = {**files, **task.files}
            run = self.sessions.run_plain(
                sandbox, task.order, whole, self.deadline, patience=self._patience
            )
            called = [call["id"] for call in task.order["calls"]]
            others += [
                targets[call]
                for call in called
                if not is_alike(run, call, self.base_run, targets[call])
            ]
        return others


def find_differing_clones(
    variant_plan: VariantPlan, run: SessionResult, base_run: SessionResult
) -> list[str]:
    """List the targets whose clones ended differently in ``run`` than they did in ``base_run``."""
    return [
        target
        for target, clone in variant_plan.of(CLONE).ids.items()
        if describe_end(run, clone) != describe_end(base_run, target)
    ]


def is_alike(plain: PlainRun, call: str, base_run: SessionResult, target: str) -> bool:
    """Return whether a plain call ended as the test did in pytest: the same exception, or none."""
    outcome, exception = describe_end(base_run, target)
    if plain.trouble or call not in plain.outcomes:
        return False
    is_red = plain.outcomes[call] == "failed"
    return is_red == (outcome in RED) and plain.exceptions.get(call, "") == exception


def describe_end(run: SessionResult, nodeid: str) -> tuple[str, str]:
    """Return outcome and exception of an item, or of a module that could not be collected."""
    error = next((e for e in run.report.collect_errors if e.nodeid == nodeid), None)
    if error is not None:
        return "error", error.exception
    return run.report.outcome_of(nodeid).outcome, run.report.exceptions.get(nodeid, "")


def are_red(run: SessionResult, canaries: tuple[str, ...]) -> bool:
    """Return whether all of ``canaries`` failed."""
    return all(run.report.outcome_of(canary).outcome in RED for canary in canaries)
