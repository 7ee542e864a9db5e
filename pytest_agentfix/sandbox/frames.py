"""The pipe's frames, host side: what is sent, and a parser that survives a hostile guest.

A frame is a header (payload length, kind, channel: unsigned 4, 1 and 4 bytes, big endian) and a
payload of at most ``MAX_PAYLOAD`` bytes. ``guest.py`` holds the same numbers on its own, because
it runs where this package is not installed; a test compares the two.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

HEADER: Final = struct.Struct(">IBI")
MAX_PAYLOAD: Final = 256 * 1024
WINDOW: Final = 1024 * 1024  # bytes of one tunnel that may be under way, per direction
CREDIT_STEP: Final = WINDOW // 4  # bytes taken before credit is given for them: one frame, not many
FIRST_GUEST_CHANNEL: Final = 1 << 31  # the guest numbers the tunnels it opens from here


class FrameKind(enum.IntEnum):
    """The meaning of a frame."""

    SPAWN = 1  # host: start a command (JSON)
    DIAL = 2  # host: connect to a port inside (JSON)
    DATA = 3  # both: bytes of a tunnel; host: a command's stdin; guest: its stdout
    EOF = 4  # both: no more data in this direction
    CLOSE = 5  # both: the channel is done with
    KILL = 6  # host: end this command
    CREDIT = 7  # both: so many more bytes may be sent (4 bytes)
    LISTEN = 8  # host: listen on a port inside (JSON)
    PING = 9  # host: I am still here
    CLEAR = 10  # host: end all but the commands themselves, and listen no more
    HELLO = 16  # guest: ready (JSON)
    ACCEPT = 17  # guest: somebody inside connected to the port listened on
    OPENED = 18  # guest: dialled, listening, or cleared
    STDERR = 19  # guest: a command's stderr
    REPORT = 20  # guest: what a command wrote to descriptor 3
    EXIT = 21  # guest: a command ended (JSON)
    FAIL = 22  # guest: could not do what was asked (text)


@dataclass(frozen=True, slots=True)
class PipeFrame:
    """One message of the pipe."""

    kind: FrameKind
    channel: int
    payload: bytes = b""

    def encode(self) -> bytes:
        """Return the bytes on the wire."""
        return HEADER.pack(len(self.payload), self.kind, self.channel) + self.payload


class FrameError(Exception):
    """The other side sent what is no frame; the pipe is of no use any more."""


class FrameParser:
    """Bytes in, frames out. Holds at most one unfinished frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[PipeFrame]:
        """Yield every frame that ``data`` completes; raises ``FrameError`` on nonsense."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= HEADER.size:
                length, number, channel = HEADER.unpack_from(self._buffer, start)
                kind = _check(length, number)
                end = start + HEADER.size + length
                if len(self._buffer) < end:
                    break
                payload = bytes(self._buffer[start + HEADER.size : end])
                start = end
                yield PipeFrame(kind, channel, payload)
        finally:
            del self._buffer[:start]


def _check(length: int, number: int) -> FrameKind:
    if length > MAX_PAYLOAD:
        raise FrameError(f"a frame of {length} bytes is over the limit of {MAX_PAYLOAD}")
    try:
        return FrameKind(number)
    except ValueError:
        raise FrameError(f"a frame of the unknown kind {number}") from None
