"""The background process's own process: the work in a thread, the pytest process watched beside it.

However the pytest process ends, this one ends too, and takes with it what it made.
"""

from __future__ import annotations

import enum
import importlib
import logging
import os
import select
import signal
import threading
from _socket import socket as Socket  # noqa: N812 - the kind that `messages` uses
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Final, cast

from pytest_agentfix.runtime.background import messages
from pytest_agentfix.runtime.background.handover import Job, Transferable, close_all
from pytest_agentfix.runtime.background.messages import MessageError, MessageKind, fingerprint, pack
from pytest_agentfix.runtime.background.outbox import Cancelled, Outbox, discard
from pytest_agentfix.runtime.background.parent import LOOK_EVERY, NONE, Parent

logger = logging.getLogger(__name__)

NICENESS: Final = 10  # the user's tests come first

Work = Callable[[object, Outbox], None]

MESSAGE_PATIENCE: Final = 30.0  # seconds for one message to get through, and for the last one
DEATH_PATIENCE: Final = 2.0  # seconds from the end of a process's sockets to its own
END_LIMIT: Final = 60.0  # seconds after which the process ends, whatever hangs


class Ending(enum.Enum):
    """The pytest process's answer to what was ready."""

    TAKEN = "it has all that was handed over"
    DROPPED = "it wants nothing"
    DEAD = "it is gone"


# Seconds for the work to stop and to clear up what is half made. Most where nobody else is left to
# do it; else the pytest process clears up after its session, and may be waiting for this one.
PATIENCE: Final = {Ending.TAKEN: 0.5, Ending.DROPPED: 3.0, Ending.DEAD: 15.0}


