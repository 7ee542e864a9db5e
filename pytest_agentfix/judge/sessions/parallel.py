"""Run jobs in parallel, each with sandboxes of its own, and leave none of either behind."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Final, Protocol, TypeVar

from pytest_agentfix.core.errors import EnvironmentTrouble
from pytest_agentfix.core.model import ChangeSet
from pytest_agentfix.core.ports import Sandbox
from pytest_agentfix.core.slots import Stop, StoppedError
from pytest_agentfix.judge.sessions.sessions import Sessions

T = TypeVar("T")

WORKERS: Final = 6  # more than one change set has jobs

_log = logging.getLogger(__name__)


class OpenSandbox(Protocol):
    """Opens fresh sandboxes with the base and a change set.

    In one that ``is_bare`` no session of pytest has been started ahead: it is for plain calls.
    """

    def __call__(
        self, changes: ChangeSet, *, is_bare: bool = False
    ) -> AbstractContextManager[Sandbox]:
        """Open one; the context removes it. Raises ``SandboxError``."""
        ...


@dataclass(frozen=True, slots=True)
class SessionRunner:
    """The means of a job: both stop working as soon as the job is no longer needed."""

    sessions: Sessions
    open_sandbox: OpenSandbox


@dataclass(slots=True)
class _TrackedSandbox:
    """An open sandbox; ``lock`` lets one thread at a time close it."""

    sandbox: Sandbox
    is_released: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def close(self) -> None:
        """Close it under the job that uses it, which then ends."""
        with self.lock:
            if not self.is_released:
                try:
                    self.sandbox.close()
                except (
                    EnvironmentTrouble
                ) as trouble:  # its owner closes it once more, and reports the error
                    _log.debug("a sandbox could not be closed: %s", trouble)

    def release(self) -> None:
        """Leave closing to the owner."""
        with self.lock:
            self.is_released = True


class ParallelSessions:
    """A block in which jobs run in threads.

    However the block ends, every job is then over and every sandbox opened through ``runner`` is
    closed; results nobody has asked for by then are lost.
    """

    def __init__(self, sessions: Sessions, open_sandbox: OpenSandbox) -> None:
        self._stop = Stop()
        self._lock = threading.Lock()
        self._tracked: list[_TrackedSandbox] = []
        self._open_sandbox = open_sandbox
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="agentfix-judge")
        self.runner = SessionRunner(replace(sessions, stop=self._stop), self._open)

    def __enter__(self) -> ParallelSessions:  # noqa: PYI034 - nothing derives from it
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        with self._lock:
            tracked = list(self._tracked)
        # In parallel as well: each takes a moment.
        closers = [threading.Thread(target=one.close, name="agentfix-judge-end") for one in tracked]
        for closer in closers:
            closer.start()
        for closer in closers:
            closer.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, job: Callable[[SessionRunner], T]) -> Future[T]:
        """Start ``job``; the future holds its result or its exception."""
        return self._pool.submit(job, self.runner)

    @contextmanager
    def _open(self, changes: ChangeSet, *, is_bare: bool = False) -> Iterator[Sandbox]:
        self._check()
        with self._open_sandbox(changes, is_bare=is_bare) as sandbox:
            tracked = _TrackedSandbox(sandbox)
            with self._lock:
                self._check()
                self._tracked.append(tracked)
            try:
                yield sandbox
            finally:
                with self._lock:
                    self._tracked.remove(tracked)
                tracked.release()

    def _check(self) -> None:
        if self._stop.is_set():
            raise StoppedError
