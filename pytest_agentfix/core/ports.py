"""The outside world, one small protocol for each part of it.

The repair loop knows only these. Adapters (``sandbox``, ``agents``, ``gateway``, ``judge``,
``repository``) implement them with the real thing and ``runtime`` puts those together; ``testing``
ships a double for each.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
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
    Drop,
    Evidence,
    Failure,
    FileStat,
    Fix,
    Frame,
    HoldOut,
    Judgement,
    Landing,
    ReadBase,
    Tokens,
    Turn,
)
from pytest_agentfix.core.progress import Work

MODEL_PORT: Final = 4601  # inside a sandbox: where the gateway listens


class Clock(Protocol):
    """Time, injected so that tests need not wait for it."""

    def monotonic(self) -> float:
        """Return seconds since some fixed moment; never goes back."""
        ...

    def sleep(self, seconds: float) -> None:
        """Do nothing for ``seconds``."""
        ...


class Stream(Protocol):
    """A two-way byte stream through the pipe, used by one thread at each end of it."""

    def read(self, timeout: float | None = None) -> bytes:
        """Return the next bytes, ``b""`` at the end.

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
        """Return whether it has not ended yet."""
        ...

    def kill(self) -> None:
        """End it and everything in its session; fine when it has ended."""
        ...

    def tail(self) -> str:
        """Return the last of what it wrote to stdout and stderr, for error messages."""
        ...

    def wait(self, timeout: float) -> Completed:
        """Wait for its end, or kill it after ``timeout`` seconds; raises ``SandboxError``."""
        ...


class Sandbox(Protocol):
    """A running container around one workspace. Leaving it as a context manager removes it."""

    def run(self, command: Command, *, timeout: float, at_most: float | None = None) -> Completed:
        """Run to the end, or kill it after ``timeout`` seconds (``is_timed_out``).

        Where the machine is overloaded and it gets on, it may take ``at_most`` seconds, which are
        ``timeout`` seconds by default.
        """
        ...

    def start(self, command: Command) -> Process:
        """Start in the background."""
        ...

    def dial(self, port: int, *, timeout: float) -> Stream:
        """Connect to a port on the sandbox's own loopback; ``ConnectionError`` if none listens."""
        ...

    def find_work(self) -> Work | None:
        """Return what everything in it has done so far, ``None`` where nobody knows."""
        ...

    def collect(self) -> Collected:
        """Return what differs from the base now, unjudged; the sandbox is paused meanwhile."""
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
        """Return what differs from the base in the agent's workspace now."""
        ...

    def close(self) -> None:
        """End the session and its sandbox."""
        ...


@dataclass(frozen=True, slots=True)
class StartupSignals:
    """Signals from whoever needs an agent to whoever starts it.

    ``cancelled`` is set once nobody needs it any more, ``prompt_waiting`` once its first prompt is
    ready.
    """

    cancelled: Event = field(default_factory=Event)
    prompt_waiting: Event = field(default_factory=Event)


class Gateway(Protocol):
    """The only way to the model: takes streams from a sandbox, talks to the provider for it."""

    def handle(self, stream: Stream) -> None:
        """Serve HTTP on ``stream`` until it closes. Runs in its own thread; never raises."""
        ...


class ModelAccess(Gateway, Protocol):
    """A gateway as the driver of an agent sees it: one attempt after another, each with caps."""

    def begin(self, *, deadline: float) -> None:
        """Start an attempt: its counters and its trouble are empty."""
        ...

    def trouble(self) -> ProviderTrouble | None:
        """Return what made the provider useless in this attempt, if anything did."""
        ...

    def cap(self) -> str:
        """Describe the cap that this attempt has reached, "" if it reached none."""
        ...

    def in_flight(self) -> int:
        """Count the requests that are waiting for the provider or being answered now."""
        ...

    def tokens(self) -> Tokens:
        """Return the tokens used since the gateway was made."""
        ...

    def requests(self) -> int:
        """Count the model requests since the gateway was made."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """The outcome of the cluster's targets on the base, in a sandbox, before any change.

    ``judgement.red`` are the failing targets. ``missing`` says what kept those in ``unfit`` from
    being collected there, or from failing as they did for the user, "" for nothing. ``note`` says
    in which other way targets fail there, "" if they fail as they did for the user. ``litter`` are
    paths that merely running the tests leaves. ``entered`` are functions of the project that the
    targets have entered, each with the line it begins on; it is for guesses, and may miss some.
    """

    judgement: Judgement
    missing: str = ""
    unfit: tuple[str, ...] = ()
    note: str = ""
    litter: frozenset[str] = frozenset()
    entered: tuple[Frame, ...] = ()
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
        """Derive what is known of ``part`` from what was found out about ``whole``.

        Returns whether that is enough; where it is not, ``part`` is reproduced like any other.
        """
        ...

    def reverify(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        judgement: Judgement,
        *,
        also: Sequence[str] | None,
        deadline: float,
    ) -> Judgement:
        """Judge again what was accepted on an earlier base; this judge's has other fixes in it.

        ``also`` are the tests whose outcome they can have changed, ``None`` stands for all that
        passed before. The result has the evidence of both judgements. Where the targets are green
        without ``changes`` now, the probe ``fail-before`` has failed and nothing is red.
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
        """Leave out what an accepted change does not need, and judge the rest."""
        ...


