"""The repair process: it owns the whole run, from the first check to the last container.

The main thread works, another one reads what pytest says. However pytest ends, this process ends
too, and takes with it what it made; a fix that is landing lands whole before.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import threading
from contextlib import ExitStack, suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final

from pytest_agentfix.core.errors import AgentFixError
from pytest_agentfix.core.model import RunResult
from pytest_agentfix.core.signals import Terminated, raise_on_sigterm
from pytest_agentfix.core.unforeseen import make_setup_error
from pytest_agentfix.repository.landing_journal import settle_landings
from pytest_agentfix.runtime.bootstrap import choose_models, prepare
from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.context import RunContext
from pytest_agentfix.runtime.messages import (
    Answer,
    CleanUp,
    Cleared,
    LogLine,
    MessageError,
    Prepare,
    ReadFile,
    Ready,
    Refused,
    Repair,
    Start,
    Stop,
    Trouble,
)
from pytest_agentfix.runtime.remote import (
    RemoteEnvironment,
    RemoteExtensions,
    RemoteProbe,
    RemotePytest,
)
from pytest_agentfix.runtime.trouble import describe_error
from pytest_agentfix.sandbox.cleanup import sweep_dead
from pytest_agentfix.sandbox.engine import Engine
from pytest_agentfix.sandbox.scratch import scratch_root

if TYPE_CHECKING:
    from pytest_agentfix.runtime.preparation import Preparation
    from pytest_agentfix.runtime.run import RepairRun

logger = logging.getLogger(__name__)

END_LIMIT: Final = 300.0  # seconds after which the process ends once it has to, whatever hangs
REPORT_IT: Final = (
    "Undo that if it is yours (`pip check` tells of packages that do not fit), else please report "
    "it; without --agent-fix the tests run as ever."
)


def serve(channel: Channel, first: Start | CleanUp) -> None:
    """Do what ``first`` and the messages after it say, until pytest is gone or needs no more."""
    host = RemotePytest(channel)
    logging.getLogger().addHandler(_LogHandler(host))
    logging.getLogger().setLevel(first.log_level)
    if isinstance(first, Start):
        RepairProcess(channel, host).run(first)
    else:
        _clean_up()
    host.tell(Cleared())
    host.close()


def _clean_up() -> None:
    with suppress(AgentFixError):
        engine = Engine.connect()
        sweep_dead(engine, scratch_root(), settle=settle_landings)
        engine.close()


class RepairProcess:
    """One repair process at work for one pytest run."""

    def __init__(self, channel: Channel, host: RemotePytest) -> None:
        self._channel = channel
        self._host = host
        self._orders: SimpleQueue[Prepare | Repair | Stop | None] = SimpleQueue()
        self._is_interruptible = False  # the main thread is at work that nobody may need any more
        self._is_stopped = False
        self._result = RunResult()
        self._token = secrets.token_urlsafe(24)  # with which sandboxes reach the gateway
        self._exit = ExitStack()  # what has to be undone at the end, the last first

    def run(self, start: Start) -> None:
        """Check what ``start`` says, then take orders; leaves nothing behind."""
        reader = threading.Thread(target=self._read, name="agentfix-pytest", daemon=True)
        try:
            with suppress(Terminated), raise_on_sigterm(is_once=True):
                self._is_interruptible = True
                reader.start()
                context = self._set_up(start)
                self._is_interruptible = False
                if context is not None:
                    self._take_orders(context)
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _limit_the_end()
            self._host.hang_up()
            with suppress(AgentFixError, OSError):
                self._exit.close()

    def _read(self) -> None:
        """Sort what pytest says, until it has no more to say."""
        try:
            while (message := self._channel.receive()) is not None:
                if isinstance(message, (Answer, ReadFile)):
                    self._host.take(message)
                elif isinstance(message, (Prepare, Repair, Stop)):
                    if isinstance(message, Stop):
                        self._interrupt()
                    self._orders.put(message)
        except (OSError, MessageError):
            logger.debug("pytest is gone", exc_info=True)
        finally:
            _limit_the_end()
            self._interrupt()
            self._orders.put(None)

    def _interrupt(self) -> None:
        """End what the main thread is at; nobody is asked anything from now on."""
        self._host.hang_up()
        self._is_stopped = True
        if self._is_interruptible:
            os.kill(os.getpid(), signal.SIGTERM)

    def _check_stopped(self) -> None:
        if self._is_stopped:
            raise Terminated

    def _set_up(self, start: Start) -> RunContext | None:
        host = self._host
        with suppress(OSError):  # gone: then it stays at the root
            os.chdir(start.invocation.cwd)  # a command for a key may name files there
        try:
            context = prepare(
                start.settings,
                start.invocation,
                host.choose_model,
                environments={name: RemoteEnvironment(host, name) for name in start.environments},
                probes=tuple(
                    RemoteProbe(host, name, is_refusing=is_refusing)
                    for name, is_refusing in start.probes.items()
                ),
            )
        except Exception as error:
            logger.debug("agent-fix could not be set up", exc_info=True)
            if not isinstance(error, AgentFixError):
                error = make_setup_error("get ready", error, REPORT_IT)
            host.tell(Refused(trouble=describe_error(error)))
            return None
        self._exit.callback(context.engine.close)
        host.tell(Ready())
        return context

    def _take_orders(self, context: RunContext) -> None:
        preparation: Preparation | None = None
        while (order := self._orders.get()) is not None:
            if isinstance(order, Stop):
                self._host.tell_end(self._result)
                continue
            preparation = preparation or self._make_preparation(context)
            if isinstance(order, Prepare):
                preparation.begin(order.failures, order.imported)
            else:
                self._repair(context, preparation, order)

    def _make_preparation(self, context: RunContext) -> Preparation:
        """Load all that repairs: most runs never do."""
        from pytest_agentfix.gateway.gateway import SystemClock  # noqa: PLC0415
        from pytest_agentfix.runtime.preparation import Preparation  # noqa: PLC0415

        preparation = Preparation(context, token=self._token, clock=SystemClock())
        self._exit.callback(preparation.close)
        return preparation

    def _repair(self, context: RunContext, preparation: Preparation, order: Repair) -> None:
        from pytest_agentfix.runtime.run import RepairRun  # noqa: PLC0415 - as above

        os.environ.update(order.environ)
        logging.getLogger().setLevel(order.log_level)
        run: RepairRun | None = None
        trouble: Trouble | None = None
        self._is_interruptible = True
        try:
            self._check_stopped()
            upstream, review = choose_models(context.settings, context.choose_upstream)
            extensions = RemoteExtensions(self._host, order.hooks)
            context = replace(context, extensions=extensions, upstream=upstream, review=review)
            run = RepairRun(context, preparation, token=self._token)
            self._exit.callback(run.close)
            self._result = run.repair(order.request, self._host)
        except Terminated:
            self._result = RunResult() if run is None else run.result_so_far()
        except Exception as error:
            if not isinstance(error, AgentFixError):
                logger.exception("the repair failed")
            trouble = describe_error(error)
            self._result = RunResult() if run is None else run.result_so_far()
        finally:
            self._is_interruptible = False
        self._host.tell_end(self._result, trouble)


def _limit_the_end() -> None:
    timer = threading.Timer(END_LIMIT, os._exit, (1,))
    timer.daemon = True
    timer.start()


class _LogHandler(logging.Handler):
    """Sends what is logged to pytest, whose options say where it goes."""

    def __init__(self, host: RemotePytest) -> None:
        super().__init__()
        self._host = host
        self.setFormatter(logging.Formatter("%(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        line = LogLine(name=record.name, level=record.levelno, text=self.format(record))
        self._host.tell(line)
