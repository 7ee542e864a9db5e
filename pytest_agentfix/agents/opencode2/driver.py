"""Drives OpenCode 2.x in a sandbox: one ``opencode run --standalone`` for each prompt.

``--standalone`` keeps it from the background service that the releases share. The events go to a
file, since the process may end before a pipe is read to its end.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode.config import AGENT
from pytest_agentfix.agents.opencode.launch import BINARY, OpenCodePlan
from pytest_agentfix.agents.opencode.session import OpenCodeSession
from pytest_agentfix.agents.opencode.turn import TICK, End, end_by_model
from pytest_agentfix.agents.opencode2.config import (
    CONFIG_FILE,
    CONFIG_FOLDER,
    HOME,
    make_config,
    make_environment,
)
from pytest_agentfix.agents.opencode2.events import TurnRecord, read_turn
from pytest_agentfix.core.errors import AgentUnavailableError
from pytest_agentfix.core.model import Turn, TurnEnd
from pytest_agentfix.core.ports import Clock, Command, Completed, ModelAccess, Process, Sandbox
from pytest_agentfix.core.text import clean

EVENTS: Final = f"{HOME}/events-{{}}.jsonl"  # one file for each turn
EVENTS_LIMIT: Final = 16_000_000  # bytes read of them: the first and the last half
FILE_LIMIT: Final = 30.0  # seconds to write or read a file
END_LIMIT: Final = 10.0  # seconds for the process to be gone once it was killed
WORDS_LIMIT: Final = 200  # characters of its output in an error
_WRITE: Final = 'mkdir -p "$1" && cat > "$2"'
_RUN: Final = 'exec "$@" > "$0"'


class OpenCode2Agent(OpenCodeSession):
    """One session of OpenCode 2.x in one sandbox."""

    def __init__(self, sandbox: Sandbox, plan: OpenCodePlan, *, clock: Clock) -> None:
        super().__init__(sandbox, plan, clock=clock)
        self._env = make_environment(plan.env)
        self._turns = 0

    def launch(self, *, deadline: float, unneeded: threading.Event | None = None) -> None:  # noqa: ARG002 - it is quick
        """Have the binary tell its version; raises ``AgentUnavailableError`` if it cannot."""
        limit = min(self._plan.patience.start, deadline - self._clock.monotonic())
        done = self._call([str(BINARY), "--version"], limit=max(1.0, limit))
        if done.code != 0:
            raise _unavailable("does not come up", done)

    def warm_up(self, *, deadline: float, unneeded: threading.Event | None = None) -> bool:  # noqa: ARG002 - nothing stays warm
        """Do nothing, as each prompt has a process of its own; return that it is not warm."""
        return False

    def begin(self, model_access: ModelAccess, *, locked: Sequence[str] = ()) -> None:
        """Write the configuration of the repair; raises ``AgentUnavailableError``.

        ``model_access`` is the gateway that serves its model requests. ``locked`` are patterns of
        paths that the edit tools may not write.
        """
        plan = self._plan
        config = make_config(
            plan.access, instructions=plan.instructions, locked=locked, has_tools=plan.has_tools
        )
        argv = ["/bin/sh", "-c", _WRITE, "sh", CONFIG_FOLDER, CONFIG_FILE]
        done = self._call(argv, limit=FILE_LIMIT, stdin=json.dumps(config).encode())
        if done.code != 0:
            raise _unavailable("cannot be configured", done)
        self._model_access = model_access
        self._session = ""

    def _take_turn(
        self, text: str, model_access: ModelAccess, before: int, deadline: float
    ) -> Turn:
        self._turns += 1
        events = EVENTS.format(self._turns)
        process = self._sandbox.start(self._make_command(text, events))
        early = self._watch(process, model_access, before, deadline)
        if early is not None:
            process.kill()
        done = process.wait(END_LIMIT)
        record = self._read_events(events)
        self._session = record.session
        end, detail = early or self._judge(model_access, record, done)
        return Turn(end=end, detail=detail, text=record.text)

    def _make_command(self, text: str, events: str) -> Command:
        """Return the command of one turn; the prompt is its standard input, which ends with it."""
        access = self._plan.access
        options = ["--model", f"{access.provider}/{access.model}", "--agent", AGENT]
        session = ["--session", self._session] if self._session else ["--title", "agent-fix"]
        run = [str(BINARY), "run", "--standalone", "--format", "json", *options, *session]
        return Command(
            argv=["/bin/sh", "-c", _RUN, events, *run],
            cwd=self._plan.directory,
            env=self._env,
            stdin=text.encode(),
        )

    def _watch(
        self, process: Process, model_access: ModelAccess, before: int, deadline: float
    ) -> End | None:
        """Wait for the process; return why it has to be ended before it ends itself, if it has."""
        began = last = self._clock.monotonic()
        patience, seen = self._plan.patience, before
        while process.is_running():
            now = self._clock.monotonic()
            if model_access.in_flight() or model_access.requests() != seen:
                last, seen = now, model_access.requests()
            if end := end_by_model(model_access):
                return end
            if now >= deadline:
                return TurnEnd.DEADLINE, "the time of the cluster ran out"
            is_untouched = seen == before and not model_access.in_flight()
            if is_untouched and now - began > patience.first_request:
                limit = patience.first_request
                return TurnEnd.STALLED, f"no model request came in {limit:g} s"
            if now - last > patience.idle:
                return TurnEnd.STALLED, f"it made no model request for {patience.idle:g} s"
            self._clock.sleep(TICK)
        return None

    def _read_events(self, events: str) -> TurnRecord:
        done = self._call(["/bin/cat", events], limit=FILE_LIMIT)
        return read_turn(done.stdout, self._session)

    @staticmethod
    def _judge(model_access: ModelAccess, record: TurnRecord, done: Completed) -> End:
        if words := model_access.cap():  # which it may have taken for the model's refusal
            return TurnEnd.CAPPED, words
        problem = record.judge(done.code)
        if not problem:
            return TurnEnd.FINISHED, ""
        return TurnEnd.ERROR, problem if record.error else f"{problem}{_quote(done)}"

    def _call(self, argv: list[str], *, limit: float, stdin: bytes = b"") -> Completed:
        command = Command(
            argv=argv,
            cwd=Path("/"),
            env=self._env,
            stdin=stdin,
            output_limit=EVENTS_LIMIT,
        )
        return self._sandbox.run(command, timeout=limit)


def _unavailable(what: str, done: Completed) -> AgentUnavailableError:
    return AgentUnavailableError(
        f"OpenCode 2.x {what} in the sandbox (exit status {done.code}{_quote(done)}).",
        "Remove the ini value agent_fix_opencode to use OpenCode 1.18, whose driver is tried.",
    )


def _quote(done: Completed) -> str:
    """Return the last line on stderr, ready to be appended."""
    lines = done.stderr.decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    return f": {clean(last, limit=WORDS_LIMIT)}" if last else ""
