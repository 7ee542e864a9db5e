"""Drives OpenCode 1.18 in a sandbox: ``opencode serve``, spoken to through the pipe.

A turn's end is judged by OpenCode's events, by the gateway and by the clock, never by what the
agent says of itself.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_agentfix.agents.opencode_config import (
    AGENT,
    ModelAccess,
    make_config,
    make_environ,
    session_rules,
)
from pytest_agentfix.agents.opencode_events import TurnWatch
from pytest_agentfix.agents.opencode_server import Json, OpenCodeServer
from pytest_agentfix.errors import AgentUnavailableError, SandboxError
from pytest_agentfix.model import Collected, Turn, TurnEnd
from pytest_agentfix.ports import Clock, Command, Door, Process, Sandbox

logger = logging.getLogger(__name__)

BINARY: Final = Path("/opt/agentfix/opencode")  # where every agent sandbox has it, read-only
SERVER_PORT: Final = 4602  # inside: OpenCode's own server
TICK: Final = 0.25  # seconds between two looks at the clock and the gateway
QUIET: Final = 10.0  # seconds without an event after which the server is asked
EVENT_BACKLOG: Final = 1000  # events held at once; more are of no use to anybody


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long silence is borne, in seconds."""

    start: float = 60.0  # for the server to come up, each of two tries
    first_request: float = 90.0  # from a prompt to the first model request
    idle: float = 600.0  # without any event, while no model request is under way


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCodePlan:
    """What one agent session is given."""

    access: ModelAccess
    instructions: str
    directory: Path  # the repository's top, inside
    env: Mapping[str, str]
    locked: Sequence[str] = ()  # path patterns the edit tools may not write
    patience: Patience = Patience()


_End = tuple[TurnEnd, str] | None


class _Pulse:
    """When a turn began, was last heard of and last asked about, and what time it is."""

    def __init__(self, *, began: float) -> None:
        self.began = self.heard = self.asked = self.now = began


