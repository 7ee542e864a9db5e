"""One pytest session of the judge's, with its reporter, on a project in a plain folder."""

from __future__ import annotations

import os
import sys
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_agentfix.core.model import Invocation
from pytest_agentfix.core.slots import Slots
from pytest_agentfix.judge.sessions.command import CommandBuilder, Task
from pytest_agentfix.judge.sessions.session_result import SessionResult
from pytest_agentfix.judge.sessions.sessions import Sessions
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from tests.kits.judge_project import RealClock

PATH = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])


def write(top: Path, files: Mapping[str, str]) -> None:
    """Write files of a project; their texts may be indented."""
    for path, text in files.items():
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")


def run_session(
    top: Path,
    ids: list[str],
    *,
    arguments: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
    run: Mapping[str, Any] | None = None,
    **task: Any,
) -> SessionResult:
    """Run ``ids`` as the judge does; ``run`` goes to ``Sessions.run``, the rest into the task."""
    config = next((top / name for name in ("pytest.ini",) if (top / name).exists()), None)
    invocation = Invocation(
        rootdir=top,
        cwd=top,
        config_file=config,
        arguments=arguments,
        environ={"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **(environ or {})},
        has_cwd_on_path=True,
    )
    commands = CommandBuilder(
        invocation=invocation,
        top=top,
        python=sys.executable,
        base_env={"PATH": PATH},
        scratch=str(top.parent / "scratch"),
    )
    sessions = Sessions(commands=commands, clock=RealClock(), limiter=Slots(1))
    with LocalSandbox(top) as sandbox:
        deadline = time.monotonic() + 120
        return sessions.run(sandbox, Task(ids=ids, **task), deadline, **(run or {}))
