"""Tries an OpenCode later than the driver in a sandbox, once for each binary."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.contract import ContractCheck
from pytest_agentfix.agents.opencode.launch import OpenCodePlan
from pytest_agentfix.agents.opencode.trials import remember_pass
from pytest_agentfix.agents.opencode.version import UNTRIED_MAJOR, OpenCodeBinary
from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.ports import Clock, Stream
from pytest_agentfix.gateway.warmup import SwitchableHandler, WarmupModel
from pytest_agentfix.runtime.sandbox_factory import SandboxFactory

LIMIT: Final = 300.0  # seconds for all of it; usually ten


def try_opencode(
    opencode: OpenCodeBinary,
    sandboxes: SandboxFactory,
    plan: OpenCodePlan,
    *,
    cache: Path,
    clock: Clock,
) -> None:
    """Run the driver's contract on ``opencode`` and remember in ``cache`` that it passed.

    No provider is asked. Raises ``AgentUnavailableError`` with the step that failed, or
    ``SandboxError``.
    """
    switch = SwitchableHandler(WarmupModel(clock=clock))
    sandbox = sandboxes.open_for_agent(switch.handle)
    try:
        check = ContractCheck(
            sandbox.container, plan, silence=lambda: switch.to(stay_silent), clock=clock
        )
        check.run(opencode, deadline=clock.monotonic() + LIMIT)
    finally:
        sandbox.container.close()
    remember_pass(opencode.path, cache)


def opencode_notices(opencode: OpenCodeBinary, *, is_verbose: bool) -> Iterator[str]:
    """Yield one line each for what is unusual about the OpenCode of this run."""
    if opencode.major == UNTRIED_MAJOR:
        yield (
            f"OpenCode {opencode.version} is driven as its documentation says; no 2.x could be "
            "tried with this driver yet"
        )
    if is_verbose and opencode.note:
        yield opencode.note
    if is_verbose and opencode.needs_trial:
        yield f"OpenCode {opencode.version} is later than its driver; it is tried first"


def stay_silent(stream: Stream) -> None:
    """Read requests and answer none, until the other side closes. An ``AcceptHandler``."""
    with suppress(SandboxError, OSError):
        while stream.read():
            pass
    with suppress(SandboxError, OSError):
        stream.close()
