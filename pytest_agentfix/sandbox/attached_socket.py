"""The pipe's raw bytes: the socket that the engine attaches to a container's own streams."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from pytest_agentfix.core.errors import OutOfMemoryError, SandboxError

SEND_TIMEOUT: Final = 30.0  # seconds a guest may leave the pipe unread
CHUNK: Final = 256 * 1024  # bytes read at once
STDERR_LIMIT: Final = 4000  # bytes kept of what the guest wrote to stderr
STDOUT: Final = 1  # the engine's number of the stream
NEXT_STEP: Final = "Run pytest again; `docker events` and the engine's log may tell more."


class AttachedSocket:
    """A container seen through its pipe. Implements ``pipe.Connection``."""

    def __init__(self, identity: str, attached: Any, is_out_of_memory: Callable[[], bool]) -> None:
        self.identity = identity
        self._attached = attached  # keeps the HTTP response, and with it the socket, alive
        self._socket = cast("socket.socket", getattr(attached, "_sock", attached))
        self._socket.settimeout(SEND_TIMEOUT)
        self._is_out_of_memory = is_out_of_memory
        self._demux = Demux()
        self._stderr = b""

    def receive(self) -> bytes:
        """Wait for the guest's next bytes; what it writes to stderr is kept aside."""
        while True:
            try:
                data = self._socket.recv(CHUNK)
            except TimeoutError:
                continue  # silence is fine
            frames = b"".join(self._split(data))
            if frames or not data:
                return frames

    def _split(self, data: bytes) -> Iterator[bytes]:
        for stream, part in self._demux.feed(data):
            if stream == STDOUT:
                yield part
            else:
                self._stderr = (self._stderr + part)[-STDERR_LIMIT:]

    def send(self, data: bytes) -> None:
        """Send all; ``TimeoutError`` when nobody has read for ``SEND_TIMEOUT`` seconds."""
        view = memoryview(data)
        try:
            while view:
                view = view[self._socket.send(view) :]
        except TimeoutError:
            raise TimeoutError("it does not read its pipe") from None

    def describe_end(self) -> SandboxError:
        """Return an error that says why the container ended, as far as can be known."""
        if self._is_out_of_memory():
            return OutOfMemoryError(
                "The sandbox ran out of its memory.",
                "It has 4 GB, with what is in its /tmp: run pytest again, and if it stays so let "
                "the tests take less.",
            )
        words = self._stderr.decode("utf-8", "replace").strip().splitlines()
        detail = f" Its last words: {words[-1]}" if words else ""
        return SandboxError(
            f"The sandbox ended before its work did (was the engine stopped?).{detail}", NEXT_STEP
        )

    def hang_up(self) -> None:
        """End the pipe, which ends everything inside and wakes whoever receives or sends."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up and let go of the socket, once nobody uses it any more."""
        self.hang_up()
        # The response first: it owns what reads from the socket, and complains if that is closed.
        for part in (getattr(self._attached, "_response", None), self._attached, self._socket):
            if part is not None:
                with contextlib.suppress(OSError):
                    part.close()


class Demux:
    """Takes the engine's framing (stream number, length) off an attached container's output."""

    HEADER: Final = struct.Struct(">BxxxI")

    def __init__(self) -> None:
        self._header = bytearray()
        self._stream = 0
        self._left = 0

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Yield the parts in ``data`` with the number of the stream that each belongs to."""
        view = memoryview(data)
        while view:
            if not self._left:
                missing = self.HEADER.size - len(self._header)
                self._header += view[:missing]
                view = view[missing:]
                if len(self._header) < self.HEADER.size:
                    return
                self._stream, self._left = self.HEADER.unpack(self._header)
                self._header.clear()
            part = view[: self._left]
            self._left -= len(part)
            view = view[len(part) :]
            if part:
                yield self._stream, bytes(part)
