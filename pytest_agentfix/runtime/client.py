"""pytest's side of the repair: a client of the repair process, with no thread of its own.

It reads what that process says only while pytest waits for it: before the first test, during the
repair phase, and at the end. In between it sends one message, after the first failure.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from pytest_agentfix.core.errors import AgentFixError, RepairProcessError, UnforeseenSetupError
from pytest_agentfix.core.model import (
    Cluster,
    ClusterResult,
    Failure,
    Invocation,
    RunRequest,
    RunResult,
    Verdict,
)
from pytest_agentfix.core.ports import Progress
from pytest_agentfix.core.settings import Settings
from pytest_agentfix.runtime.answers import Answers, RunExtensions
from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.messages import (
    Answer,
    Begun,
    CleanUp,
    Cleared,
    Done,
    Ended,
    FileContent,
    LogLine,
    Message,
    MessageError,
    Prepare,
    Question,
    ReadFile,
    Ready,
    Refused,
    Repair,
    Says,
    Start,
    Stop,
)
from pytest_agentfix.runtime.spawn import list_paths, spawn
from pytest_agentfix.runtime.trouble import RemoteError, describe_error, make_error

logger = logging.getLogger(__name__)

MEASURING: Final = ("COV_CORE_", "COVERAGE_")  # such variables have coverage trace the process
SEND_PATIENCE: Final = 10.0  # seconds
END_PATIENCE: Final = 60.0  # seconds without a word while the other process clears up
UNFINISHED: Final = "not finished: the repair process ended before its time"
INTERRUPTED: Final = "not finished: the run was interrupted"
NEXT_STEP: Final = (
    "Was it killed, or was there too little memory? What it had made is cleared up; run pytest "
    "again, and if it stays so, report it with what --log-file=FILE --log-file-level=DEBUG says."
)


def prepare(settings: Settings, invocation: Invocation, extensions: RunExtensions) -> RepairClient:
    """Start the repair process and have it check all that it needs; raises ``SetupError``."""
    client = RepairClient(settings, invocation, extensions)
    try:
        client.start()
    except BaseException:
        client.close()
        raise
    return client


class RepairClient:
    """Implements ``session.Repairer`` with a process that does the work."""

    def __init__(
        self, settings: Settings, invocation: Invocation, extensions: RunExtensions
    ) -> None:
        self._settings = settings
        self._invocation = invocation
        self._extensions = extensions
        self._answers = Answers(extensions)
        self._owner = os.getpid()
        self._environ = dict(os.environ)
        self._channel: Channel | None = None
        self._group = 0  # of the process
        self._is_cleared = True  # the process has left nothing behind
        self._early: deque[Message] = deque()  # came while something else was waited for
        self._request: RunRequest | None = None
        self._clusters: dict[str, Cluster] = {}  # by slug
        self._ended: list[ClusterResult] = []
        self._done: Done | None = None
        self._progress: Progress | None = None
        self._is_hurried = False
        self._is_lost = False  # the process has ended before its time

    def start(self) -> None:
        """Start the process, and wait until it has checked everything; raises ``SetupError``."""
        self._launch(
            Start(
                paths=list_paths(),
                log_level=_find_log_level(),
                settings=self._settings,
                invocation=self._invocation,
                environments=tuple(self._extensions.environments),
                probes={probe.name: probe.is_refusing for probe in self._extensions.probes},
            )
        )
        while True:
            message = self._receive()
            if isinstance(message, Ready):
                return
            if isinstance(message, Refused):
                raise make_error(message.trouble)
            self._take(message)

    def get_ready(self, failures: Sequence[Failure], imported: Sequence[str]) -> None:
        """Have what it takes made ready while the suite goes on."""
        reachable = tuple(failure for failure in failures if failure.installed is None)
        if self._settings.keep or (failures and not reachable):
            return  # who makes what is kept has to report it; and no change reaches the others
        self._is_cleared = False
        self._send(Prepare(failures=reachable, imported=tuple(imported)))

    def repair(self, request: RunRequest, progress: Progress) -> RunResult:
        """Try every cluster; a cluster's trouble is its verdict, never an exception."""
        self._request, self._progress = request, progress
        self._answers.is_repairing = True
        order = Repair(
            request=request,
            environ=self._list_withheld(),
            hooks=self._extensions.list_hooks(),
            log_level=_find_log_level(),
        )
        self._is_cleared = False
        try:
            done = self._have_done(order)
        except (OSError, RepairProcessError):
            if self._clusters or self._ended:
                raise
            # A test has closed the socket, or killed the process: no time is lost but its start.
            logger.info("the repair process is started again", exc_info=True)
            self._leave()
            self.start()
            self._is_cleared = self._is_lost = False
            done = self._have_done(order)
        if done.trouble is not None:
            raise make_error(done.trouble)
        return self.result_so_far()

    def result_so_far(self) -> RunResult:
        """Return what the process has reached; it is stopped where it is still at work."""
        if self._request is None:
            return RunResult()
        is_lost = self._is_lost
        if self._done is None:
            try:
                self._send(Stop())
                self._wait_until_done()
            except (OSError, AgentFixError, RemoteError):
                logger.debug("the repair process is gone", exc_info=True)
            except KeyboardInterrupt:  # the second one: it clears up, and nobody waits for it
                self._is_hurried = True
        reached = self._done.result if self._done else RunResult(clusters=tuple(self._ended))
        rest = self._list_unfinished(self._request, reached.clusters, is_lost=is_lost)
        return replace(reached, clusters=(*reached.clusters, *rest))

    def close(self) -> None:
        """End the process, which removes everything that it made; twice is fine."""
        try:
            if os.getpid() == self._owner:
                self._end()
        finally:
            self._leave()
            self._answers.close()

    def _end(self) -> None:
        """Have the process clear up, or another one, if it was killed or stands still."""
        has_ended = self._let_it_end()
        if self._is_cleared or self._is_hurried:
            return
        self._is_cleared = True
        if not has_ended:  # so its number is still its own
            with contextlib.suppress(OSError):
                os.killpg(self._group, signal.SIGKILL)
        self._leave()
        with contextlib.suppress(AgentFixError):
            self._launch(CleanUp(paths=list_paths(), log_level=_find_log_level()))
            self._let_it_end()

    def _let_it_end(self) -> bool:
        """Say that nothing more is needed, and wait; return whether the process has ended."""
        channel = self._channel
        if channel is None or not channel.is_usable():
            return True
        try:
            channel.end()
            while not self._is_hurried and (message := channel.receive(END_PATIENCE)) is not None:
                if isinstance(message, LogLine):
                    _log(message)
                elif isinstance(message, Cleared):
                    self._is_cleared = True
        except TimeoutError:
            return False
        except (OSError, MessageError):
            logger.debug("the repair process has ended", exc_info=True)
        return True

    def _launch(self, first: Start | CleanUp) -> None:
        withheld = self._list_withheld()
        environ = {
            name: value
            for name, value in self._environ.items()
            if name not in withheld and not name.startswith(MEASURING)
        }
        try:
            connection, self._group = spawn(environ)
            self._channel = Channel(connection, patience=SEND_PATIENCE)
            self._channel.send(first)
        except OSError as error:
            raise UnforeseenSetupError(
                f"The repair process cannot be started: {error.strerror or error}.",
                "See to what is missing, or run the tests without --agent-fix.",
            ) from error

    def _list_withheld(self) -> Mapping[str, str]:
        from pytest_agentfix.runtime.model_choice import find_withheld  # noqa: PLC0415

        return find_withheld(self._settings, self._environ)

    def _send(self, message: Message) -> None:
        """Send ``message``; raises ``OSError`` where the process is gone, or is not ours."""
        channel = self._channel
        if channel is None or os.getpid() != self._owner or not channel.is_usable():
            raise ConnectionError("there is no repair process")
        channel.send(message)

    def _receive(self) -> Message:
        """Wait for the next message; raises ``RepairProcessError`` where there is no more."""
        if self._early:
            return self._early.popleft()
        assert self._channel is not None
        message = None
        with contextlib.suppress(OSError, MessageError):
            message = self._channel.receive()
        if isinstance(message, Cleared):
            self._is_cleared = True
        if message is None or isinstance(message, Cleared):
            self._is_lost = True
            raise RepairProcessError("The repair process has ended before its time.", NEXT_STEP)
        return message

    def _have_done(self, order: Repair) -> Done:
        self._send(order)
        return self._wait_until_done()

    def _wait_until_done(self) -> Done:
        while self._done is None:
            message = self._receive()
            if isinstance(message, Done):
                self._done = message
            elif isinstance(message, Refused):  # something went wrong that nobody foresaw
                raise make_error(message.trouble)
            elif not isinstance(message, Says):
                self._take(message)
            elif self._progress is not None and message.slug in self._clusters:
                self._progress.say(self._clusters[message.slug], message.phase)
        return self._done

    def _take(self, message: Message) -> None:
        match message:
            case LogLine():
                _log(message)
            case Question():
                self._answer(message)
            case Begun(cluster=cluster):
                self._clusters[cluster.slug] = cluster
            case Ended(result=result):
                self._ended.append(result)
                self._extensions.tell_verdict(result)
            case _:
                logger.debug("%s came out of turn", type(message).__name__)

    def _answer(self, question: Question) -> None:
        def read_file(path: str) -> tuple[bytes, bool] | None:
            if not isinstance(path, str):  # who asks is another plugin
                return None
            self._send(ReadFile(number=question.number, path=path))
            early: list[Message] = []
            try:
                while not isinstance(message := self._receive(), FileContent):
                    early.append(message)
            finally:
                self._early.extendleft(reversed(early))
            return message.found

        try:
            value = self._answers.answer(question.about, read_file)
            answer = Answer(number=question.number, value=value)
        except (RepairProcessError, ConnectionError):
            raise
        except Exception as error:  # the asker decides what comes of it
            logger.debug("a question could not be answered", exc_info=True)
            answer = Answer(number=question.number, trouble=describe_error(error))
        with contextlib.suppress(OSError):  # that it is gone is noticed next
            self._send(answer)

    def _list_unfinished(
        self, request: RunRequest, reached: Sequence[ClusterResult], *, is_lost: bool
    ) -> list[ClusterResult]:
        """Return results for what an interruption ended, or the process took with it."""
        told = {one.cluster.slug for one in reached}
        begun = [cluster for slug, cluster in self._clusters.items() if slug not in told]
        known = {nodeid for one in reached for nodeid in one.cluster.targets}
        begun = [cluster for cluster in begun if known.isdisjoint(cluster.targets)]
        known.update(nodeid for cluster in begun for nodeid in cluster.targets)
        rest: dict[str, tuple[Failure, ...]] = {}
        for failure in request.failures:
            if failure.nodeid not in known:
                rest[failure.nodeid] = (*rest.get(failure.nodeid, ()), failure)
        begun += [
            Cluster(slug=f"unfinished-{number}", failures=failures)
            for number, failures in enumerate(rest.values(), start=1)
        ]
        verdict = Verdict.ENVIRONMENT if is_lost else Verdict.SKIPPED
        reason = UNFINISHED if is_lost else INTERRUPTED
        return [ClusterResult(cluster=one, verdict=verdict, reason=reason) for one in begun]

    def _leave(self) -> None:
        channel, self._channel = self._channel, None
        self._early.clear()
        if channel is not None:
            channel.close()


def _find_log_level() -> int:
    return logging.getLogger().getEffectiveLevel()


def _log(line: LogLine) -> None:
    target = logging.getLogger(line.name)
    if target.isEnabledFor(line.level):
        record = target.makeRecord(line.name, line.level, "", 0, line.text, (), None)
        target.handle(record)