class Reviewer(Protocol):
    """Gives a second opinion on changes that the judge has accepted. It cannot accept any."""

    def review(
        self,
        cluster: Cluster,
        changes: ChangeSet,
        *,
        hold_out: HoldOut,
        read_base: ReadBase,
        deadline: float,
    ) -> Evidence:
        """Return the opinion on ``changes`` to the base that ``read_base`` reads; never raises.

        It has failed only where the reviewer says that they are right for the tests' inputs alone.
        The reviewer is shown nothing that ``hold_out`` withholds. An opinion that could not be had
        by ``deadline`` (monotonic), or cannot be read, is not applicable.
        """
        ...


class Lander(Protocol):
    """Brings accepted fixes into the user's history, or leaves them as patches."""

    def land(self, fix: Fix) -> Landing:
        """Commit ``fix`` on top of what was landed before; raises ``LandingError``."""
        ...


class Progress(Protocol):
    """Receiver of live lines while the repair works."""

    def say(self, cluster: Cluster, phase: str) -> None:
        """Tell in a few words what ``cluster`` is doing now."""
        ...


class BaseView(Protocol):
    """One version of the base as the repair of one cluster sees it.

    ``version`` counts the fixes of this run that are in it, ``settled_count`` the tests that they
    had turned green by then without being meant for them.
    """

    version: int
    settled_count: int
    judge: Judge

    def read_base(self, path: str) -> tuple[bytes, bool] | None:
        """Return content and executable bit of ``path``, ``None`` where there is no such file."""
        ...

    def choose_hold_out(self, cluster: Cluster) -> HoldOut:
        """Choose the cases of ``cluster`` that the agent is not shown."""
        ...

    def open_agent(
        self, cluster: Cluster, hold_out: HoldOut, *, deadline: float, signals: StartupSignals
    ) -> Agent:
        """Return an agent that is up in a sandbox with this base, without the withheld cases.

        Raises ``EnvironmentTrouble`` or ``TimeoutError``; ``signals`` may change meanwhile.
        """
        ...

    def first_prompt(
        self, cluster: Cluster, judgement: Judgement, hold_out: HoldOut, note: str
    ) -> str:
        """Return the first prompt, with ``judgement`` of the base and a ``note`` for the agent."""
        ...

    def apply_policy(
        self, cluster: Cluster, collected: Collected, litter: frozenset[str]
    ) -> tuple[ChangeSet, tuple[Drop, ...]]:
        """Divide ``collected`` into what the policy lets through and what it leaves out.

        ``litter`` are paths that merely running the tests leaves.
        """
        ...


class LandingStatus(enum.Enum):
    """The way in which an accepted change left the merge queue."""

    LANDED = "landed"
    UNNEEDED = "unneeded"  # the fixes before it have made its targets green
    COLLIDES = "collides"  # it touches lines that they have changed
    RED = "red"  # not everything is green with both


@dataclass(frozen=True, slots=True, kw_only=True)
class LandingOutcome:
    """The result of an attempt to land an accepted change.

    ``fix`` is as it landed, or as it was tried last. ``base`` is the one on which it was found
    unneeded. ``detail`` says what was in its way.
    """

    status: LandingStatus
    fix: Fix
    landing: Landing | None = None
    base: BaseView | None = None
    detail: str = ""


class LoopServices(Protocol):
    """Everything the repair loop of one cluster calls, and the limits it keeps to."""

    clock: Clock
    model: str  # PROVIDER/MODEL
    max_attempts: int
    timeout: float  # seconds of wall clock per cluster
    is_minimising: bool
    reviewer: Reviewer | None  # ``None``: no second opinion is asked for

    def current_base(self) -> BaseView:
        """Return the base as it is now."""
        ...

    def must_wait(self, reproduction: Reproduction) -> bool:
        """Return whether a cluster that may have the same cause has been begun before this one."""
        ...

    def next_prompt(
        self, judgement: Judgement | None, dropped: Sequence[Drop], hold_out: HoldOut
    ) -> str:
        """Return the prompt after a failed attempt; no ``judgement``: nothing was judged."""
        ...

    def land(self, fix: Fix, made_on: BaseView, *, deadline: float) -> LandingOutcome:
        """Bring in ``fix``, which was accepted on ``made_on``; raises ``LandingError``."""
        ...

    def find_fixing_commit(
        self, cluster: Cluster, base: BaseView, *, deadline: float
    ) -> tuple[Landing, tuple[Evidence, ...]] | None:
        """Find the fix of this run that turned ``cluster``, green on ``base``, green.

        The probes are the evidence that it was red before; ``None`` where it was not. From then on
        it has to stay green; raises ``BrokenAgainError`` where it is not any more.
        """
        ...

    def count_lines(self, fix: Fix) -> tuple[FileStat, ...]:
        """Count the lines that ``fix`` adds and removes in each file."""
        ...

    def add_cluster(self, cluster: Cluster) -> None:
        """Queue a part that was split off, to be repaired on its own."""
        ...

    def add_result(self, result: ClusterResult) -> None:
        """Report a part of the cluster that has its verdict already."""
        ...

    def agent_turn(self) -> AbstractContextManager[None]:
        """Return a context for one turn of the agent, which is up and gets a prompt in it."""
        ...

    def interruption(self) -> str:
        """Return why the run was ended with all that it has under way, "" if it was not."""
        ...

    def stop_run(self, reason: str) -> None:
        """Let no further cluster begin: none can do better."""
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
        """Take note of how a cluster ended; told again of the same one, do nothing."""
        ...


AcceptHandler = Callable[[Stream], None]
