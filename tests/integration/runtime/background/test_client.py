"""The client of the background process, against another end that the test plays."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import threading
from _socket import socket as Socket  # noqa: N812
from array import array
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.core.model import ChangeSet, FileChange
from pytest_agentfix.runtime.background import client, messages
from pytest_agentfix.runtime.background.client import BackgroundProcess
from pytest_agentfix.runtime.background.handover import Handover, HandoverItem, Job, PlainTransfer
from pytest_agentfix.runtime.background.messages import (
    HEADER,
    MAGIC,
    MessageError,
    MessageKind,
    fingerprint,
    pack,
)
from pytest_agentfix.runtime.background.outbox import Cancelled, Outbox
from pytest_agentfix.runtime.background.parent import NONE, Parent
from tests.kits.standby_kit import PATIENCE, open_descriptors

NO_GROUP = 2**22 + 1  # larger than any process number


@contextmanager
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@contextmanager
def standing_by(
    play: Callable[[Socket], None], *ended_by: type[Exception]
) -> Iterator[BackgroundProcess]:
    """A background process whose process is ``play``, which gets its end of the socket.

    It may end by an exception of ``ended_by``.
    """

    def run() -> None:
        with theirs, suppress(*ended_by):
            play(theirs)

    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=run)
    thread.start()
    standby = BackgroundProcess(ours, NO_GROUP)
    try:
        yield standby
    finally:
        standby.close()
        ours.detach()  # closed through its other name
        thread.join(PATIENCE)
    assert not thread.is_alive()


def greet(connection: Socket) -> None:
    messages.send(connection, MessageKind.HELLO, pack(fingerprint()))
    assert messages.receive(connection, PATIENCE).kind is MessageKind.COLLECT


# Messages


VALUES = st.recursive(
    st.none() | st.integers() | st.binary() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.sampled_from(MessageKind))
def test_a_message_arrives_as_it_was_sent(value: object, kind: MessageKind) -> None:
    with ends() as (ours, theirs):
        messages.send(ours, kind, pack(value))
        assert messages.receive(theirs, PATIENCE) == messages.Message(kind, value)


def test_what_the_package_knows_can_be_packed() -> None:
    changes = ChangeSet(files={"a": FileChange(content=b"x")})
    known = (Path("/a"), frozenset({1}), {2}, array("q", [3]), timedelta(1), Decimal("0.1"))
    value = (*known, changes, MessageKind.ITEM, Job(work="a:b"), messages.unpack)
    assert messages.unpack(pack(value)) == value


class Mischief:
    def __init__(self, *call: object) -> None:
        self.call = call

    def __reduce__(self) -> tuple[object, ...]:
        return self.call[0], self.call[1:]


@pytest.mark.parametrize(
    "value",
    [
        Mischief(os.system, "true"),
        Mischief(eval, "1"),
        Mischief(getattr, "", "join"),
        Mischief(pickle.loads, b""),
        Mischief,
        os.path.join,
    ],
    ids=["system", "eval", "getattr", "loads", "a class", "a function"],
)
def test_nothing_else_can_be_unpacked(value: object) -> None:
    with pytest.raises(MessageError, match="does not belong into a message"):
        messages.unpack(pack(value))


@pytest.mark.parametrize(
    "data",
    [
        b"cpytest_agentfix.runtime.background.messages\npickle.loads\n.",
        b"\x80\x04\x8c\x2bpytest_agentfix.runtime.background.messages\x8c\x0cpickle.loads\x93.",
        b"\x80\x04\x8c\x2bpytest_agentfix.runtime.background.messages\x8c\x06pickle\x93.",
        b"",
        b"garbage",
        pickle.dumps([1])[:-1],
    ],
    ids=["dots", "dots, new", "a module", "nothing", "garbage", "cut"],
)
def test_bytes_that_lead_elsewhere(data: bytes) -> None:
    with pytest.raises(MessageError):
        messages.unpack(data)


@given(st.binary(min_size=1, max_size=60))
def test_any_bytes_are_a_message_or_an_error(data: bytes) -> None:
    with ends() as (ours, theirs):
        ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(MessageError):
            messages.receive(theirs, PATIENCE)


def test_descriptors_arrive_and_are_not_inherited() -> None:
    with ends() as (ours, theirs):
        source, sink = os.pipe()
        messages.send(ours, MessageKind.ITEM, pack(("a", 1)), descriptors=(source, sink))
        message = messages.receive(theirs, PATIENCE)
        os.write(message.descriptors[1], b"through")
        assert os.read(source, 10) == b"through"
        assert not any(map(os.get_inheritable, message.descriptors))
        for descriptor in (source, sink, *message.descriptors):
            os.close(descriptor)


@pytest.mark.parametrize("body", [b"garbage", b""], ids=["garbage", "too short"])
def test_descriptors_of_what_is_no_message_are_closed(body: bytes) -> None:
    before = open_descriptors()
    with ends() as (ours, theirs):
        source, sink = os.pipe()
        header = HEADER.pack(MAGIC, MessageKind.ITEM, 1, 7)
        socket.send_fds(ours, [header + body], [source])
        ours.shutdown(socket.SHUT_WR)
        with pytest.raises(MessageError):
            messages.receive(theirs, PATIENCE)
        os.close(source)
        os.close(sink)
    assert open_descriptors() == before


# Asking


def test_what_is_handed_over() -> None:
    asked: list[object] = []

    def play(connection: Socket) -> None:
        messages.send(connection, MessageKind.HELLO, pack(fingerprint()))
        asked.append(messages.receive(connection, PATIENCE))
        source, sink = os.pipe()
        messages.send(connection, MessageKind.ITEM, pack(("b", 2)), descriptors=(source,))
        messages.send(connection, MessageKind.ITEM, pack(("a", 1)))
        messages.send(connection, MessageKind.DONE, pack(2))
        asked.append(messages.receive(connection, PATIENCE))
        os.close(source)
        os.close(sink)

    before = open_descriptors()
    with standing_by(play) as standby:
        handed = standby.collect(7.0, wait_for=["a"])
        assert handed is not None
        assert handed.names == ("b", "a")
        assert handed.take("a") == HandoverItem(name="a", facts=1)
        assert handed.take("a") is None
        assert standby.collect(7.0) is None
        handed.close()
    assert asked == [
        messages.Message(MessageKind.COLLECT, (7.0, ("a",))),
        messages.Message(MessageKind.ACK, None),
    ]
    assert open_descriptors() == before


def _say_nothing(connection: Socket) -> None:
    connection.recv(1)


def _end_at_once(connection: Socket) -> None:
    connection.shutdown(socket.SHUT_RDWR)


def _be_another_version(connection: Socket) -> None:
    messages.send(connection, MessageKind.HELLO, pack("another"))


def _talk_nonsense(connection: Socket) -> None:
    greet(connection)
    connection.sendall(os.urandom(10_000))


def _never_come_to_an_end(connection: Socket) -> None:
    greet(connection)
    messages.send(connection, MessageKind.ITEM, pack(("a", 1)))
    connection.recv(1)


def _die_after_an_item(connection: Socket) -> None:
    greet(connection)
    source, sink = os.pipe()
    messages.send(connection, MessageKind.ITEM, pack(("a", 1)), descriptors=(source, sink))
    os.close(source)
    os.close(sink)


def _count_wrongly(connection: Socket) -> None:
    greet(connection)
    messages.send(connection, MessageKind.ITEM, pack(("a", 1)))
    messages.send(connection, MessageKind.DONE, pack(2))


def _send_what_is_no_item(connection: Socket) -> None:
    greet(connection)
    messages.send(connection, MessageKind.ITEM, pack(17))


def _send_items_for_ever(connection: Socket) -> None:
    greet(connection)
    try:
        while True:
            messages.send(connection, MessageKind.ITEM, pack(("a", 1)))
    except OSError:
        pass


@pytest.mark.parametrize(
    "play",
    [
        _say_nothing,
        _end_at_once,
        _be_another_version,
        _talk_nonsense,
        _never_come_to_an_end,
        _die_after_an_item,
        _count_wrongly,
        _send_what_is_no_item,
        _send_items_for_ever,
    ],
)
def test_without_a_sound_stand_by_there_is_none(
    play: Callable[[Socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SLACK", "END_PATIENCE", "KILL_PATIENCE"):
        monkeypatch.setattr(client, name, 0.05)
    before = open_descriptors()
    # Nobody may be there any more when it comes to speak.
    with standing_by(play, OSError, MessageError) as standby:
        assert standby.collect(0.0) is None
    assert open_descriptors() == before


def test_closing_says_so_and_waits_for_the_end() -> None:
    heard: list[messages.Message] = []
    with standing_by(lambda end: heard.append(messages.receive(end, PATIENCE))) as standby:
        standby.close()
        standby.close()
        assert standby.collect(0.0) is None
    assert heard == [messages.Message(MessageKind.CANCEL, None)]


def test_a_socket_that_a_test_closed_is_nobodys_to_use(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    standby = BackgroundProcess(ours, NO_GROUP)
    number = ours.fileno()
    os.close(number)
    file = os.open(tmp_path / "users", os.O_WRONLY | os.O_CREAT)
    try:
        if file != number:
            os.dup2(file, number)
            os.close(file)
            file = number
        assert standby.collect(0.0) is None
        standby.close()
        assert os.fstat(file).st_size == 0
    finally:
        os.close(file)
        theirs.close()


def test_a_forked_child_is_not_the_one_that_spawned_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with standing_by(_say_nothing) as standby:
        with monkeypatch.context() as patch:
            patch.setattr(os, "getpid", lambda: -1)
            assert standby.collect(0.0) is None
        assert standby._is_asked is False


def test_what_is_not_taken_is_closed() -> None:
    source, sink = os.pipe()
    Handover([HandoverItem(name="a", facts=None, descriptors=(source,))]).close()
    with pytest.raises(BrokenPipeError):
        os.write(sink, b"x")
    os.close(sink)


# The outbox


def test_the_work_is_told_when_nobody_waits_for_it() -> None:
    outbox = Outbox()
    outbox.announce("a")
    outbox.announce("b")
    outbox.ask(["a", "c"])
    outbox.check()
    assert outbox.is_waited_for()
    with pytest.raises(Cancelled):
        outbox.announce("c")  # not begun when it was asked for
    outbox.publish("b", PlainTransfer(1))  # well, if it is there
    outbox.check()
    outbox.publish("a", PlainTransfer(2))
    with pytest.raises(Cancelled):
        outbox.check()
    assert not outbox.is_waited_for()
    assert [name for name, _ in outbox.give()] == ["b", "a"]
    assert outbox.give() == []


def test_what_is_begun_never_comes_once_the_work_is_over() -> None:
    outbox = Outbox()
    outbox.announce("a")
    outbox.ask(["a"])
    outbox.finish()
    assert not outbox.is_waited_for()


class Noted:
    def __init__(self, notes: list[str], name: str) -> None:
        self.notes = notes
        self.name = name

    def discard(self) -> None:
        self.notes.append(self.name)
        raise ValueError(self.name)


@pytest.mark.parametrize("is_all", [True, False])
def test_what_is_discarded(is_all: bool) -> None:  # noqa: FBT001
    notes: list[str] = []
    outbox = Outbox()
    for name in ("a", "b", "c"):
        outbox.publish(name, Noted(notes, name))  # type: ignore[arg-type]
        if name == "a":
            outbox.give()
    outbox.on_parent_death(lambda: notes.append("first"))
    outbox.on_parent_death(lambda: notes.append("last"))
    outbox.stop()
    with pytest.raises(Cancelled):
        outbox.publish("late", Noted(notes, "late"))  # type: ignore[arg-type]
    if is_all:
        outbox.discard_all()
        outbox.act_on_parent_death()
    else:
        outbox.discard_ready()
    assert notes == ["late", "c", "b", *(["a", "last", "first"] if is_all else [])]


# The pytest process, watched


@pytest.mark.parametrize("has_handle", [True, False])
def test_the_end_of_a_process_is_seen(has_handle: bool) -> None:  # noqa: FBT001
    process = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    handle = os.pidfd_open(process.pid) if has_handle else NONE
    parent = Parent(handle, process.pid)
    assert parent.is_alive()
    assert parent.survives(0.01)
    process.communicate()
    assert not parent.survives(0.01)
    assert not parent.is_alive()
    if has_handle:
        os.close(handle)
