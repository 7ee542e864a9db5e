"""The socket that the engine attaches, and the engine's own framing on it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.errors import OutOfMemoryError, SandboxError
from pytest_agentfix.sandbox.attached_socket import AttachedSocket, Demux

PARTS = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(min_size=1, max_size=50)), max_size=8)


def multiplex(stream: int, data: bytes) -> bytes:
    return Demux.HEADER.pack(stream, len(data)) + data


@given(PARTS, st.integers(1, 30))
def test_streams_are_taken_apart_whatever_the_chunks(
    parts: list[tuple[int, bytes]], size: int
) -> None:
    data = b"".join(multiplex(*part) for part in parts)
    demux = Demux()
    found = {1: b"", 2: b""}
    for start in range(0, len(data), size):
        for stream, part in demux.feed(data[start : start + size]):
            found[stream] += part
    assert found == {
        number: b"".join(part for stream, part in parts if stream == number) for number in (1, 2)
    }


@given(st.lists(st.binary(max_size=60), max_size=20))
def test_any_bytes_are_taken_apart_somehow(chunks: list[bytes]) -> None:
    demux = Demux()
    parts = [part for chunk in chunks for _, part in demux.feed(chunk)]
    assert sum(map(len, parts)) <= sum(map(len, chunks))
    assert len(demux._header) < Demux.HEADER.size


@pytest.fixture
def ends() -> Iterator[tuple[AttachedSocket, socket.socket]]:
    ours, theirs = socket.socketpair()
    connection = AttachedSocket("id", SimpleNamespace(_sock=ours, close=ours.close), lambda: False)
    with theirs:
        yield connection, theirs
        connection.close()


def test_what_the_guest_says_is_received(ends: tuple[AttachedSocket, socket.socket]) -> None:
    connection, theirs = ends
    theirs.sendall(multiplex(2, b"a complaint\n") + multiplex(1, b"frames"))
    assert connection.receive() == b"frames"
    theirs.close()
    assert connection.receive() == b""
    assert str(connection.describe_end()) == (
        "The sandbox ended before its work did (was the engine stopped?). "
        "Its last words: a complaint Run pytest again; "
        "`docker events` and the engine's log may tell more."
    )


def test_a_complaint_alone_is_no_end(ends: tuple[AttachedSocket, socket.socket]) -> None:
    connection, theirs = ends
    theirs.sendall(multiplex(2, b"x" * 100_000))
    timer = threading.Timer(0.05, theirs.sendall, (multiplex(1, b"frames"),))
    timer.start()
    assert connection.receive() == b"frames"
    assert len(connection._stderr) <= 4000


def test_silence_is_no_end(
    ends: tuple[AttachedSocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection, theirs = ends
    connection._socket.settimeout(0.01)
    threading.Timer(0.1, theirs.sendall, (multiplex(1, b"frames"),)).start()
    assert connection.receive() == b"frames"


def test_a_guest_that_does_not_read(ends: tuple[AttachedSocket, socket.socket]) -> None:
    connection, _ = ends
    connection._socket.settimeout(0.01)
    with pytest.raises(TimeoutError, match="it does not read its pipe"):
        connection.send(b"x" * 10_000_000)


def test_hanging_up_wakes_who_receives(ends: tuple[AttachedSocket, socket.socket]) -> None:
    connection, _ = ends
    received: list[bytes] = []
    thread = threading.Thread(target=lambda: received.append(connection.receive()))
    thread.start()
    connection.hang_up()
    thread.join()
    assert received == [b""]
    with pytest.raises(OSError, match="Broken pipe"):
        connection.send(b"x")


@pytest.mark.parametrize("kind", [OutOfMemoryError, SandboxError])
def test_out_of_memory_is_told_apart(kind: type[SandboxError]) -> None:
    ours, theirs = socket.socketpair()
    connection = AttachedSocket("id", ours, lambda: kind is OutOfMemoryError)
    with ours, theirs:
        assert type(connection.describe_end()) is kind
