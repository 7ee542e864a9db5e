"""What the judge's additions do on the base, where no code of the agent's is.

An addition that does not behave there as the test it stands for says nothing about a change either:
it is taken away before any change is looked at, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Final

from pytest_agentfix.judge.command import Task
from pytest_agentfix.judge.preparation import CANARY, CLONE, PLAIN, Preparation
from pytest_agentfix.judge.run import Run
from pytest_agentfix.judge.sessions import PlainRun, Sessions
from pytest_agentfix.ports import Sandbox

CONTROL_PATIENCE: Final = 120.0  # seconds for each of the two runs

_NO_ADDITIONS: Final = "the suite does not take tests that are not its own"
_OTHER_NAME: Final = "under another name it does not fail as it does under its own"
_OTHERWISE: Final = "outside pytest it does not fail as it does in it"

RED: Final = frozenset({"failed", "error"})


def control(
    open_sandbox: Callable[[], AbstractContextManager[Sandbox]],
    sessions: Sessions,
    preparation: Preparation,
    before: Run,
    *,
    deadline: float,
) -> Preparation:
    """Give ``preparation`` without what does not hold on the base.

    ``open_sandbox`` gives sandboxes with the base, and ``before`` is what the cluster's own tests
    did in one.
    """
    known = replace(
        preparation, sys_path=before.report.sys_path, is_tallied=not before.has_odd_tally
    )
    with open_sandbox() as sandbox:
        checked = _control_added(sandbox, sessions, known, before, deadline)
    if not checked.plain:
        return checked
    with open_sandbox() as sandbox:
        return _control_plain(sandbox, sessions, checked, before, deadline)


def _control_added(
    sandbox: Sandbox, sessions: Sessions, preparation: Preparation, before: Run, deadline: float
) -> Preparation:
    if not preparation.added_ids:
        return preparation
    limit = min(CONTROL_PATIENCE, sessions.remaining(deadline))
    task = Task(ids=preparation.added_ids, files=preparation.added_files)
    run = sessions.run(sandbox, task, limit=limit, is_tallied=preparation.is_tallied)
    if run.trouble or not _are_red(run, preparation.canaries):
        everything = dict.fromkeys(preparation.clones, _NO_ADDITIONS)
        without = preparation.rule_out(CLONE, everything).rule_out(CANARY, {"": _NO_ADDITIONS})
        return without.without(clones=preparation.clones, is_without_canaries=True)
    others = {
        target: _OTHER_NAME
        for target, clone in preparation.clones.items()
        if tell_end(run, clone) != tell_end(before, target)
    }
    return preparation.rule_out(CLONE, others).without(clones=others)


def _control_plain(
    sandbox: Sandbox, sessions: Sessions, preparation: Preparation, before: Run, deadline: float
) -> Preparation:
    others: dict[str, str] = {}
    for plan in preparation.plain:
        limit = min(CONTROL_PATIENCE, sessions.remaining(deadline))
        order = {**plan.order, "sys_path": list(preparation.sys_path)}
        run = sessions.run_plain(sandbox, order, preparation.test_files, limit=limit)
        others.update(
            {
                target: _OTHERWISE
                for call, target in plan.targets.items()
                if not is_alike(run, call, before, target)
            }
        )
    return preparation.rule_out(PLAIN, others).without(plain=others)


def is_alike(plain: PlainRun, call: str, before: Run, target: str) -> bool:
    """Whether a plain call ended as the test did in pytest: the same exception, or none."""
    outcome, exception = tell_end(before, target)
    if plain.trouble or call not in plain.outcomes:
        return False
    is_red = plain.outcomes[call] == "failed"
    return is_red == (outcome in RED) and plain.exceptions.get(call, "") == exception


def tell_end(run: Run, nodeid: str) -> tuple[str, str]:
    """Outcome and exception of an item, or of a module that cannot be collected."""
    error = next((e for e in run.report.collect_errors if e.nodeid == nodeid), None)
    if error is not None:
        return "error", error.exception
    return run.report.outcome_of(nodeid).outcome, run.report.exceptions.get(nodeid, "")


def _are_red(run: Run, canaries: tuple[str, ...]) -> bool:
    return all(run.report.outcome_of(canary).outcome in RED for canary in canaries)
