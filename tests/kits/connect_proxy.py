"""A real HTTP proxy that tunnels (CONNECT), like a company's. Served by ``StreamPort``."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress

from pytest_agentfix.core.ports import Stream
from pytest_agentfix.testing.socket_stream import SocketStream


class ConnectProxy:
    """Connects every tunnel to ``port`` on this machine, whatever host is requested.

    ``asked`` holds the heads received. With a ``status`` other than 200 it refuses.
    """

    def __init__(self, port: int, *, status: int = 200) -> None:
        self.asked: list[str] = []
        self._port = port
        self._status = status

    def handle(self, client: Stream) -> None:
        """Serve one connection until either side closes it."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += client.read()
        self.asked.append(head.decode("latin-1"))
        client.write(f"HTTP/1.1 {self._status} Words\r\n\r\n".encode())
        if self._status != 200:
            client.close()
            return
        server = SocketStream(socket.create_connection(("127.0.0.1", self._port)))
        back = threading.Thread(target=_carry, args=(server, client), daemon=True)
        back.start()
        _carry(client, server)
        back.join()


def _carry(source: Stream, sink: Stream) -> None:
    with suppress(OSError):
        while data := source.read():
            sink.write(data)
    sink.close()
