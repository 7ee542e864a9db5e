"""HTTP to a server inside a sandbox: httpcore over the pipe instead of a socket."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable
from typing import Any, Final

import httpcore

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.ports import Stream

Dial = Callable[[int, float], Stream]
GLANCE: Final = 0.001  # seconds; zero would mean not to wait at all


class PipeStream(httpcore.NetworkStream):
    """A connection of httpcore over a ``Stream``."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._left = b""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return at most ``max_bytes``, and keep the rest for the next call."""
        if not self._left:
            try:
                self._left = self._stream.read(timeout)
            except TimeoutError as error:
                raise httpcore.ReadTimeout(str(error)) from None
            except OSError as error:  # closed by another thread meanwhile
                raise httpcore.ReadError(str(error)) from None
        data, self._left = self._left[:max_bytes], self._left[max_bytes:]
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        """Send all of ``buffer``."""
        try:
            self._stream.write(buffer)
        except OSError as error:
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
        """Raise: there is no TLS on a sandbox's own loopback."""
        raise NotImplementedError

    def get_extra_info(self, info: str) -> Any:
        """Return ``is_readable``, which for an idle connection means that it was closed."""
        return self._is_readable() if info == "is_readable" else None

    def _is_readable(self) -> bool:
        try:
            self._left = self._left or self._stream.read(GLANCE)
        except TimeoutError:
            return False
        except SandboxError:
            return True
        return True


class PipeBackend(httpcore.NetworkBackend):
    """Opens httpcore's connections through the pipe."""

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
        """Connect to ``port`` inside the sandbox."""
        try:
            return PipeStream(self._dial(port, timeout or 5.0))
        except ConnectionError as error:
            raise httpcore.ConnectError(str(error)) from None
