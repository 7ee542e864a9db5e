"""A ``Stream`` over a plain socket, and a port that connects to a gateway without a sandbox."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import final

from pytest_agentfix.core.ports import AcceptHandler


@final
class SocketStream:
    """A connected socket as a ``ports.Stream``."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def read(self, timeout: float | None = None) -> bytes:
        """Return the next bytes, ``b""`` at the end; raises ``TimeoutError``."""
        self._connection.settimeout(timeout)
        try:
            return self._connection.recv(65_536)
        except ConnectionError:
            return b""

    def write(self, data: bytes) -> None:
        """Send all of ``data``; raises ``BrokenPipeError`` when the other side closed."""
        self._connection.settimeout(None)
        try:
            self._connection.sendall(data)
        except OSError as error:
            raise BrokenPipeError from error

    def close(self) -> None:
        """Close both directions; closing twice is fine."""
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._connection.close()


@final
class StreamPort:
    """Listens on ``127.0.0.1`` and passes every connection to ``handle`` in its own thread."""

    def __init__(self, handle: AcceptHandler) -> None:
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._streams: list[SocketStream] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> StreamPort:
        self._acceptor.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        for stream in self._streams:
            stream.close()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            stream = SocketStream(connection)
            thread = threading.Thread(target=self._handle, args=(stream,), daemon=True)
            self._streams.append(stream)
            self._threads.append(thread)
            thread.start()
