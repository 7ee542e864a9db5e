"""The parts of a judgement's seconds, and those of them that can pass while the agent works.

Each part is done alone, in turn: making a sandbox, writing a change into it, a session of one test,
ending what is in the sandbox and removing it; starting a session ahead of its order, and the rest
of that session once its order is there. Then whole judgements of the right fix, for suites of 1 and
100 tests, with the sandboxes made when they are needed and made ahead. Wall clock, and processor
seconds of the whole machine (the engine's included), so it has to be idle. The sandboxes have the
plugins of the environment it is run in.

    python benchmarks/starts.py [--rounds N] [--json FILE] [--quick]
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from figures import make_parser, show
from judge import FIXED, judge, make_suite

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.core.ports import Command, Sandbox
from pytest_agentfix.judge.sessions.command import CommandBuilder, Keys, Task
from pytest_agentfix.runtime.judge_sandbox import JudgeSandbox, Removals, WaitingSession
from pytest_agentfix.runtime.prewarm_pool import PrewarmPool
from pytest_agentfix.runtime.sandbox_factory import BARE_AHEAD, WorkspaceSandbox
from pytest_agentfix.sandbox.container import ContainerSandbox
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.file_writer import History
from tests.cheats.judge_kit import JudgedProject

TIMEOUT = 120.0
IDLE = 0.3  # seconds in which a process does next to nothing, once it waits
SETTLED = 2.0  # seconds until what was started last waits as well
TARGET = "tests/test_add.py::test_add"


def count_busy_seconds() -> float:
    """Return the processor seconds that all processes of the machine have taken so far."""
    words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    user, nice, system, _idle, _wait, interrupts, soft, steal = map(int, words[:8])
    return (user + nice + system + interrupts + soft + steal) / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class Parts:
    """The seconds of each part, round by round: on the clock, and of processors."""

    seconds: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def measure(self, name: str, do: Callable[[], object]) -> Any:
        """Do it and return its result."""
        busy, began = count_busy_seconds(), time.perf_counter()
        result = do()
        taken = time.perf_counter() - began, count_busy_seconds() - busy
        self.seconds.setdefault(name, []).append(taken)
        return result

    def list_rows(self) -> list[dict[str, Any]]:
        """Return the medians."""
        return [
            {
                "part": name,
                "seconds": round(statistics.median(one for one, _ in taken), 3),
                "processor_seconds": round(statistics.median(one for _, one in taken), 3),
                "rounds": [[round(each, 3) for each in one] for one in taken],
            }
            for name, taken in self.seconds.items()
        ]


def measure_parts(project: JudgedProject, parts: Parts) -> None:
    """Measure what a sandbox and a session are made of, once."""
    factory, context = project.sandboxes, project.context
    commands = CommandBuilder(
        invocation=context.invocation,
        top=project.top,
        python=context.environment.python,
        base_env=context.environment.env,
    )
    session = commands.build(Task(ids=[TARGET]), keys=Keys())
    fixed = factory.base.with_changes(ChangeSet({"calc.py": FileChange(FIXED.encode())}))

    made = parts.measure("make a sandbox", lambda: factory._make_plain("judge"))
    parts.measure("write a change", lambda: factory._write(made, fixed, History.KEPT))
    parts.measure("a session, started now", lambda: run(made.container, session))
    parts.measure("end what is in it", made.container.end)
    parts.measure("remove it", made.container.close)

    made = factory._make_plain("judge")
    waiting = parts.measure("start a session ahead", lambda: start_ahead(made.container, commands))
    factory._write(made, fixed, History.KEPT)
    sandbox = JudgeSandbox(made.container, waiting, Removals())
    parts.measure("a session, started ahead", lambda: run(sandbox, session))
    made.container.close()


def start_ahead(container: ContainerSandbox, commands: CommandBuilder) -> WaitingSession:
    """Start a session and wait until it waits itself: its sandbox does nothing then."""
    waiting = WaitingSession.start(container, commands.build_waiting())
    seconds = -1.0
    while (work := container.find_work()) and work.seconds > seconds + IDLE / 10:
        seconds = work.seconds
        time.sleep(IDLE)
    return waiting


def run(sandbox: Sandbox, session: Command) -> None:
    """Run the session of one test, which passes."""
    done = sandbox.run(session, timeout=TIMEOUT)
    if done.code:
        raise SystemExit(f"the session failed:\n{(done.stdout + done.stderr).decode()}")


def measure_judgements(project: JudgedProject, tests: int, parts: Parts) -> None:
    """Measure a judgement whose sandboxes are made when they are needed, and one made ahead."""
    size = f"{tests} tests" if tests > 1 else "1 test"
    parts.measure(f"judge a fix, {size}", lambda: judge(project))
    factory = project.sandboxes
    needed = project._judge.count_sandboxes(is_withholding=False)
    with factory.agent_at_work(needed):
        wait_for(factory.judges, needed)
        wait_for(factory.bare_judges, BARE_AHEAD)
    time.sleep(SETTLED)
    parts.measure(f"the same, {needed + BARE_AHEAD} made ahead", lambda: judge(project))


def wait_for(pool: PrewarmPool[WorkspaceSandbox], number: int) -> None:
    """Return once so many are ready."""
    while len(pool._ready) < number:
        time.sleep(IDLE)


def main() -> None:
    given = make_parser(__doc__, rounds=5).parse_args()
    rounds = 1 if given.quick else given.rounds
    os.environ.pop("PYTEST_ADDOPTS", None)
    engine = Engine.connect()
    parts = Parts()
    for tests in (1, 100):
        with tempfile.TemporaryDirectory(prefix="agentfix-benchmark-") as folder:
            project = JudgedProject(Path(folder), make_suite(tests), engine=engine)
            try:
                judge(project)  # the first one also reproduces the failure, which is not judging
                for _ in range(rounds):
                    if tests == 1:
                        measure_parts(project, parts)
                    measure_judgements(project, tests, parts)
            finally:
                project.close()
    engine.close()
    show("starts", parts.list_rows(), given)


if __name__ == "__main__":
    main()
