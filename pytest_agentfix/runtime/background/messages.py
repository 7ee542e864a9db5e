"""The background process's socket: whole messages, with open descriptors beside them.

Values are pickled, which is safe between these two: both ends are this package at the same version
in two processes of one user, one of which started the other; the socket is an unnamed pair that
nobody else can reach; and nothing of a workspace's, a model's or a sandbox's is ever unpickled,
for it travels as bytes and strings inside of values. All the same only what this package defines
and a few classes of the standard library are let through, so that a mix-up ends as an error.
"""

from __future__ import annotations

import _socket
import array
import enum
import io
import os
import pickle
import struct
import sys
from _socket import CMSG_SPACE, SCM_RIGHTS, SOL_SOCKET
from _socket import socket as Socket  # noqa: N812 - `socket.socket` may have been patched by tests
from dataclasses import dataclass
from time import monotonic
from types import FunctionType
from typing import Any, Final

from pytest_agentfix.runtime.background.handover import close_all

MAGIC: Final = b"afx1"
HEADER: Final = struct.Struct(">4sBBQ")  # magic, kind, number of descriptors, length
MAX_BODY: Final = 1 << 30  # bytes
MAX_DESCRIPTORS: Final = 64  # of one message
CHUNK: Final = 1 << 20  # bytes read at once
OURS: Final = "pytest_agentfix."
PLAIN: Final = {
    "array": frozenset({"array", "_array_reconstructor"}),
    "builtins": frozenset({"bytearray", "complex", "frozenset", "set"}),
    "collections": frozenset({"Counter", "OrderedDict", "deque"}),
    "datetime": frozenset({"date", "datetime", "timedelta", "timezone"}),
    "decimal": frozenset({"Decimal"}),
    "pathlib": frozenset({"PosixPath", "PurePosixPath"}),
    "pathlib._local": frozenset({"PosixPath", "PurePosixPath"}),  # as Python 3.13 calls it
}
CLOSED_ON_EXEC: Final[int] = getattr(_socket, "MSG_CMSG_CLOEXEC", 0)  # macOS has none


class MessageKind(enum.IntEnum):
    """The kinds of messages, with who sends them."""

    HELLO = 1  # background process: I am up (the package's version)
    COLLECT = 2  # pytest: hand over (seconds, names that are worth waiting for)
    ITEM = 3  # background process: something that was ready (name, facts), with its descriptors
    DONE = 4  # background process: that was all (number of items)
    ACK = 5  # pytest: I have all of it
    CANCEL = 6  # pytest: I want nothing (more)


class MessageError(Exception):
    """The other side is gone, late, or not what it should be."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it arrived. The descriptors are the receiver's to close."""

    kind: MessageKind
    value: object
    descriptors: tuple[int, ...] = ()


def fingerprint() -> str:
    """Return what has to be the same at both ends."""
    return f"{os.path.realpath(__file__)} {sys.version}"


def pack(value: object) -> bytes:
    """Return ``value`` as bytes for ``unpack``; raises whatever ``pickle`` raises."""
    return pickle.dumps(value, protocol=4)


def unpack(data: bytes) -> object:
    """Return the value that was packed; raises ``MessageError``."""
    try:
        return _Unpickler(io.BytesIO(data)).load()
    except Exception as error:  # noqa: BLE001 - which ones, pickle does not say
        raise MessageError(f"a value that cannot be read: {error!r}") from None


EMPTY: Final = pack(None)


class _Unpickler(pickle.Unpickler):
    """Loads only the classes and functions of this package, and ``PLAIN``."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the class of that name; raises ``MessageError`` for everything else."""
        if name in PLAIN.get(module, ()):
            return super().find_class(module, name)
        # A name with a dot in it would lead on, to what a module has imported for example.
        if module.startswith(OURS) and "." not in name:
            found = super().find_class(module, name)
            is_defined = isinstance(found, (type, FunctionType)) and found.__module__ == module
            if is_defined:
                return found
        raise MessageError(f"{module}.{name} does not belong into a message")


def send(
    connection: Socket, kind: MessageKind, body: bytes = EMPTY, *, descriptors: tuple[int, ...] = ()
) -> None:
    """Send one message with a packed value.

    Raises ``OSError``, also when no part of it was taken within the socket's own time-out.
    """
    header = HEADER.pack(MAGIC, kind, len(descriptors), len(body))
    rights = [(SOL_SOCKET, SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
    view = memoryview(header + body)
    view = view[connection.sendmsg([view[:CHUNK]], rights) :]  # never less than its first byte
    while view:
        view = view[connection.send(view[:CHUNK]) :]


def receive(connection: Socket, timeout: float) -> Message:
    """Wait for one message, at most ``timeout`` seconds; raises ``MessageError``."""
    descriptors: list[int] = []
    try:
        kind, body = _receive(connection, monotonic() + timeout, descriptors)
        return Message(kind, unpack(body), tuple(descriptors))
    except BaseException as error:
        close_all(descriptors)
        if isinstance(error, OSError):
            raise MessageError(f"the socket broke: {error}") from None
        raise


def _receive(connection: Socket, until: float, descriptors: list[int]) -> tuple[MessageKind, bytes]:
    header = _read(connection, HEADER.size, until, descriptors)
    magic, number, count, length = HEADER.unpack(header)
    if magic != MAGIC or length > MAX_BODY or number not in set(MessageKind):
        raise MessageError("this is no message")
    body = _read(connection, length, until, descriptors)
    if len(descriptors) != count:
        raise MessageError("descriptors got lost")
    return MessageKind(number), body


def _read(connection: Socket, length: int, until: float, descriptors: list[int]) -> bytes:
    data = bytearray()
    ancillary_size = CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
    while len(data) < length:
        left = until - monotonic()
        if left <= 0:
            raise MessageError("it is late")
        connection.settimeout(left)
        missing = min(length - len(data), CHUNK)
        part, rights, _, _ = connection.recvmsg(missing, ancillary_size, CLOSED_ON_EXEC)
        descriptors += _descriptors_in(rights)
        if not part:
            raise MessageError("the other side is gone")
        data += part
    return bytes(data)


def _descriptors_in(rights: list[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in rights:
        if (level, kind) == (SOL_SOCKET, SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % found.itemsize])
    return list(found)
