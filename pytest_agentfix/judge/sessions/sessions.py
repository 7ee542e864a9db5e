"""Run our programs in a sandbox and read their reports."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from pytest_agentfix.core.errors import OutOfMemoryError
from pytest_agentfix.core.ports import Clock, Command, Completed, Sandbox
from pytest_agentfix.core.slots import Slots, Stop
from pytest_agentfix.judge.sessions.command import CommandBuilder, Keys, Task
from pytest_agentfix.judge.sessions.orders import Files, encode_files, make_key
from pytest_agentfix.judge.sessions.report_parser import parse_report, parse_tally, read_lines
from pytest_agentfix.judge.sessions.session_end import USUAL, UsualSession
from pytest_agentfix.judge.sessions.session_result import SessionResult

_OUT_OF_TIME: Final = "the cluster's time ran out while its change was judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainRun:
    """The results of calls outside pytest, by the ids of the calls.

    ``trouble`` says why none of them can be believed, "" if they can.
    """

    outcomes: Mapping[str, str] = field(default_factory=dict)
    exceptions: Mapping[str, str] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sessions:
    """Runs pytest sessions and plain calls; each holds a slot of ``limiter`` meanwhile.

    ``stopwatch`` gets the seconds of each, from any thread. Waiting for a slot counts against
    deadlines only, and ends with ``StoppedError`` once ``stop`` is set.
    """

    commands: CommandBuilder
    clock: Clock
    limiter: Slots
    stopwatch: Callable[[float], None] = lambda _: None
    stop: Stop = field(default_factory=Stop)

    def run(
        self,
        sandbox: Sandbox,
        task: Task,
        deadline: float,
        *,
        patience: float = math.inf,
        usual: UsualSession = USUAL,
    ) -> SessionResult:
        """Run pytest for at most ``patience`` seconds, and not beyond ``deadline``.

        What is odd in ``usual``, a session on the base, is not odd here. Raises
        ``OutOfMemoryError``, and ``TimeoutError`` if ``deadline`` has passed before it starts.
        """
        keys = Keys()
        command = self.commands.build(task, keys=keys)
        completed, limit = self._complete(sandbox, command, deadline, patience)
        report = parse_report(completed.report, key=keys.report)
        tally = parse_tally(completed.stdout, key=keys.tally)
        return SessionResult(
            completed=completed,
            report=report,
            limit=limit,
            ids=task.ids,
            tally=tally,
            usual=usual,
        )

    def run_in_time(
        self,
        sandbox: Sandbox,
        task: Task,
        deadline: float,
        *,
        patience: float = math.inf,
        usual: UsualSession = USUAL,
    ) -> SessionResult:
        """Do what ``run`` does, but raise ``TimeoutError`` if ``deadline`` passes meanwhile."""
        run = self.run(
            sandbox,
            task,
            deadline,
            patience=patience,
            usual=usual,
        )
        self._require_in_time(run.completed, run.limit, patience, deadline)
        return run

    def run_plain(
        self,
        sandbox: Sandbox,
        order: Mapping[str, Any],
        files: Files,
        deadline: float,
        *,
        patience: float,
    ) -> PlainRun:
        """Call tests without pytest; ``order`` is that of ``call_runner.py``, without its key.

        Raises as ``run_in_time`` does.
        """
        key = make_key()
        whole = {**order, "files": encode_files(files), "key": key}
        command = self.commands.build_plain(json.dumps(whole).encode("ascii"))
        completed, limit = self._complete(sandbox, command, deadline, patience)
        self._require_in_time(completed, limit, patience, deadline)
        return _read_plain(completed, key, limit)

    def remaining(self, deadline: float) -> float:
        """Return the seconds until ``deadline``; raises ``TimeoutError`` if there are none."""
        seconds = deadline - self.clock.monotonic()
        if seconds <= 0:
            raise TimeoutError(_OUT_OF_TIME)
        return seconds

    @contextmanager
    def hold(self, lock: Slots, deadline: float) -> Iterator[None]:
        """Hold ``lock`` for the block; waiting ends as it does for a session slot."""
        with lock.hold(timeout=self.remaining(deadline), stop=self.stop):
            yield

    def _complete(
        self, sandbox: Sandbox, command: Command, deadline: float, patience: float
    ) -> tuple[Completed, float]:
        """Return the finished command and the seconds it was given."""
        with self.hold(self.limiter, deadline):
            remaining = self.remaining(deadline)
            limit = min(patience, remaining)
            completed = sandbox.run(command, timeout=limit, at_most=remaining)
        self.stopwatch(completed.seconds)
        if completed.is_out_of_memory:
            raise OutOfMemoryError(
                "The tests ran into the sandbox's memory limit.",
                "It is 4 GB, with what is in /tmp: let the tests take less, or mark those that "
                "cannot agent_fix(enabled=False).",
            )
        return completed, limit

    def _require_in_time(
        self, completed: Completed, limit: float, patience: float, deadline: float
    ) -> None:
        """Raise ``TimeoutError`` if the deadline, not ``patience``, cut the command off."""
        is_past = limit < patience or self.clock.monotonic() >= deadline
        if completed.is_timed_out and is_past:
            raise TimeoutError(_OUT_OF_TIME)


def _read_plain(completed: Completed, key: str, limit: float) -> PlainRun:
    lines = list(read_lines(completed.report, key=key))
    calls = [line for line in lines if line.get("kind") == "call" and _is_call(line)]
    outcomes = {line["id"]: line["outcome"] for line in calls}
    return PlainRun(
        outcomes=outcomes,
        exceptions={line["id"]: str(line.get("exception", "")) for line in calls},
        details={line["id"]: str(line.get("message", ""))[:500] for line in calls},
        trouble=_find_plain_trouble(completed, lines, outcomes, limit),
    )


def _is_call(line: Mapping[str, Any]) -> bool:
    return isinstance(line.get("id"), str) and line.get("outcome") in ("passed", "failed")


def _find_plain_trouble(
    completed: Completed,
    lines: Sequence[Mapping[str, Any]],
    outcomes: Mapping[str, str],
    limit: float,
) -> str:
    if completed.is_timed_out:
        return f"did not end within {limit:.0f} s"
    kinds = [line.get("kind") for line in lines]
    if kinds[:1] != ["start"] or kinds[-1:] != ["finish"]:
        return f"ended with exit status {completed.code} before it had reported everything"
    if kinds[1:-1] != ["call"] * len(outcomes):
        return "the report does not add up"
    expected = int("failed" in outcomes.values())
    code = lines[-1].get("exit")
    if completed.code != expected or code != expected:
        return f"exit status {completed.code} where the outcomes mean {expected}"
    return ""
