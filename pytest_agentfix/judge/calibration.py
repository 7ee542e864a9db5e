"""What the judge's additions do on the base, where no code of the agent's is.

An addition that does not behave there as the test it stands for says nothing about a change either:
it is taken away before any change is looked at, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.judge.sessions.command import Task
from pytest_agentfix.judge.sessions.orders import Files
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import PlainRun, Sessions
from pytest_agentfix.judge.variants.plan import CANARY, CLONE, PLAIN, VariantPlan

CONTROL_PATIENCE: Final = 120.0  # seconds for each of the two runs

_NO_ADDITIONS: Final = "the suite does not take tests that are not its own"
_OTHER_NAME: Final = "under another name it does not fail as it does under its own"
_OTHERWISE: Final = "outside pytest it does not fail as it does in it"

RED: Final = frozenset({"failed", "error"})


def control(
    open_sandbox: Callable[[], AbstractContextManager[Sandbox]],
    sessions: Sessions,
    preparation: VariantPlan,
    before: SessionResult,
    *,
    deadline: float,
) -> VariantPlan:
    """Give ``preparation`` without what does not hold on the base.

    ``open_sandbox`` gives sandboxes with the base, and ``before`` is what the cluster's own tests
    did in one.
    """
    known = replace(
        preparation, sys_path=before.report.sys_path, is_tallied=not before.has_odd_tally
    )
    with open_sandbox() as sandbox:
        checked = _control_added(sandbox, sessions, known, before, deadline)
    return control_plain_anew(open_sandbox, sessions, checked, before, deadline=deadline)


def control_plain_anew(
    open_sandbox: Callable[[], AbstractContextManager[Sandbox]],
    sessions: Sessions,
    preparation: VariantPlan,
    before: SessionResult,
    *,
    deadline: float,
) -> VariantPlan:
    """Give ``preparation`` without the plain calls that end otherwise in a fresh sandbox."""
    if not preparation.plain:
        return preparation
    with open_sandbox() as sandbox:
        others = find_other_plain(sandbox, sessions, preparation, before, deadline=deadline)
    reasons = dict.fromkeys(others, _OTHERWISE)
    return preparation.rule_out(PLAIN, reasons).without(plain=others)


def _control_added(
    sandbox: Sandbox,
    sessions: Sessions,
    preparation: VariantPlan,
    before: SessionResult,
    deadline: float,
) -> VariantPlan:
    if not preparation.added_ids:
        return preparation
    task = Task(ids=preparation.added_ids, files=preparation.added_files)
    run = sessions.run_in_time(
        sandbox, task, deadline, patience=CONTROL_PATIENCE, is_tallied=preparation.is_tallied
    )
    if run.trouble or not are_red(run, preparation.canaries):
        everything = dict.fromkeys(preparation.clones, _NO_ADDITIONS)
        without = preparation.rule_out(CLONE, everything).rule_out(CANARY, {"": _NO_ADDITIONS})
        return without.without(clones=preparation.clones, is_without_canaries=True)
    others = dict.fromkeys(find_other_clones(preparation, run, before), _OTHER_NAME)
    return preparation.rule_out(CLONE, others).without(clones=others)


def find_other_clones(
    preparation: VariantPlan, run: SessionResult, before: SessionResult
) -> list[str]:
    """The targets whose clones ended otherwise in ``run`` than they themselves in ``before``."""
    return [
        target
        for target, clone in preparation.clones.items()
        if tell_end(run, clone) != tell_end(before, target)
    ]


def find_other_plain(  # noqa: PLR0913 - the last two by name
    sandbox: Sandbox,
    sessions: Sessions,
    preparation: VariantPlan,
    before: SessionResult,
    *,
    deadline: float,
    files: Files = MappingProxyType({}),
) -> list[str]:
    """The targets whose plain calls end otherwise; ``files`` are laid out beside the tests' own."""
    others: list[str] = []
    for plan in preparation.plain:
        order = {**plan.order, "sys_path": list(preparation.sys_path)}
        whole = {**files, **preparation.test_files}
        run = sessions.run_plain(sandbox, order, whole, deadline, patience=CONTROL_PATIENCE)
        others += [
            target
            for call, target in plan.targets.items()
            if not is_alike(run, call, before, target)
        ]
    return others


def is_alike(plain: PlainRun, call: str, before: SessionResult, target: str) -> bool:
    """Whether a plain call ended as the test did in pytest: the same exception, or none."""
    outcome, exception = tell_end(before, target)
    if plain.trouble or call not in plain.outcomes:
        return False
    is_red = plain.outcomes[call] == "failed"
    return is_red == (outcome in RED) and plain.exceptions.get(call, "") == exception


def tell_end(run: SessionResult, nodeid: str) -> tuple[str, str]:
    """Outcome and exception of an item, or of a module that cannot be collected."""
    error = next((e for e in run.report.collect_errors if e.nodeid == nodeid), None)
    if error is not None:
        return "error", error.exception
    return run.report.outcome_of(nodeid).outcome, run.report.exceptions.get(nodeid, "")


def are_red(run: SessionResult, canaries: tuple[str, ...]) -> bool:
    """Whether all of ``canaries`` failed."""
    return all(run.report.outcome_of(canary).outcome in RED for canary in canaries)
