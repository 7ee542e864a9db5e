"""pytest's process as the repair process sees it: whom it asks, and whom it tells."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from pytest_agentfix.core.errors import AgentFixError, EnvironmentTrouble, SandboxError
from pytest_agentfix.core.model import Cluster, ClusterResult, Failure, Fix, RunResult
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.probe import ProbePlan, Result, Subject
from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.codec import CodecError, dump, load
from pytest_agentfix.runtime.messages import (
    About,
    Answer,
    AskClusters,
    AskEnvironment,
    AskMessage,
    AskNotes,
    AskPath,
    AskProbe,
    Begun,
    ChooseModel,
    Done,
    Ended,
    FileContent,
    Message,
    Question,
    ReadFile,
    Says,
    Trouble,
    encode,
)
from pytest_agentfix.runtime.trouble import RemoteError, make_error
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.environments import Environment

logger = logging.getLogger(__name__)

FLUSH_PATIENCE: Final = 10.0  # seconds for pytest to read the last messages

ReadFiles = Callable[[str], "tuple[bytes, bool] | None"]


class RemotePytest:
    """Asks pytest's process; any thread may. Implements ``ports.Progress`` as well."""

    def __init__(self, channel: Channel) -> None:
        self._lock = threading.Lock()
        # pytest reads when it waits for the repair, and not while tests run: nobody waits for it.
        self._outgoing: SimpleQueue[bytes | None] = SimpleQueue()
        self._writer = threading.Thread(
            target=self._write, args=(channel,), name="agentfix-to-pytest", daemon=True
        )
        self._writer.start()
        self._is_over = False  # nobody will answer any more
        self._number = 0
        self._open: dict[int, Future[Any]] = {}
        self._readers: dict[int, ReadFiles] = {}
        self._begun: set[str] = set()  # slugs

    def ask(self, about: About, kind: Any, read_base: ReadFiles | None = None) -> Any:
        """Return the answer, of the annotation ``kind``; ``read_base`` is for questions back.

        Raises what was raised there, or ``SandboxError`` once the run is ended.
        """
        future: Future[Any] = Future()
        with self._lock:
            self._number += 1
            number = self._number
            if self._is_over:
                raise _make_interruption()
            self._open[number] = future
            if read_base is not None:
                self._readers[number] = read_base
        try:
            self.tell(Question(number=number, about=about))
            return load(kind, future.result())
        finally:
            with self._lock:
                self._open.pop(number, None)
                self._readers.pop(number, None)

    def take(self, message: Answer | ReadFile) -> None:
        """Take in what belongs to an open question."""
        if isinstance(message, ReadFile):
            with self._lock:
                read_base = self._readers.get(message.number)
            found = None
            with suppress(AgentFixError):
                found = None if read_base is None else read_base(message.path)
            self.tell(FileContent(found=found))
            return
        with self._lock:  # once: who hangs up has no answer for it any more
            future = self._open.pop(message.number, None)
        if future is not None and message.trouble is not None:
            future.set_exception(make_error(message.trouble))
        elif future is not None:
            future.set_result(message.value)

    def hang_up(self) -> None:
        """Ask nothing more; who waits for an answer gets a ``SandboxError``."""
        with self._lock:
            self._is_over = True
            waiting = list(self._open.values())
            self._open.clear()
        for future in waiting:
            future.set_exception(_make_interruption())

    def tell(self, message: Message) -> None:
        """Have ``message`` sent; that nobody is there any more is noticed elsewhere."""
        self._outgoing.put(encode(message))

    def close(self) -> None:
        """Wait until all is sent that can be."""
        self._outgoing.put(None)
        self._writer.join(FLUSH_PATIENCE)

    def _write(self, channel: Channel) -> None:
        with suppress(OSError):
            while (line := self._outgoing.get()) is not None:
                channel.write(line)

    def say(self, cluster: Cluster, phase: str) -> None:
        """Tell what ``cluster`` is doing now."""
        self.introduce(cluster)
        self.tell(Says(slug=cluster.slug, phase=phase))

    def introduce(self, cluster: Cluster) -> None:
        """Make ``cluster`` known, once."""
        with self._lock:
            if cluster.slug not in self._begun:
                self._begun.add(cluster.slug)
                self.tell(Begun(cluster=cluster))

    def tell_verdict(self, result: ClusterResult) -> None:
        """Tell of the end of a cluster."""
        self.tell(Ended(result=result))

    def tell_end(self, result: RunResult, trouble: Trouble | None = None) -> None:
        """Tell of the end of the repair."""
        self.tell(Done(result=result, trouble=trouble))

    def choose_model(self, settings: Settings, model: str | None) -> Upstream:
        """Return the model that the user means; raises ``SetupError``."""
        found: Upstream = self.ask(ChooseModel(settings=settings, model=model), Upstream)
        return found


