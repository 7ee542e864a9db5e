"""A sandbox of the judge: its first session was started ahead, and nobody waits for its removal.

The process that was started ahead has imported pytest, and nothing of the workspace. It is an
ordinary process in all but one thing: it is older than its order. It takes one, and none once
another command of the judge has run in the sandbox, as that may be untrusted code.
"""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Final

from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.ports import Command, Completed, Process, Sandbox, Stream
from pytest_agentfix.core.progress import Work
from pytest_agentfix.sandbox.channels import RunningCommand
from pytest_agentfix.sandbox.container import ContainerSandbox

_log = logging.getLogger(__name__)

REMOVERS: Final = 2  # threads
END_LIMIT: Final = 30.0  # seconds for a process that is not needed to end


@dataclass(frozen=True, slots=True)
class WaitingSession:
    """A process that waits for its stdin; ``command`` is its command, without stdin."""

    command: Command
    process: RunningCommand

    @classmethod
    def start(cls, container: ContainerSandbox, command: Command) -> WaitingSession:
        """Start the process of ``command``; raises ``SandboxError``."""
        return cls(command, container.begin(command))

    def is_for(self, command: Command) -> bool:
        """Return whether it is the process that ``command`` would start, and alive."""
        return replace(command, stdin=b"") == self.command and self.process.is_running()

    def end(self) -> None:
        """End it, and wait until it has ended; raises ``SandboxError``."""
        self.process.kill()
        self.process.wait(END_LIMIT)


class Removals:
    """Removes sandboxes in threads of its own; any thread may use it."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(REMOVERS, thread_name_prefix="agentfix-removal")

    def add(self, container: ContainerSandbox) -> None:
        """End everything in ``container`` now, and remove it soon."""
        container.end()
        try:
            self._threads.submit(container.close)
        except RuntimeError:  # the run is over
            container.close()

    def finish(self) -> None:
        """Wait until everything is removed; from now on ``add`` waits itself."""
        self._threads.shutdown()


class JudgeSandbox:
    """Implements ``ports.Sandbox`` around ``container``; ``waiting`` takes the first command."""

    def __init__(
        self, container: ContainerSandbox, waiting: WaitingSession | None, removals: Removals
    ) -> None:
        self._container = container
        self._waiting = waiting
        self._removals = removals

    def run(self, command: Command, *, timeout: float, at_most: float | None = None) -> Completed:
        """Run to the end, or kill it after ``timeout`` seconds, or ``at_most`` under load."""
        waiting, self._waiting = self._waiting, None
        if waiting is None or not waiting.is_for(command):
            if waiting is not None:
                _log.debug("a session was started ahead in vain")
                waiting.end()
            return self._container.run(command, timeout=timeout, at_most=at_most)
        _log.debug("a session that was started ahead gets its order")
        waiting.process.feed(command.stdin)
        return waiting.process.wait(timeout, at_most=at_most, find_work=self.find_work)

    def find_work(self) -> Work | None:
        """Return what everything in it has done so far."""
        return self._container.find_work()

    def start(self, command: Command) -> Process:
        """Start in the background."""
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            waiting.end()
        return self._container.start(command)

    def dial(self, port: int, *, timeout: float) -> Stream:
        """Connect to a port on the sandbox's own loopback."""
        return self._container.dial(port, timeout=timeout)

    def collect(self) -> Collected:
        """Return what differs from the base now."""
        return self._container.collect()

    def close(self) -> None:
        """End everything in it; it is removed soon."""
        self._removals.add(self._container)

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
