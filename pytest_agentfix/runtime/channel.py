"""One end of the socket between pytest and the repair process: whole messages, in order."""

from __future__ import annotations

import _socket
import os
from _socket import SHUT_WR
from _socket import socket as Socket  # noqa: N812 - `socket.socket` may have been patched by tests
from select import POLLIN, poll
from time import monotonic
from typing import Final

from pytest_agentfix.runtime.messages import Message, decode, encode

CHUNK: Final = 1 << 18  # bytes read at once
NONE: Final = -1
# Code under test may have had SIGPIPE end the process; not every system has this.
_NO_SIGNAL: Final = getattr(_socket, "MSG_NOSIGNAL", 0)


class Channel:
    """Sends in one thread, receives in one.

    ``watched`` is a descriptor that is readable once the other process has ended, or ``NONE``: a
    copy of its end of the socket may outlive it. The other end has to read something within
    ``patience`` seconds when something is sent.
    """

    def __init__(
        self, connection: Socket, *, watched: int = NONE, patience: float | None = None
    ) -> None:
        self._connection = connection
        self._connection.settimeout(patience)
        self._watched = watched
        self._identity = _identify(connection)
        self._unread = bytearray()
        self._searched = 0  # bytes of these in which there is no end of a line

    def is_usable(self) -> bool:
        """Return whether the socket is still open, and still this one: tests may close anything."""
        return self._identity is not None and _identify(self._connection) == self._identity

    def send(self, message: Message) -> None:
        """Send ``message``; raises ``OSError`` where the other end is gone, or does not read."""
        self.write(encode(message))

    def write(self, line: bytes) -> None:
        """Send an encoded message; raises as ``send`` does."""
        view = memoryview(line)
        while view:
            view = view[self._connection.send(view[:CHUNK], _NO_SIGNAL) :]

    def receive(self, timeout: float | None = None) -> Message | None:
        """Wait for a message; return ``None`` once the other end is closed.

        Raises ``TimeoutError`` after ``timeout`` seconds, ``MessageError`` for nonsense.
        """
        until = None if timeout is None else monotonic() + timeout
        while True:
            end = self._unread.find(b"\n", self._searched)
            if end >= 0:
                line = bytes(self._unread[:end])
                del self._unread[: end + 1]
                self._searched = 0
                return decode(line)
            self._searched = len(self._unread)
            if not self._read(until):
                return None

    def _read(self, until: float | None) -> bool:
        """Read what there is; return whether more can come."""
        descriptor = self._connection.fileno()
        events = poll()
        for one in (descriptor, self._watched):
            if one != NONE:
                events.register(one, POLLIN)
        left = None if until is None else max(0.0, until - monotonic()) * 1000
        found = {one for one, _ in events.poll(left)}
        if not found:
            raise TimeoutError("nothing was heard")
        if descriptor not in found:
            return False
        try:
            data = self._connection.recv(CHUNK)
        except ConnectionError:
            return False
        self._unread += data
        return bool(data)

    def end(self) -> None:
        """Say that nothing more will be sent; what the other end sends still arrives."""
        self._connection.shutdown(SHUT_WR)

    def close(self) -> None:
        """Close this end, unless a test has done so: its number may be somebody else's by now."""
        if self.is_usable():
            self._connection.close()
        else:
            self._connection.detach()


def _identify(connection: Socket) -> tuple[int, int] | None:
    try:
        status = os.fstat(connection.fileno())
    except OSError:
        return None
    return status.st_dev, status.st_ino
