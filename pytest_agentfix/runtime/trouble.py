"""Exceptions on their way between the two processes."""

from __future__ import annotations

from pytest_agentfix.core import errors
from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.runtime.messages import Trouble


class RemoteError(Exception):
    """Something unforeseen was raised in the other process."""


def describe_error(error: BaseException) -> Trouble:
    """Return ``error`` as it travels."""
    kind = type(error).__name__
    if isinstance(error, AgentFixError):
        return Trouble(kind=kind, problem=error.problem, next_step=error.next_step)
    return Trouble(kind=kind, problem=str(error))


def make_error(trouble: Trouble) -> Exception:
    """Return the exception that was raised in the other process."""
    kind = getattr(errors, trouble.kind, None)
    is_ours = isinstance(kind, type) and issubclass(kind, AgentFixError)
    if kind is None or not is_ours or kind is errors.ProviderTrouble:
        text = f": {trouble.problem}" if trouble.problem else ""
        return RemoteError(f"{trouble.kind}{text} {trouble.next_step}".strip())
    error: Exception = kind(trouble.problem, trouble.next_step)
    return error
