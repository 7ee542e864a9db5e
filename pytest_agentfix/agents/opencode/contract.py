"""Tries everything that the driver relies on with an OpenCode later than it was written for.

The model is a throw-away one, so a release that cannot be driven is found out before a request is
paid. Each step uses the driver's own code: what passes here works in a repair.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from pytest_agentfix.agents.opencode.config import AGENT, session_rules
from pytest_agentfix.agents.opencode.events import TurnWatch
from pytest_agentfix.agents.opencode.launch import SERVER_PORT, Launcher, OpenCodePlan
from pytest_agentfix.agents.opencode.listener import EventListener
from pytest_agentfix.agents.opencode.server_client import OpenCodeServer
from pytest_agentfix.agents.opencode.turn import TICK
from pytest_agentfix.agents.opencode.version import OpenCodeBinary
from pytest_agentfix.core.errors import AgentUnavailableError
from pytest_agentfix.core.ports import Clock, Process, Sandbox

LOCKED: Final = ("tests/test_one.py",)  # a rule of the kind that every repair has
PROMPT: Final = "Say ok."
NEXT_STEP: Final = (
    "Remove the ini value agent_fix_opencode, or set it to the platform binary of an OpenCode 1.18."
    " If the machine is merely busy, run again."
)


class ContractCheck:
    """One pass through the contract, in a ``sandbox`` of its own that the caller closes.

    ``silence`` makes the model there accept requests and not answer them.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        plan: OpenCodePlan,
        *,
        silence: Callable[[], None],
        clock: Clock,
    ) -> None:
        self._sandbox = sandbox
        self._plan = plan
        self._silence = silence
        self._clock = clock
        self._process: Process | None = None
        self._server = OpenCodeServer(
            lambda port, timeout: sandbox.dial(port, timeout=timeout),
            port=SERVER_PORT,
            directory=plan.directory,
        )
        self._listener = EventListener(self._server)

    def run(self, opencode: OpenCodeBinary, *, deadline: float) -> None:
        """Take every step; raises ``AgentUnavailableError`` that names the first one to fail."""
        try:
            with _step("start", opencode):
                self._start(deadline)
            with _step("events", opencode):
                self._await_event(deadline)
            with _step("session", opencode):
                session = self._server.create_session(session_rules(LOCKED), AGENT)
            with _step("prompt", opencode):
                watch = self._begin_turn(session, deadline)
            with _step("events", opencode):
                self._follow(watch, deadline)
            with _step("forget", opencode):
                self._forget(session, deadline)
                session = self._server.create_session(session_rules(LOCKED), AGENT)
            self._silence()
            with _step("abort", opencode):
                self._abort(session, deadline)
        finally:
            self._listener.close()
            self._server.close()

    def _start(self, deadline: float) -> None:
        launcher = Launcher(self._sandbox, self._server, self._plan, self._clock)
        self._process = launcher.bring_up(deadline=deadline, unneeded=threading.Event())
        self._listener.start()

    def _await_event(self, deadline: float) -> None:
        """Wait for the first event, which the server sends to whoever listens: none is missed."""
        end = min(deadline, self._clock.monotonic() + self._plan.patience.start)
        while self._listener.next_event(TICK) is None:
            self._check(end, "no event came")

    def _begin_turn(self, session: str, deadline: float) -> TurnWatch:
        """Send the prompt and wait until OpenCode is busy with it.

        The server answers 200 to many a path that it does not know, so an answer proves nothing.
        """
        access, watch = self._plan.access, TurnWatch(session)
        self._server.prompt(
            session, PROMPT, provider=access.provider, model=access.model, agent=AGENT
        )
        self._wait(watch, lambda: watch.has_begun, deadline, "the turn did not begin")
        return watch

    def _follow(self, watch: TurnWatch, deadline: float) -> None:
        """Read the model's word, and the end of the turn, from the events."""
        self._wait(watch, lambda: watch.is_over, deadline, "the end of the turn did not come")
        if watch.error:
            raise AgentUnavailableError(f"The turn ended with {watch.error.rstrip('.')}.", "")
        if not watch.text:
            raise AgentUnavailableError("The model's answer did not come.", "")

    def _forget(self, session: str, deadline: float) -> None:
        """Have all dropped that is kept of the session, which ends and renews the events."""
        self._server.delete(session)
        self._server.dispose()
        end = min(deadline, self._clock.monotonic() + self._plan.patience.start)
        for kind in ("server.instance.disposed", "server.connected"):
            while (self._listener.next_event(TICK) or {}).get("type") != kind:
                self._check(end, "the events did not begin anew")

    def _abort(self, session: str, deadline: float) -> None:
        """End a turn that would not end by itself."""
        watch = self._begin_turn(session, deadline)
        self._server.abort(session)
        self._wait(watch, lambda: watch.is_over, deadline, "the turn went on")
        if not self._server.is_healthy(timeout=5.0):
            raise AgentUnavailableError("The server was gone afterwards.", "")

    def _wait(
        self, watch: TurnWatch, is_there: Callable[[], bool], deadline: float, otherwise: str
    ) -> None:
        end = min(deadline, self._clock.monotonic() + self._plan.patience.first_request)
        while not is_there():
            event = self._listener.next_event(TICK)
            if event is not None:
                watch.take(event)
            self._check(end, otherwise)

    def _check(self, end: float, otherwise: str) -> None:
        if self._process is None or not self._process.is_running():
            raise AgentUnavailableError(f"OpenCode ended: {otherwise}.", "")
        if self._clock.monotonic() >= end:
            raise AgentUnavailableError(f"{otherwise.capitalize()}.", "")


@contextmanager
def _step(name: str, opencode: OpenCodeBinary) -> Iterator[None]:
    try:
        yield
    except AgentUnavailableError as error:
        raise AgentUnavailableError(
            f"OpenCode {opencode.version} ({opencode.path}) was tried, as it is later than the"
            f" driver, and failed at the step {name!r}: {error.problem}",
            NEXT_STEP,
        ) from error
