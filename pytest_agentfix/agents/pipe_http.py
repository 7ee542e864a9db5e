"""HTTP to a server inside a sandbox: httpcore over the pipe instead of over a socket."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any

import httpcore

from pytest_agentfix.ports import Stream

Dial = Callable[[int, float], Stream]


class PipeStream(httpcore.NetworkStream):
    """One connection of httpcore, carried by a ``Stream``."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._left = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most ``max_bytes``; the rest is kept for the next call."""
        if not self._left:
            try:
                self._left = self._stream.read(timeout)
            except TimeoutError as error:
                raise httpcore.ReadTimeout(str(error)) from None
        data, self._left = self._left[:max_bytes], self._left[max_bytes:]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send all of it."""
        try:
            self._stream.write(buffer)
        except BrokenPipeError as error:
            raise httpcore.WriteError(str(error)) from None

    def close(self) -> None:
        """Close both directions."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """There is no TLS on a sandbox's own loopback."""
        raise NotImplementedError

    def get_extra_info(self, info: str) -> Any:
        """Nothing is known of the socket at the other end."""
        return False if info == "is_readable" else None


class PipeBackend(httpcore.NetworkBackend):
    """Where httpcore's connections come from."""

    def __init__(self, dial: Dial) -> None:
        self._dial = dial

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - always the sandbox's own loopback
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Dial ``port`` inside."""
        try:
            return PipeStream(self._dial(port, timeout or 5.0))
        except ConnectionError as error:
            raise httpcore.ConnectError(str(error)) from None
