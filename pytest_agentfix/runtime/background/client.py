"""The pytest process's side of the background process.

Nothing here raises, and nothing waits without a limit: with anything odd at all, the run goes on
as if there had never been one.
"""

from __future__ import annotations

import logging
import os
import signal
from _socket import socket as Socket  # noqa: N812 - nothing that tests may have patched
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Final, cast

from pytest_agentfix.runtime.background import messages
from pytest_agentfix.runtime.background.handover import Handover, HandoverItem, Job, close_all
from pytest_agentfix.runtime.background.messages import (
    CHUNK,
    Message,
    MessageError,
    MessageKind,
    fingerprint,
    pack,
)
from pytest_agentfix.runtime.background.spawn import launch

logger = logging.getLogger(__name__)

SLACK: Final = 10.0  # seconds beyond those asked for, for letting go of what is ready
END_PATIENCE: Final = 10.0  # seconds for the process to end when it is not needed any more
KILL_PATIENCE: Final = 5.0  # seconds for the kernel to end it
MAX_ITEMS: Final = 1000


class BackgroundProcess:
    """A process that makes things ready meanwhile. Made by ``spawn``."""

    def __init__(self, connection: Socket, group: int) -> None:
        self._connection = connection
        self._group = group
        self._owner = os.getpid()
        self._socket_id = _identity(connection)
        self._is_asked = False
        self._is_closed = False

    @classmethod
    def spawn(
        cls, job: Job, *, folder: Path, environ: Mapping[str, str] | None = None
    ) -> BackgroundProcess | None:
        """Start the process; ``None`` when that cannot be.

        ``folder`` is there, private and the caller's; the process's log goes there. Of
        ``environ`` (this process's own if not given) only what an engine's client needs is
        passed on.
        """
        try:
            environ = dict(os.environ) if environ is None else environ
            return cls(*launch(job, folder, environ))
        except Exception:
            logger.debug("there is no background process", exc_info=True)
            return None

    def collect(self, timeout: float, *, wait_for: Collection[str] = ()) -> Handover | None:
        """Return what is ready, once; ``None`` when the background process cannot be used.

        What is named in ``wait_for`` and was announced is waited for, up to ``timeout`` seconds
        for all of it. The caller takes every item or closes the whole.
        """
        if self._is_asked or not self._is_usable():
            return None
        self._is_asked = True
        items: list[HandoverItem] = []
        try:
            self._ask(timeout, wait_for, items)
        except BaseException as error:
            close_all(fd for item in items for fd in item.descriptors)
            if not isinstance(error, Exception):
                raise
            logger.debug("the background process is of no use", exc_info=True)
            return None
        return Handover(items)

    def _ask(self, timeout: float, wait_for: Collection[str], items: list[HandoverItem]) -> None:
        until = monotonic() + timeout + SLACK
        self._connection.settimeout(SLACK)
        messages.send(self._connection, MessageKind.COLLECT, pack((timeout, tuple(wait_for))))
        hello = messages.receive(self._connection, until - monotonic())
        if hello != Message(MessageKind.HELLO, fingerprint()):
            close_all(hello.descriptors)
            raise MessageError("another version answers")
        while len(items) < MAX_ITEMS:
            message = messages.receive(self._connection, until - monotonic())
            if message.kind is not MessageKind.ITEM:
                break
            items.append(_item(message))
        if message != Message(MessageKind.DONE, len(items)):
            close_all(message.descriptors)
            raise MessageError("that is no end")
        messages.send(self._connection, MessageKind.ACK)

    def close(self) -> None:
        """End the process, with all that was not handed over; twice is fine."""
        if self._is_closed:
            return
        self._is_closed = True
        if not self._is_usable():
            self._connection.detach()  # the number may be somebody else's by now
            return
        try:
            self._say_goodbye()
            if not self._has_ended(END_PATIENCE):
                # It holds its end of the socket, so its group's number is still its own.
                os.killpg(self._group, signal.SIGKILL)
                self._has_ended(KILL_PATIENCE)
        except OSError:
            logger.debug("the background process had ended", exc_info=True)
        finally:
            self._connection.close()

    def _say_goodbye(self) -> None:
        self._connection.settimeout(SLACK)
        with suppress(OSError):
            messages.send(self._connection, MessageKind.CANCEL)  # of no effect after ACK

    def _has_ended(self, patience: float) -> bool:
        """Read until the other end of the socket is closed; returns whether it was in time."""
        until = monotonic() + patience
        while (left := until - monotonic()) > 0:
            self._connection.settimeout(left)
            try:
                if not self._connection.recv(CHUNK):  # descriptors in it are closed by the kernel
                    return True
            except TimeoutError:
                return False
        return False

    def _is_usable(self) -> bool:
        """Return whether this is the process that spawned it, and no test has closed the socket."""
        return os.getpid() == self._owner and _identity(self._connection) == self._socket_id


def _identity(connection: Socket) -> tuple[int, int] | None:
    try:
        status = os.fstat(connection.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _item(message: Message) -> HandoverItem:
    name, facts = cast("tuple[str, object]", message.value)
    return HandoverItem(name=name, facts=facts, descriptors=message.descriptors)
