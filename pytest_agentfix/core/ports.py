"""The outside worlds, each behind a small protocol.

The repair loop knows only these. Adapters (``sandbox``, ``agents``, ``gateway``, ``repository``)
implement them with the real thing; ``testing`` ships a double for each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final, Protocol

from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.core.model import (
    ChangeSet,
    Cluster,
    ClusterResult,
    Collected,
    Failure,
    Fix,
    Judgement,
    Landing,
    Tokens,
    Turn,
)

MODEL_PORT: Final = 4601  # inside a sandbox: where the gateway's door is


class Clock(Protocol):
    """Time, injected so that tests need not wait for it."""

    def monotonic(self) -> float:
        """Seconds since some fixed moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Do nothing for ``seconds``."""
        ...


class Stream(Protocol):
    """A two-way byte stream through the pipe, used by one thread at each end of it."""

    def read(self, timeout: float | None = None) -> bytes:
        """The next bytes, ``b""`` at the end.

        Raises ``TimeoutError`` after ``timeout`` seconds of silence and ``SandboxError`` when the
        sandbox is gone.
        """
        ...

    def write(self, data: bytes) -> None:
        """Send all of ``data``; raises ``BrokenPipeError`` when the other side closed."""
        ...

    def close(self) -> None:
        """Close both directions; closing twice is fine."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A process to run in a sandbox: no shell, absolute working directory, whole environment."""

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes = b""
    has_report: bool = False  # give it file descriptor 3 as a third stream, read back as ``report``
    output_limit: int = 1_000_000  # bytes kept of each of stdout and stderr: first and last half
    report_limit: int = 256_000_000  # bytes of report taken before the command is stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A finished command. ``code`` is the exit status, or minus the signal's number."""

    code: int
    stdout: bytes
    stderr: bytes
    report: bytes = b""
    seconds: float = 0.0
    is_timed_out: bool = False
    is_out_of_memory: bool = False
    is_report_cut: bool = False


class Process(Protocol):
    """A command still running in a sandbox."""

    def is_running(self) -> bool:
        """Whether it has not ended yet."""
        ...

    def kill(self) -> None:
        """End it and everything in its session; fine when it has ended."""
        ...

    def tail(self) -> str:
        """The last of what it wrote to stdout and stderr, for error messages."""
        ...


class Sandbox(Protocol):
    """A running container around one workspace. Leaving it as a context manager removes it."""

    def run(self, command: Command, *, timeout: float) -> Completed:
        """Run to the end, or kill it after ``timeout`` seconds (``is_timed_out``)."""
        ...

    def start(self, command: Command) -> Process:
        """Start in the background."""
        ...

    def dial(self, port: int, *, timeout: float) -> Stream:
        """Connect to a port on the sandbox's own loopback; ``ConnectionError`` if none listens."""
        ...

    def collect(self) -> Collected:
        """What differs from the base now, raw and unjudged; the sandbox stands still meanwhile."""
        ...

    def close(self) -> None:
        """Remove the container and its scratch folder; fine when done before."""
        ...


class Agent(Protocol):
    """One agent session in one sandbox."""

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """Send one prompt and watch until the turn ends or ``deadline`` (monotonic) passes.

        Raises ``ProviderTrouble`` when the model's provider is why the turn ended.
        """
        ...

    def collect(self) -> Collected:
        """What differs from the base in the agent's workspace now."""
        ...

    def close(self) -> None:
        """End the session and its sandbox."""
        ...


@dataclass(frozen=True, slots=True)
class StartupSignals:
    """A call for an agent, as both sides see it while the agent comes up.

    ``is_off`` is set once nobody needs it any more, ``is_urgent`` once its first prompt is ready.
    """

    is_off: Event = field(default_factory=Event)
    is_urgent: Event = field(default_factory=Event)


class Gateway(Protocol):
    """The model's only door: takes streams from a sandbox, talks to the provider for it."""

    def handle(self, stream: Stream) -> None:
        """Serve HTTP on ``stream`` until it closes. Runs in its own thread; never raises."""
        ...


