"""Puts a sandbox in which an agent has worked back to what it was before that.

What has to be undone, and that it has been, is seen from outside, while all inside stands still.
In between a program does it there, when nothing untrusted runs any more.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import ChangeSet, Collected, FileChange
from pytest_agentfix.sandbox.container import ContainerSandbox
from pytest_agentfix.sandbox.file_writer import write_changes
from pytest_agentfix.sandbox.workspace import Base
from pytest_agentfix.sandbox.workspace.compared import Compared

PROCESSES: Final = 2  # that are spared: the guest, and the agent's server


@dataclass(frozen=True, slots=True, kw_only=True)
class PutBackPlan:
    """The state to put a sandbox back to: ``fresh`` in its workspace, but for mounts at ``skip``.

    ``emptied`` are folders with nothing in them but folders that are in ``made``. ``python`` and
    ``env`` are the sandbox's own.
    """

    fresh: Base
    skip: Collection[str]
    emptied: Sequence[str]
    made: Sequence[str]
    python: str
    env: Mapping[str, str]
    timeout: float


def put_back(sandbox: ContainerSandbox, workspace: Compared, plan: PutBackPlan) -> None:
    """Undo what was done in ``sandbox``, in which only its two processes are left.

    Raises ``SandboxError``, or another ``EnvironmentTrouble``, where anything is odd: it is of no
    use then.
    """
    found = _look(sandbox, workspace, plan)
    if found.irregular:
        drop = found.irregular[0]
        raise _refusal(f"{drop.path}: {drop.reason}")
    write_changes(
        sandbox,
        python=plan.python,
        top=plan.fresh.top,
        changes=_invert(found.changes, plan.fresh),
        env=plan.env,
        emptied=plan.emptied,
        made=plan.made,
        timeout=plan.timeout,
    )
    found = _look(sandbox, workspace, plan)
    if found != Collected():
        raise _refusal("something is not as it was")


def _look(sandbox: ContainerSandbox, workspace: Compared, plan: PutBackPlan) -> Collected:
    found, processes = sandbox.look(lambda: workspace.find_remains(plan.fresh, skip=plan.skip))
    if processes != PROCESSES:
        raise _refusal(f"{processes} processes are left")
    return found


def _invert(changes: ChangeSet, fresh: Base) -> ChangeSet:
    originals = {path: fresh.read(path) for path in changes.files}
    return ChangeSet(
        {
            path: FileChange(None) if original is None else FileChange(*original)
            for path, original in originals.items()
        }
    )


def _refusal(reason: str) -> SandboxError:
    return SandboxError(f"A sandbox cannot be used again: {reason}.", "A new one is made instead.")
