"""Which failures are to be repaired. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from pytest_agentfix.core.model import Failure


def select_failures(failures: Sequence[Failure], select: str) -> tuple[Failure, ...]:
    """Those the user wants repaired: all, or the marked; never one with ``enabled=False``."""
    return tuple(failure for failure in failures if _is_selected(failure, select))


def describe_left_out(failures: Sequence[Failure], selected: Sequence[Failure]) -> tuple[str, ...]:
    """Make a notice about what was not selected; nothing when all was."""
    left_out = {failure.nodeid for failure in failures} - {failure.nodeid for failure in selected}
    if not left_out:
        return ()
    count = f"{len(left_out)} failing test{'s were' if len(left_out) > 1 else ' was'}"
    return (f"{count} left alone, as --agent-fix-select or the agent_fix marker says",)


def _is_selected(failure: Failure, select: str) -> bool:
    if failure.policy is None:
        return select == "all"
    return failure.policy.enabled
