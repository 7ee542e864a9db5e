"""A sandbox: one container, one workspace, one pipe."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, TypeVar

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.model import Collected
from pytest_agentfix.core.ports import AcceptHandler, Command, Completed, Process, Stream
from pytest_agentfix.core.progress import Work
from pytest_agentfix.sandbox.attached_socket import AttachedSocket
from pytest_agentfix.sandbox.channels import RunningCommand
from pytest_agentfix.sandbox.engine import ContainerSpec, Engine
from pytest_agentfix.sandbox.environments import Environment
from pytest_agentfix.sandbox.guest_source import read_source
from pytest_agentfix.sandbox.in_sandbox import guest
from pytest_agentfix.sandbox.pipe import Pipe
from pytest_agentfix.sandbox.workspace.mounts import BindMount, OverlayMount

logger = logging.getLogger(__name__)

READY_TIMEOUT: Final = 60.0  # seconds; half a second is usual
LISTEN_TIMEOUT: Final = 60.0  # seconds
CLEAR_TIMEOUT: Final = 30.0  # seconds; more than the guest takes

T = TypeVar("T")


class Copy(Protocol):
    """The workspace as a sandbox needs it."""

    @property
    def path(self) -> Path:
        """Its folder on the host."""
        ...

    @property
    def mount(self) -> BindMount | OverlayMount:
        """The mount that brings it into the sandbox."""
        ...

    def remove(self) -> None:
        """Take the folder away."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPlan:
    """The part of a container's specification that all sandboxes of one kind share."""

    environment: Environment
    top: Path  # where the repository is, and where the workspace is mounted
    labels: Mapping[str, str]
    read_only: Mapping[Path, Path] = field(default_factory=dict)  # further binds of ours
    is_kept: bool = False


class ContainerSandbox:
    """A running container around one workspace. Implements ``ports.Sandbox``."""

    def __init__(
        self,
        engine: Engine,
        plan: SandboxPlan,
        copy: Copy,
        *,
        read_changes: Callable[[], Collected],
        accept: AcceptHandler | None = None,
    ) -> None:
        self._engine = engine
        self._plan = plan
        self._copy = copy
        self._read_changes = read_changes
        self._is_closed = False
        try:
            self._container = self._start()
        except BaseException:
            self._copy.remove()
            raise
        self._pipe = Pipe(self._container, accept=accept)
        try:
            self._pipe.start()
            self._pipe.wait_ready(READY_TIMEOUT, find_work=self.find_work)
        except BaseException:
            self.close()
            raise

    def _start(self) -> AttachedSocket:
        environment = self._plan.environment
        uid, gid = environment.user
        spec = ContainerSpec(
            image=environment.image,
            argv=[environment.python, "-I", "-S", "-u", "-c", read_source(guest)],
            user=f"{uid}:{gid}",
            workspace=self._copy.mount,
            mounted_at=self._plan.top,
            read_only={**environment.read_only, **self._plan.read_only},
            env=environment.env,
            labels=self._plan.labels,
            is_kept=self._plan.is_kept,
        )
        return self._engine.start(spec)

    @property
    def identity(self) -> str:
        """The container's id."""
        return self._container.identity

    @property
    def workspace(self) -> Path:
        """The workspace's folder on the host."""
        return self._copy.path

    def run(self, command: Command, *, timeout: float, at_most: float | None = None) -> Completed:
        """Run to the end, or kill it after ``timeout`` seconds, or ``at_most`` under load."""
        running = self._pipe.run(command)
        return running.wait(timeout, at_most=at_most, find_work=self.find_work)

    def find_work(self) -> Work | None:
        """Return what everything in it has done so far, as the engine counts it."""
        return self._engine.find_work(self.identity)

    def start(self, command: Command) -> Process:
        """Start in the background."""
        return self._pipe.run(command)

    def begin(self, command: Command) -> RunningCommand:
        """Start in the background, without its stdin: it waits until it is fed."""
        return self._pipe.begin(command)

    def dial(self, port: int, *, timeout: float) -> Stream:
        """Connect to a port on the sandbox's own loopback."""
        return self._pipe.dial(port, timeout=timeout)

    def listen(self, port: int) -> None:
        """Let what connects to ``port`` inside reach the accept handler."""
        try:
            self._pipe.listen(port, timeout=LISTEN_TIMEOUT)
        except ConnectionError as error:
            raise SandboxError(
                f"The sandbox cannot listen on its own port {port} ({error}).",
                "Run pytest again; if it stays, look at the load of the machine.",
            ) from None

    def clear(self) -> None:
        """End all that commands have started there, and every stream that came from inside.

        It listens no more. Raises ``SandboxError`` when something cannot be ended.
        """
        try:
            self._pipe.clear(timeout=CLEAR_TIMEOUT)
        except ConnectionError as error:
            raise SandboxError(
                f"The sandbox cannot be cleared ({error}).", "A new one is made instead."
            ) from None

    def collect(self) -> Collected:
        """Pause every process inside and read what differs from the base."""
        with self._paused():
            return self._read_changes()

    def look(self, read: Callable[[], T]) -> tuple[T, int]:
        """Pause every process inside; return what ``read`` finds, and the number of processes."""
        with self._paused():
            return read(), self._engine.count_processes(self.identity)

    @contextlib.contextmanager
    def _paused(self) -> Iterator[None]:
        self._engine.pause(self.identity)
        try:
            yield
        finally:
            self._engine.unpause(self.identity)

    def end(self) -> None:
        """End everything in it; the container and the workspace are still to be removed."""
        self._pipe.close()
        self._container.close()

    def close(self) -> None:
        """Remove the container and the workspace; with ``is_kept`` only stop it."""
        if self._is_closed:
            return
        self._is_closed = True
        self.end()
        if self._plan.is_kept:
            self._engine.stop(self.identity)
            return
        try:
            self._engine.remove(self.identity)
        finally:
            with contextlib.suppress(OSError):
                self._copy.remove()

    def __enter__(self) -> ContainerSandbox:  # noqa: PYI034 - nothing derives from it
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
