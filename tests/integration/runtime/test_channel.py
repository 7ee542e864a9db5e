"""Whole messages over a socket pair, and all the ways in which the other end can be gone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.messages import MessageError, Ready, Says, Stop, encode


@pytest.fixture
def pair() -> Iterator[tuple[Channel, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Channel(ours, patience=1.0), theirs


def test_messages_arrive_whole_and_in_order(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    long = Says(slug="a", phase="x" * 100_000)
    data = encode(Ready()) + encode(long) + encode(Stop())
    for start in range(0, len(data), 30_000):
        theirs.sendall(data[start : start + 30_000])
    theirs.close()
    assert [channel.receive(), channel.receive(), channel.receive()] == [Ready(), long, Stop()]
    assert channel.receive() is None


def test_what_is_sent_arrives(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    channel.send(Stop())
    assert theirs.recv(1000) == encode(Stop())
    channel.end()
    assert theirs.recv(1000) == b""
    theirs.sendall(encode(Ready()))
    assert channel.receive() == Ready()


def test_silence_nonsense_and_a_half_message(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    with pytest.raises(TimeoutError):
        channel.receive(0.0)
    theirs.sendall(b"nonsense\n" + encode(Ready())[:10])
    theirs.close()
    with pytest.raises(MessageError):
        channel.receive()
    assert channel.receive() is None


def test_the_end_of_the_process_is_an_end(pair: tuple[Channel, socket.socket]) -> None:
    """Whoever holds a copy of its end of the socket."""
    _, theirs = pair
    gone, kept = os.pipe()
    channel = Channel(theirs, watched=gone)
    os.write(kept, b"x")  # readable, as the descriptor of a process that has ended
    assert channel.receive() is None
    os.close(gone)
    os.close(kept)


def test_nobody_reads_or_nobody_is_there(pair: tuple[Channel, socket.socket]) -> None:
    channel, theirs = pair
    theirs.close()
    with pytest.raises(OSError, match="pipe"):
        channel.send(Ready())


def test_another_descriptor_under_its_number_is_left_alone(
    pair: tuple[Channel, socket.socket],
) -> None:
    channel, _ = pair
    number = channel._connection.fileno()
    assert channel.is_usable()
    reader, writer = os.pipe()
    os.dup2(reader, number)
    assert not channel.is_usable()
    channel.close()
    os.write(writer, b"x")
    assert os.read(number, 1) == b"x"
    for descriptor in (reader, writer, number):
        os.close(descriptor)


SEND_TO_NOBODY = """
import signal, socket
from pytest_agentfix.runtime.channel import Channel
from pytest_agentfix.runtime.messages import Stop

signal.signal(signal.SIGPIPE, signal.SIG_DFL)
ours, theirs = socket.socketpair()
theirs.close()
try:
    Channel(ours).send(Stop())
except BrokenPipeError:
    print("survived")
"""


def test_nobody_dies_of_sending() -> None:
    """Code under test may have had SIGPIPE end the process."""
    done = subprocess.run([sys.executable, "-c", SEND_TO_NOBODY], stdout=-1, check=True)
    assert done.stdout == b"survived\n"