class RemoteExtensions:
    """Implements ``ports.Extensions``; only what is in ``hooks`` has anybody to be asked."""

    def __init__(self, host: RemotePytest, hooks: Collection[str]) -> None:
        self._host = host
        self._hooks = hooks

    def cluster(self, failures: Sequence[Failure]) -> Sequence[Cluster] | None:
        """Ask for clusters."""
        if not self._has("cluster"):
            return None
        question = AskClusters(failures=tuple(failures))
        clusters: tuple[Cluster, ...] | None = self._ask(question, tuple[Cluster, ...] | None, None)
        return clusters

    def prompt_notes(self, cluster: Cluster, prompt: str) -> Sequence[str]:
        """Ask for texts to add to a prompt."""
        if not self._has("prompt"):
            return ()
        question = AskNotes(cluster=cluster, prompt=prompt)
        notes: tuple[str, ...] = self._ask(question, tuple[str, ...], ())
        return notes

    def is_open(self, path: str, cluster: Cluster) -> bool | None:
        """Ask whether a path is open."""
        if not self._has("policy"):
            return None
        question = AskPath(path=path, cluster=cluster)
        is_open: bool | None = self._ask(question, bool | None, None)
        return is_open

    def commit_message(self, fix: Fix, message: str) -> str | None:
        """Ask for a message; a fix that is landing while the run is ended gets ours."""
        other: str | None = None
        if self._has("commit_message"):
            with suppress(EnvironmentTrouble):
                other = self._ask(AskMessage(fix=fix, message=message), str | None, None)
        return other

    def tell_verdict(self, result: ClusterResult) -> None:
        """Tell of a verdict."""
        self._host.tell_verdict(result)

    def _ask(self, question: About, kind: Any, unanswered: object) -> Any:
        """Return the answer, or ``unanswered`` where it is none: the plugin's mistake, not ours."""
        try:
            return self._host.ask(question, kind)
        except (CodecError, RemoteError):
            logger.warning("the answer of a plugin's hook is of no use", exc_info=True)
            return unanswered

    def _has(self, hook: str) -> bool:
        return f"pytest_agentfix_{hook}" in self._hooks


class RemoteEnvironment:
    """Implements ``EnvironmentKind`` with another plugin's, which pytest's process has."""

    def __init__(self, host: RemotePytest, name: str) -> None:
        self._host = host
        self._name = name

    def is_implied(self, settings: Settings) -> bool:
        """Ask whether ``auto`` means it."""
        question = AskEnvironment(name=self._name, step="is_implied", settings=settings)
        return bool(self._host.ask(question, bool))

    def find_obstacle(self, engine: Engine, *, top: Path) -> str:  # noqa: ARG002 - it has its own
        """Ask why it cannot work here."""
        question = AskEnvironment(name=self._name, step="find_obstacle", top=str(top))
        return str(self._host.ask(question, str))

    def prepare(self, settings: Settings, engine: Engine, *, top: Path) -> Environment:  # noqa: ARG002 - as above
        """Have it prepared; raises ``SetupError`` or ``SandboxError``."""
        question = AskEnvironment(name=self._name, step="prepare", settings=settings, top=str(top))
        environment: Environment = self._host.ask(question, Environment)
        return environment


class RemoteProbe:
    """Implements ``Probe`` with another plugin's, which pytest's process has."""

    def __init__(self, host: RemotePytest, name: str, *, is_refusing: bool) -> None:
        self._host = host
        self.name = name
        self.is_refusing = is_refusing

    def plan(self, subject: Subject) -> ProbePlan | str:
        """Ask for the sessions to run."""
        question = AskProbe(name=self.name, subject=dump(subject))
        plan: ProbePlan | str
        try:
            plan = self._host.ask(question, ProbePlan | str, subject.read_base)
        except (CodecError, RemoteError) as error:
            return f"its answer is of no use: {error}"
        return plan

    def verdict(self, subject: Subject, results: Sequence[Result]) -> Finding | ProbePlan:
        """Ask what they mean."""
        question = AskProbe(name=self.name, subject=dump(subject), results=dump(results))
        found: Finding | ProbePlan
        try:
            found = self._host.ask(question, Finding | ProbePlan, subject.read_base)
        except (CodecError, RemoteError) as error:
            return Finding.impossible(self.name, f"its answer is of no use: {error}")
        return found


def _make_interruption() -> SandboxError:
    return SandboxError("The run was interrupted.", "Run it again.")