class ModelAccess(Gateway, Protocol):
    """A gateway as the driver of an agent sees it: one attempt after another, each with caps."""

    def begin(self, *, deadline: float) -> None:
        """Start an attempt: its counters and its trouble are empty."""
        ...

    def trouble(self) -> ProviderTrouble | None:
        """What made the provider useless in this attempt, if anything did."""
        ...

    def cap(self) -> str:
        """The words of the cap that this attempt has reached, "" if it reached none."""
        ...

    def in_flight(self) -> int:
        """Requests that are waiting for the provider or being answered now."""
        ...

    def tokens(self) -> Tokens:
        """Tokens since the gateway was made."""
        ...

    def requests(self) -> int:
        """Model requests since the gateway was made."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What the cluster's targets do on the base, in a sandbox, before any change.

    ``judgement.red`` are the failing targets. ``missing`` names what kept them from being
    collected there, "" when they were. ``litter`` are paths that merely running the tests leaves.
    """

    judgement: Judgement
    missing: str = ""
    litter: frozenset[str] = frozenset()
    seconds: float = 0.0


class Judge(Protocol):
    """Decides by running tests in sandboxes the agent never touched."""

    def reproduce(self, cluster: Cluster, *, deadline: float) -> Reproduction:
        """Run the targets on the base."""
        ...

    def judge(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        *,
        deadline: float,
        withheld: Sequence[str] = (),
        note: str = "",
    ) -> Judgement:
        """Run the targets and what passed before on the base plus ``changes``.

        ``withheld`` are targets the agent was not shown; ``note`` says what kept more of them from
        being withheld, "" if nothing did.
        """
        ...

    def inherit(self, part: Cluster, whole: Cluster) -> bool:
        """Derive what is known of ``part`` from what was found out of ``whole``.

        Gives whether that is enough; where it is not, ``part`` is reproduced like any other.
        """
        ...

    def rejudge(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        judgement: Judgement,
        *,
        also: Sequence[str] | None,
        deadline: float,
    ) -> Judgement:
        """Judge again what was accepted on an earlier base; this judge's has other fixes in it.

        ``also`` are the tests whose end can have changed by that, ``None`` stands for all that
        passed before. What comes out has the evidence of both. Where the targets are green without
        ``changes`` now, the probe ``fail-before`` has failed and nothing is red.
        """
        ...

    def minimise(  # noqa: PLR0913 - all but the three by name
        self,
        cluster: Cluster,
        changes: ChangeSet,
        judgement: Judgement,
        *,
        deadline: float,
        withheld: Sequence[str] = (),
        note: str = "",
    ) -> tuple[ChangeSet, Judgement]:
        """Leave out what an accepted change does not need, and judge what is left."""
        ...


class Lander(Protocol):
    """Brings accepted fixes into the user's history, or leaves them as patches."""

    def land(self, fix: Fix) -> Landing:
        """Commit ``fix`` on top of what was landed before; raises ``LandingError``."""
        ...


class Progress(Protocol):
    """Where live lines go while the repair works."""

    def say(self, cluster: Cluster, phase: str) -> None:
        """Tell what ``cluster`` is doing now, in a few words."""
        ...


class Extensions(Protocol):
    """Answers of other plugins and ``conftest.py`` files; ``None`` where nobody has any.

    None of them raises: what goes wrong in a plugin is told to the user and counts as no answer.
    """

    def cluster(self, failures: Sequence[Failure]) -> Sequence[Cluster] | None:
        """Return ``failures`` in clusters, each failure in exactly one."""
        ...

    def prompt_notes(self, cluster: Cluster, prompt: str) -> Sequence[str]:
        """Return texts to add to the first prompt of ``cluster``, which is ``prompt`` without."""
        ...

    def is_open(self, path: str, cluster: Cluster) -> bool | None:
        """Return whether a fix of ``cluster`` may touch ``path`` of the repository."""
        ...

    def commit_message(self, fix: Fix, message: str) -> str | None:
        """Return another text for the commit of ``fix`` than ``message``."""
        ...

    def tell_verdict(self, result: ClusterResult) -> None:
        """Take note of how a cluster ended."""
        ...


AcceptHandler = Callable[[Stream], None]