class OpenCodeAgent:
    """One OpenCode session in one sandbox. Implements ``ports.Agent``."""

    def __init__(self, sandbox: Sandbox, plan: OpenCodePlan, *, door: Door, clock: Clock) -> None:
        self._sandbox = sandbox
        self._plan = plan
        self._door = door
        self._clock = clock
        self._events: queue.Queue[Json] = queue.Queue(EVENT_BACKLOG)
        self._is_closing = threading.Event()
        self._server = OpenCodeServer(
            lambda port, timeout: sandbox.dial(port, timeout=timeout),
            port=SERVER_PORT,
            directory=plan.directory,
        )
        self._process: Process | None = None
        self._session = ""

    def launch(self, *, deadline: float, unneeded: threading.Event | None = None) -> None:
        """Bring the server up and open a session; raises ``AgentUnavailableError``.

        ``unneeded`` may be set meanwhile: then it gives up at once.
        """
        self._start_server(deadline, unneeded or threading.Event())
        rules = session_rules(self._plan.locked)
        self._session = self._server.create_session(rules, AGENT)
        threading.Thread(target=self._listen, name="agentfix-events", daemon=True).start()

    def _start_server(self, deadline: float, unneeded: threading.Event) -> None:
        # A start that hangs is known of 1.18; a second one with fresh data folders is not worse.
        for home in ("/tmp/home", "/tmp/home-2"):  # noqa: S108 - inside the sandbox
            self._process = self._sandbox.start(self._serve_command(home))
            patience = self._clock.monotonic() + self._plan.patience.start
            if self._wait_healthy(min(deadline, patience), unneeded):
                return
            self._process.kill()
            if unneeded.is_set():
                break
        words = self._process.tail().splitlines() if self._process else []
        raise AgentUnavailableError(
            f"OpenCode does not come up in the sandbox ({words[-1] if words else 'no output'}).",
            "The environment must be able to run a glibc binary; try `opencode --version` in it.",
        )

    def _serve_command(self, home: str) -> Command:
        config = make_config(self._plan.access, instructions=self._plan.instructions)
        env = make_environ(config, self._plan.env, home=home)
        argv = [str(BINARY), "serve", "--port", str(SERVER_PORT), "--hostname", "127.0.0.1"]
        return Command(argv=argv, cwd=self._plan.directory, env=env)

    def _wait_healthy(self, deadline: float, unneeded: threading.Event) -> bool:
        while self._clock.monotonic() < deadline and not unneeded.is_set():
            if self._process is None or not self._process.is_running():
                return False
            if self._server.is_healthy(timeout=1.0):
                return True
            self._clock.sleep(0.05)
        return False

    def _listen(self) -> None:
        """Read events for as long as the session lives; a dropped stream is opened again."""
        while not self._is_closing.is_set():
            try:
                self._server.events(self._take, stop=self._is_closing)
            except SandboxError:
                return
            self._is_closing.wait(0.2)

    def _take(self, event: Json) -> None:
        try:
            self._events.put_nowait(event)
        except queue.Full:
            logger.debug("an event of OpenCode's was passed over")

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """Send one prompt and watch until the turn ends or ``deadline`` passes."""
        self._door.begin(deadline=deadline)
        requests_before = self._door.requests()
        self._drain()
        watch = TurnWatch(self._session)
        access = self._plan.access
        self._server.prompt(
            self._session, text, provider=access.provider, model=access.model, agent=AGENT
        )
        end, detail = self._watch(watch, deadline, requests_before)
        if end is not TurnEnd.FINISHED:
            self._server.abort(self._session)
        trouble = self._door.trouble()
        if trouble is not None and end is not TurnEnd.DEADLINE:
            raise trouble
        return Turn(
            end=end,
            detail=detail,
            text=watch.text,
            requests=self._door.requests() - requests_before,
            retries=watch.retries,
        )

    def _watch(self, watch: TurnWatch, deadline: float, requests: int) -> tuple[TurnEnd, str]:
        """Follow the turn; returns how it ended and a line about it."""
        pulse = _Pulse(began=self._clock.monotonic())
        while True:
            self._take_next(watch, pulse)
            end = (
                self._end_by_model()
                or self._end_by_agent(watch)
                or self._end_by_clock(pulse, deadline)
                or self._end_by_silence(pulse, requests)
                or self._end_by_status(pulse, requests)
            )
            if end is not None:
                return end

    def _take_next(self, watch: TurnWatch, pulse: _Pulse) -> None:
        """Wait a tick for an event, and say no to permissions that it asks for."""
        event = self._next_event()
        pulse.now = self._clock.monotonic()
        if (event is not None and watch.take(event)) or self._door.in_flight():
            pulse.heard = pulse.now
        for permission in watch.take_permissions():
            self._server.reject(permission)

    def _end_by_model(self) -> _End:
        if words := self._door.cap():
            return TurnEnd.CAPPED, words
        if self._door.trouble() is not None:
            return TurnEnd.ERROR, "the provider failed"
        return None

    def _end_by_agent(self, watch: TurnWatch) -> _End:
        if not watch.is_over:
            return None
        return (TurnEnd.ERROR, watch.error) if watch.error else (TurnEnd.FINISHED, "")

    def _end_by_clock(self, pulse: _Pulse, deadline: float) -> _End:
        if pulse.now >= deadline:
            return TurnEnd.DEADLINE, "the time of the cluster ran out"
        if self._process is None or not self._process.is_running():
            self._check_sandbox()
            return TurnEnd.ERROR, "OpenCode ended in the middle of its turn"
        return None

    def _check_sandbox(self) -> None:
        """Raise ``SandboxError`` when it is not OpenCode that ended, but the sandbox around it."""
        with contextlib.suppress(ConnectionError):
            self._sandbox.dial(SERVER_PORT, timeout=5.0).close()

    def _end_by_silence(self, pulse: _Pulse, requests: int) -> _End:
        patience = self._plan.patience
        is_untouched = self._door.requests() == requests and not self._door.in_flight()
        if is_untouched and pulse.now - pulse.began > patience.first_request:
            return TurnEnd.STALLED, f"no model request came within {patience.first_request:g} s"
        if pulse.now - pulse.heard > patience.idle:
            return TurnEnd.STALLED, f"nothing was heard of it for {patience.idle:g} s"
        return None

    def _end_by_status(self, pulse: _Pulse, requests: int) -> _End:
        """Ask the server now and then: a dropped stream of events may have swallowed the end."""
        is_quiet = pulse.now - max(pulse.heard, pulse.asked) > QUIET
        if not is_quiet or self._door.requests() == requests:
            return None
        pulse.asked = pulse.now
        with contextlib.suppress(AgentUnavailableError):
            if self._server.status(self._session) == "idle":
                return TurnEnd.FINISHED, ""
        return None

    def _next_event(self) -> Json | None:
        try:
            return self._events.get(timeout=TICK)
        except queue.Empty:
            return None

    def _drain(self) -> None:
        while not self._events.empty():
            self._events.get_nowait()

    def collect(self) -> Collected:
        """What differs from the base in the agent's workspace now."""
        return self._sandbox.collect()

    def close(self) -> None:
        """End the session and its sandbox; twice is fine."""
        self._is_closing.set()
        self._server.close()
        self._sandbox.close()
