"""Checks a sandbox from inside, once per run: what was asked for is not what engines always do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from pytest_agentfix.core.errors import PreflightError
from pytest_agentfix.core.ports import Command, Completed, Sandbox
from pytest_agentfix.sandbox.engine import MEMORY, PROCESSES
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.sandbox.guest_source import read_source
from pytest_agentfix.sandbox.in_sandbox import inspect_sandbox

TIMEOUT: Final = 30.0  # seconds


def check_sandbox(sandbox: Sandbox, environment: Environment, *, workspace: Path) -> None:
    """Run the checks in ``sandbox``; raises ``PreflightError`` that lists what does not hold."""
    expected = {
        "workspace": str(workspace),
        "user": list(environment.user),
        "memory": MEMORY,
        "processes": PROCESSES,
    }
    completed = sandbox.run(
        Command(
            argv=[environment.python, "-I", "-S", "-c", read_source(inspect_sandbox)],
            cwd=workspace,
            env=environment.env,
            stdin=json.dumps(expected).encode(),
        ),
        timeout=TIMEOUT,
    )
    broken = _read_findings(completed)
    if broken:
        raise PreflightError(
            f"The sandbox does not hold what it promises: {'; '.join(broken)}.",
            "Nothing was run in it. Use an engine that honours these limits (rootful, cgroups "
            "delegated, default seccomp), or report this with the output of `docker info`.",
        )


def _read_findings(completed: Completed) -> list[str]:
    """Read the program's findings; anything but a list of them is a finding too."""
    try:
        findings = json.loads(completed.stdout)
    except ValueError:
        findings = None
    if isinstance(findings, list) and completed.code == 0:
        return [str(line) for line in findings]
    words = completed.stderr.decode("utf-8", "replace").strip().splitlines()
    return [f"the check itself did not run ({words[-1] if words else completed.code})"]