class BackgroundWork:
    """One background process, from its start to its end."""

    def __init__(self, connection: Socket, parent: Parent) -> None:
        self._connection = connection
        self._parent = parent
        self._woken, self._waker = os.pipe()
        for end in (self._woken, self._waker):
            os.set_blocking(end, False)
        self._outbox = Outbox(self.wake)
        self._until: float | None = None  # once asked: when to say that this was all
        self._is_told = False  # that this was all
        self._count = 0  # items sent
        self._is_to_end = False

    def wake(self) -> None:
        """Have the main thread look around."""
        with suppress(BlockingIOError):  # full of such calls already
            os.write(self._waker, b"!")

    def end(self) -> None:
        """Have the main thread end all of it."""
        self._is_to_end = True
        self.wake()

    def run(self, job: Job) -> Ending:
        """Work until the pytest process has what it wants, or is gone; leaves nothing else."""
        worker = threading.Thread(target=self._work, args=(job,), daemon=True)
        worker.start()
        try:
            messages.send(self._connection, MessageKind.HELLO, pack(fingerprint()))
            ending = self._serve()
        except Exception as error:  # whatever it was, what is here has to be cleared up
            logger.info("the pytest process is odd", exc_info=error)
            is_alive = self._parent.survives(DEATH_PATIENCE)
            ending = Ending.DROPPED if is_alive else Ending.DEAD
        _limit_the_end()
        self._outbox.stop()
        worker.join(PATIENCE[ending])
        self._clear_up(ending)
        return ending

    def _work(self, job: Job) -> None:
        try:
            find_work(job.work)(job.facts, self._outbox)
        except Cancelled:
            logger.info("the work was stopped")
        except Exception:
            logger.exception("the work failed")
        finally:
            self._outbox.finish()

    def _serve(self) -> Ending:
        """Raises ``MessageError`` or ``OSError`` when the other end of the socket is closed."""
        while not self._is_to_end:
            is_message_there = self._wait()
            if not self._parent.is_alive():
                return Ending.DEAD
            if is_message_there and (ending := self._take_message()):
                return ending
            if self._until is None:
                continue
            if not self._is_told:
                self._hand_over(self._until)
            elif monotonic() >= self._until:
                raise MessageError("it does not say that it has got it")
        return Ending.DROPPED if self._parent.is_alive() else Ending.DEAD

    def _wait(self) -> bool:
        """Wait until there is something to look at; returns whether it is a message."""
        poll = select.poll()
        for descriptor in (self._connection.fileno(), self._woken, self._parent.handle):
            if descriptor != NONE:
                poll.register(descriptor, select.POLLIN)
        limits = [] if self._parent.handle != NONE else [LOOK_EVERY]
        limits += [] if self._until is None else [max(0.0, self._until - monotonic())]
        events = dict(poll.poll(1000 * min(limits) if limits else None))
        if self._woken in events:
            os.read(self._woken, messages.CHUNK)
        return self._connection.fileno() in events

    def _take_message(self) -> Ending | None:
        message = messages.receive(self._connection, MESSAGE_PATIENCE)
        match message.kind:
            case MessageKind.COLLECT if self._until is None:
                timeout, names = cast("tuple[float, tuple[str, ...]]", message.value)
                self._until = monotonic() + timeout
                self._outbox.ask(names)
            case MessageKind.ACK if self._is_told:
                return Ending.TAKEN
            case MessageKind.CANCEL:
                return Ending.DROPPED
            case _:
                raise MessageError(f"{message.kind.name} out of place")
        return None

    def _hand_over(self, until: float) -> None:
        """Send what is ready, and ``DONE``, once nothing more is to be waited for.

        Not before: nobody looks after a released item until the other end has all of them.
        """
        if self._outbox.is_waited_for() and monotonic() < until:
            return
        for name, item in self._outbox.give():
            self._send(name, item)
        self._connection.settimeout(MESSAGE_PATIENCE)
        messages.send(self._connection, MessageKind.DONE, pack(self._count))
        self._outbox.stop()
        self._is_told = True
        self._until = monotonic() + MESSAGE_PATIENCE

    def _send(self, name: str, item: Transferable) -> None:
        descriptors: tuple[int, ...] = ()
        try:
            handed = item.hand_over()
            descriptors = handed.descriptors
            body = pack((name, handed.facts))
        except Exception:
            logger.exception("could not hand over %s", name)
            close_all(descriptors)
            discard(name, item)
            return
        try:
            self._connection.settimeout(MESSAGE_PATIENCE)
            messages.send(self._connection, MessageKind.ITEM, body, descriptors=descriptors)
        finally:
            close_all(descriptors)
        self._count += 1

    def _clear_up(self, ending: Ending) -> None:
        match ending:
            case Ending.TAKEN:
                self._outbox.discard_ready()
            case Ending.DROPPED | Ending.DEAD:
                self._outbox.discard_all()
        # It may have died since, and with a second Ctrl-C before it had cleared up.
        if ending is Ending.DEAD or not self._parent.is_alive():
            self._outbox.act_on_parent_death()


def find_work(name: str) -> Work:
    """Return the callable with that dotted name; raises ``ImportError`` or ``AttributeError``."""
    module, _, function = name.partition(":")
    return cast("Work", getattr(importlib.import_module(module), function))


def _limit_the_end() -> None:
    timer = threading.Timer(END_LIMIT, os._exit, (1,))
    timer.daemon = True
    timer.start()


def main(arguments: list[str], body: bytes) -> None:
    """Be the background process; never returns. ``arguments`` as ``spawn.py`` gives them."""
    connection, handle, number = Socket(fileno=int(arguments[0])), *map(int, arguments[1:])
    for descriptor in (connection.fileno(), *([handle] if handle != NONE else [])):
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - its only spelling
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    with suppress(OSError):
        os.nice(NICENESS)
    process = BackgroundWork(connection, Parent(handle, number))
    signal.signal(signal.SIGTERM, lambda *_: process.end())
    code = 1
    try:
        known = messages.unpack(body)
        if isinstance(known, Job):
            logger.info("the end: %s", process.run(known).value)
            code = 0
    finally:
        logging.shutdown()
        _end_children()
        os._exit(code)  # whatever threads there are: nothing here is worth waiting for now


def _end_children() -> None:
    """End what the work has started and does not wait for any more, and with it this process."""
    if os.getsid(0) == os.getpgrp():  # a session of its own, as it is started
        os.killpg(0, signal.SIGKILL)
