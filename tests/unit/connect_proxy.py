"""A real HTTP proxy that tunnels (CONNECT), as companies have them."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType


class ConnectProxy:
    """Leads every tunnel to ``port`` on this machine, whatever host is asked for.

    ``asked`` has the heads that came. With ``status`` other than 200 it refuses.
    """

    def __init__(self, port: int, *, status: int = 200) -> None:
        self.asked: list[str] = []
        self._port = port
        self._status = status
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def __enter__(self) -> ConnectProxy:  # noqa: PYI034 - nothing derives from it
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._serve(client)

    def _serve(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.recv(4096)
        self.asked.append(head.decode("latin-1"))
        client.sendall(f"HTTP/1.1 {self._status} Words\r\n\r\n".encode())
        if self._status != 200:
            client.close()
            return
        server = socket.create_connection(("127.0.0.1", self._port))
        self._sockets.append(server)
        for ends in ((client, server), (server, client)):
            threading.Thread(target=_carry, args=ends, daemon=True).start()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
