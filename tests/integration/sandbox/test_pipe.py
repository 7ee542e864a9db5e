"""The host's end of the pipe, against a guest that is played by the test."""

from __future__ import annotations

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.core.errors import OutOfMemoryError, SandboxError
from pytest_agentfix.core.ports import AcceptHandler, Command, Stream
from pytest_agentfix.sandbox import pipe as pipe_module
from pytest_agentfix.sandbox.channels import CappedOutput
from pytest_agentfix.sandbox.frames import (
    CREDIT_STEP,
    FIRST_GUEST_CHANNEL,
    MAX_PAYLOAD,
    WINDOW,
    FrameKind,
    PipeFrame,
)
from pytest_agentfix.sandbox.pipe import MAX_ACCEPTED, Pipe
from tests.kits.pipe_kit import PATIENCE, FakeGuest

COMMAND = Command(argv=("program", "-x"), cwd=Path("/top"), env={"A": "b"})
FIRST = FIRST_GUEST_CHANNEL


@contextmanager
def open_pipe(guest: FakeGuest, *, accept: AcceptHandler | None = None) -> Iterator[Pipe]:
    pipe = Pipe(guest, accept=accept)
    pipe.start()
    try:
        pipe.wait_ready(PATIENCE)
        yield pipe
    finally:
        pipe.close()


@pytest.fixture
def guest() -> FakeGuest:
    return FakeGuest()


@pytest.fixture
def pipe(guest: FakeGuest) -> Iterator[Pipe]:
    with open_pipe(guest) as pipe:
        yield pipe


def exit_payload(code: object = 0, *, oom: object = False) -> bytes:
    return json.dumps({"code": code, "oom": oom}).encode()


def credit(count: int) -> bytes:
    return struct.pack(">I", count)


def wait_for(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.001)


def dial(pipe: Pipe, guest: FakeGuest, *, channel: int = 1) -> Stream:
    guest.send_frame(FrameKind.OPENED, channel)
    found: list[Stream] = []
    # The answer may only come after the question, so it is asked in another thread first.
    thread = threading.Thread(target=lambda: found.append(pipe.dial(80, timeout=PATIENCE)))
    thread.start()
    while thread.is_alive():
        guest.send_frame(FrameKind.OPENED, channel)
        thread.join(0.01)
    assert guest.next_frame() == PipeFrame(
        FrameKind.DIAL, channel, json.dumps({"port": 80, "timeout": PATIENCE}).encode()
    )
    return found[0]


class Answering:
    """Answers the host's next frame, once it is there, on the channel that it is about."""

    def __init__(self, guest: FakeGuest, kind: FrameKind, payload: bytes = b"") -> None:
        self._pool = ThreadPoolExecutor(1)
        self._from_host = self._pool.submit(self._answer, guest, kind, payload)

    def _answer(self, guest: FakeGuest, kind: FrameKind, payload: bytes) -> PipeFrame:
        frame = guest.next_frame()
        guest.send_frame(kind, frame.channel, payload)
        return frame

    def finish(self) -> PipeFrame:
        """Return the frame that was answered."""
        self._pool.shutdown()
        return self._from_host.result()


# Commands


def test_a_command_from_its_start_to_its_end(pipe: Pipe, guest: FakeGuest) -> None:
    running = pipe.run(Command(argv=("a",), cwd=Path("/t"), stdin=b"in", has_report=True))
    order = {"argv": ["a"], "cwd": "/t", "env": {}, "report": True}
    assert list(guest.frames_until(FrameKind.EOF)) == [
        PipeFrame(FrameKind.SPAWN, 1, json.dumps(order).encode()),
        PipeFrame(FrameKind.DATA, 1, b"in"),
        PipeFrame(FrameKind.EOF, 1),
    ]
    assert running.is_running()
    for kind, words in (
        (FrameKind.DATA, b"out"),
        (FrameKind.STDERR, b"err"),
        (FrameKind.REPORT, b"rep"),
    ):
        guest.send_frame(kind, 1, words)
    guest.send_frame(FrameKind.EXIT, 1, exit_payload(-9, oom=True))
    done = running.wait(PATIENCE)
    assert (done.code, done.stdout, done.stderr, done.report) == (-9, b"out", b"err", b"rep")
    assert done.is_out_of_memory
    assert not done.is_timed_out
    assert not running.is_running()
    assert running.tail() == "outerr"


def test_long_stdin_is_cut_into_frames(pipe: Pipe, guest: FakeGuest) -> None:
    pipe.run(Command(argv=("a",), cwd=Path("/t"), stdin=b"x" * (MAX_PAYLOAD + 1)))
    sizes = [len(frame.payload) for frame in guest.frames_until(FrameKind.EOF)][1:]
    assert sizes == [MAX_PAYLOAD, 1, 0]


def test_a_command_begun_without_its_stdin_gets_it_later(pipe: Pipe, guest: FakeGuest) -> None:
    running = pipe.begin(COMMAND)
    assert guest.next_frame().kind is FrameKind.SPAWN
    assert guest.pending_frames() == []
    running.feed(b"in")
    assert [frame.kind for frame in guest.frames_until(FrameKind.EOF)] == [
        FrameKind.DATA,
        FrameKind.EOF,
    ]


def test_a_command_longer_than_the_pipe_takes(pipe: Pipe, guest: FakeGuest) -> None:
    with pytest.raises(SandboxError, match="Shorten pytest's command line"):
        pipe.run(Command(argv=("x" * MAX_PAYLOAD,), cwd=Path("/t")))
    assert guest.pending_frames() == []
    assert pipe._channels == {}


def test_a_command_out_of_time_is_killed(pipe: Pipe, guest: FakeGuest) -> None:
    running = pipe.run(COMMAND)
    guest.send_frame(FrameKind.DATA, 1, b"begun")

    def answer() -> None:
        list(guest.frames_until(FrameKind.KILL))
        guest.send_frame(FrameKind.EXIT, 1, exit_payload(-9))

    thread = threading.Thread(target=answer)
    thread.start()
    done = running.wait(0.05)
    thread.join()
    assert (done.code, done.is_timed_out, done.stdout) == (-9, True, b"begun")


def test_a_command_that_cannot_be_ended(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_agentfix.sandbox.channels.KILL_TIMEOUT", 0.01)
    with pytest.raises(SandboxError, match="could not be ended"):
        pipe.run(COMMAND).wait(0.01)


def test_a_report_over_its_limit_kills_once_and_has_no_gaps(pipe: Pipe, guest: FakeGuest) -> None:
    running = pipe.run(Command(argv=("a",), cwd=Path("/t"), has_report=True, report_limit=10))
    for words in (b"123456", b"too much", b"7", b"too much again"):
        guest.send_frame(FrameKind.REPORT, 1, words)
    guest.send_frame(FrameKind.EXIT, 1, exit_payload(-9))
    done = running.wait(PATIENCE)
    assert (done.report, done.is_report_cut) == (b"123456", True)
    assert [frame.kind for frame in guest.pending_frames()] == [
        FrameKind.SPAWN,
        FrameKind.EOF,
        FrameKind.KILL,
    ]


def test_a_report_of_just_its_limit_is_whole(pipe: Pipe, guest: FakeGuest) -> None:
    running = pipe.run(Command(argv=("a",), cwd=Path("/t"), has_report=True, report_limit=10))
    guest.send_frame(FrameKind.REPORT, 1, b"1234567890")
    guest.send_frame(FrameKind.EXIT, 1, exit_payload())
    done = running.wait(PATIENCE)
    assert (done.report, done.is_report_cut) == (b"1234567890", False)


@given(st.lists(st.binary(max_size=40), max_size=20), st.integers(0, 60).map(lambda n: 2 * n))
def test_output_keeps_its_first_and_last_half(parts: list[bytes], limit: int) -> None:
    output = CappedOutput(limit)
    for part in parts:
        output.add(part)
    whole = b"".join(parts)
    left_out = len(whole) - limit
    note = f"\n[... {left_out} bytes left out ...]\n".encode()
    tail = whole[len(whole) - limit // 2 :]
    assert output.value() == (whole[: limit // 2] + note + tail if left_out > 0 else whole)
    assert len(output._head) + len(output._tail) <= limit


def test_killing_what_has_ended_says_nothing(pipe: Pipe, guest: FakeGuest) -> None:
    running = pipe.run(COMMAND)
    guest.send_frame(FrameKind.EXIT, 1, exit_payload())
    running.wait(PATIENCE)
    guest.pending_frames()
    running.kill()
    assert guest.pending_frames() == []


def test_late_words_of_a_command_are_passed_over(pipe: Pipe, guest: FakeGuest) -> None:
    first = pipe.run(COMMAND)
    guest.send_frame(FrameKind.EXIT, 1, exit_payload())
    guest.send_frame(FrameKind.DATA, 1, b"late")
    guest.send_frame(FrameKind.EXIT, 1, b"nonsense")
    second = pipe.run(COMMAND)
    guest.send_frame(FrameKind.EXIT, 2, exit_payload(2))
    assert second.wait(PATIENCE).code == 2
    assert first.wait(PATIENCE).stdout == b""


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"code": null}',
        b'{"code": "0"}',
        b'{"code": 0.0}',
        b'{"code": Infinity}',
        b'{"code": NaN}',
        b'{"code": 256}',
        b'{"code": -129}',
        b'{"code": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda payload: repr(payload[:16]),
)
def test_an_exit_that_is_none_ends_the_pipe(pipe: Pipe, guest: FakeGuest, payload: bytes) -> None:
    running = pipe.run(COMMAND)
    guest.send_frame(FrameKind.EXIT, 1, payload)
    with pytest.raises(SandboxError, match="spoke nonsense: an EXIT frame that is none"):
        running.wait(PATIENCE)
    wait_for(lambda: guest.is_hung_up)


# Streams


def test_a_dialled_stream_carries_both_ways(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    stream.write(b"to inside")
    assert guest.next_frame() == PipeFrame(FrameKind.DATA, 1, b"to inside")
    guest.send_frame(FrameKind.DATA, 1, b"from ")
    guest.send_frame(FrameKind.DATA, 1, b"inside")
    guest.send_frame(FrameKind.EOF, 1)
    data = b""
    while part := stream.read(PATIENCE):
        data += part
    assert data == b"from inside"
    stream.close()
    stream.close()
    assert guest.pending_frames() == [PipeFrame(FrameKind.EOF, 1), PipeFrame(FrameKind.CLOSE, 1)]


def test_a_refused_dial(pipe: Pipe, guest: FakeGuest) -> None:
    answering = Answering(guest, FrameKind.FAIL, b"Connection refused")
    with pytest.raises(ConnectionError, match="Connection refused"):
        pipe.dial(80, timeout=PATIENCE)
    assert answering.finish().kind is FrameKind.DIAL
    assert pipe._channels == {}


def test_a_dial_without_an_answer(pipe: Pipe, guest: FakeGuest) -> None:
    with pytest.raises(ConnectionError, match="did not answer in time"):
        pipe.dial(80, timeout=0.01)
    assert [frame.kind for frame in guest.pending_frames()] == [
        FrameKind.DIAL,
        FrameKind.EOF,
        FrameKind.CLOSE,
    ]
    assert pipe._channels == {}


def test_listening(pipe: Pipe, guest: FakeGuest) -> None:
    answering = Answering(guest, FrameKind.OPENED)
    pipe.listen(4601, timeout=PATIENCE)
    assert answering.finish() == PipeFrame(FrameKind.LISTEN, 1, b'{"port": 4601}')
    assert pipe._channels == {}


def test_silence_is_a_time_out(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    with pytest.raises(TimeoutError):
        stream.read(timeout=0.01)
    guest.send_frame(FrameKind.DATA, 1, b"still here")
    assert stream.read(PATIENCE) == b"still here"


def test_nothing_is_sent_beyond_the_credit(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    writer = threading.Thread(target=stream.write, args=(b"x" * (WINDOW + 10),))
    writer.start()
    sent = 0
    while sent < WINDOW:
        sent += len(guest.next_frame().payload)
    writer.join(0.05)
    assert (sent, writer.is_alive(), guest.pending_frames()) == (WINDOW, True, [])
    guest.send_frame(FrameKind.CREDIT, 1, credit(10))
    writer.join(PATIENCE)
    assert guest.next_frame() == PipeFrame(FrameKind.DATA, 1, b"x" * 10)


def test_credit_is_given_in_lumps(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    for size in (CREDIT_STEP - 1, 1, 7):
        guest.send_frame(FrameKind.DATA, 1, b"x" * size)
        assert len(stream.read(PATIENCE)) == size
    assert guest.pending_frames() == [PipeFrame(FrameKind.CREDIT, 1, credit(CREDIT_STEP))]


def test_credit_cannot_be_piled_up(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    for _ in range(5):
        guest.send_frame(FrameKind.CREDIT, 1, credit(2**32 - 1))
    guest.send_frame(FrameKind.DATA, 1, b"read after that")
    assert stream.read(PATIENCE) == b"read after that"
    assert stream._credit == WINDOW  # type: ignore[attr-defined]


def test_a_stream_over_its_credit_ends_the_pipe(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    for _ in range(WINDOW // MAX_PAYLOAD):
        guest.send_frame(FrameKind.DATA, 1, b"x" * MAX_PAYLOAD)
    guest.send_frame(FrameKind.DATA, 1, b"x")
    wait_for(lambda: guest.is_hung_up)
    assert len(stream.read(PATIENCE)) == WINDOW
    with pytest.raises(SandboxError, match="a tunnel was sent more than its credit"):
        stream.read(PATIENCE)


def test_empty_data_is_neither_an_end_nor_held(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    guest.send_bytes(
        PipeFrame(FrameKind.DATA, 1).encode() * 10_000 + PipeFrame(FrameKind.DATA, 1, b"x").encode()
    )
    assert stream.read(PATIENCE) == b"x"


def test_a_closed_stream_takes_nothing_more(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    stream.close()
    assert stream.read(PATIENCE) == b""
    with pytest.raises(BrokenPipeError):
        stream.write(b"x")


def test_a_stream_that_the_guest_closes(pipe: Pipe, guest: FakeGuest) -> None:
    stream = dial(pipe, guest)
    guest.send_frame(FrameKind.DATA, 1, b"last words")
    guest.send_frame(FrameKind.CLOSE, 1)
    assert stream.read(PATIENCE) == b"last words"
    assert stream.read(PATIENCE) == b""
    with pytest.raises(BrokenPipeError):
        stream.write(b"x" * (WINDOW + 1))


# What the sandbox opens


def test_accepted_streams_reach_the_handler(guest: FakeGuest) -> None:
    def answer(stream: Stream) -> None:
        stream.write(b"to " + stream.read(PATIENCE))
        stream.close()

    with open_pipe(guest, accept=answer):
        for channel in (FIRST, FIRST + 1):
            guest.send_frame(FrameKind.ACCEPT, channel)
            guest.send_frame(FrameKind.DATA, channel, b"you")
            frames = list(guest.frames_until(FrameKind.CLOSE))
            assert frames == [
                PipeFrame(FrameKind.DATA, channel, b"to you"),
                PipeFrame(FrameKind.EOF, channel),
                PipeFrame(FrameKind.CLOSE, channel),
            ]


def test_only_so_many_streams_are_served_at_once(guest: FakeGuest) -> None:
    streams: list[Stream] = []
    with open_pipe(guest, accept=streams.append) as pipe:
        for number in range(MAX_ACCEPTED + 10):
            guest.send_frame(FrameKind.ACCEPT, FIRST + number)
        running = pipe.run(COMMAND)
        guest.send_frame(FrameKind.EXIT, 1, exit_payload())
        running.wait(PATIENCE)
        wait_for(lambda: len(streams) == MAX_ACCEPTED)
        wait_for(lambda: len(pipe._channels) == MAX_ACCEPTED)  # the command's goes after its end
        streams[0].close()
        guest.send_frame(FrameKind.ACCEPT, FIRST + 1000)
        wait_for(lambda: len(streams) == MAX_ACCEPTED + 1)


def test_nobody_is_asked_where_nothing_is_accepted(pipe: Pipe, guest: FakeGuest) -> None:
    guest.send_frame(FrameKind.ACCEPT, FIRST)
    running = pipe.run(COMMAND)
    guest.send_frame(FrameKind.EXIT, 1, exit_payload())
    assert running.wait(PATIENCE).code == 0
    wait_for(lambda: not pipe._channels)


def test_what_was_accepted_before_is_closed_when_all_is_cleared(guest: FakeGuest) -> None:
    """Also a stream whose request is here already, and which nobody has begun to serve."""
    streams: list[Stream] = []
    with open_pipe(guest, accept=streams.append) as pipe:
        dialled = dial(pipe, guest)
        for number in range(2):
            guest.send_frame(FrameKind.ACCEPT, FIRST + number)
            guest.send_frame(FrameKind.DATA, FIRST + number, b"POST /v1/messages")
        answering = Answering(guest, FrameKind.OPENED)
        pipe.clear(timeout=PATIENCE)
        assert answering.finish() == PipeFrame(FrameKind.CLEAR, 2, b"{}")
        wait_for(lambda: len(streams) == 2)
        assert [stream.read(PATIENCE) for stream in streams] == [b"", b""]
        assert set(pipe._channels) == {1}
        guest.send_frame(FrameKind.DATA, 1, b"goes on")
        assert dialled.read(PATIENCE) == b"goes on"


def test_a_guest_that_cannot_clear(pipe: Pipe, guest: FakeGuest) -> None:
    answering = Answering(guest, FrameKind.FAIL, b"processes do not end")
    with pytest.raises(ConnectionError, match="processes do not end"):
        pipe.clear(timeout=PATIENCE)
    answering.finish()


@pytest.mark.parametrize("channels", [(0,), (1,), (FIRST - 1,), (FIRST, FIRST)], ids=str)
def test_a_stream_on_a_channel_that_is_not_the_guests(
    guest: FakeGuest, channels: tuple[int, ...]
) -> None:
    with open_pipe(guest, accept=lambda _: None) as pipe:
        for channel in channels:
            guest.send_frame(FrameKind.ACCEPT, channel)
        wait_for(lambda: guest.is_hung_up)
        with pytest.raises(SandboxError, match="a channel that is not the guest's"):
            pipe.run(COMMAND)


# The end


def test_a_guest_that_never_greets() -> None:
    pipe = Pipe(FakeGuest(sends_hello=False))
    pipe.start()
    with pytest.raises(SandboxError, match="did not come up in 0 s"):
        pipe.wait_ready(0.01)
    pipe.close()


def test_a_guest_that_dies_before_it_greets() -> None:
    guest = FakeGuest(sends_hello=False)
    guest.send_bytes(b"")
    with (
        pytest.raises(SandboxError, match=r"^The guest is gone\. Look for it\.$"),
        open_pipe(guest),
    ):
        pass


def test_everybody_learns_of_the_loss(guest: FakeGuest) -> None:
    with open_pipe(guest) as pipe:
        running = pipe.run(COMMAND)
        list(guest.frames_until(FrameKind.EOF))
        stream = dial(pipe, guest, channel=2)
        guest.send_bytes(b"")
        for use in (
            lambda: running.wait(PATIENCE),
            lambda: stream.read(PATIENCE),
            lambda: stream.write(b"x"),
            lambda: pipe.dial(80, timeout=PATIENCE),
            lambda: pipe.run(COMMAND),
        ):
            with pytest.raises(SandboxError, match="The guest is gone"):
                use()
        running.kill()
        stream.close()


def test_a_loss_wakes_who_waits(guest: FakeGuest) -> None:
    caught: list[type[Exception]] = []

    def attempt(use: Callable[[], object]) -> None:
        try:
            use()
        except SandboxError as error:
            caught.append(type(error))

    with open_pipe(guest) as pipe:
        stream = dial(pipe, guest)
        full = dial(pipe, guest, channel=2)
        full.write(b"x" * WINDOW)
        uses = (
            lambda: stream.read(None),
            lambda: full.write(b"x"),
            lambda: pipe.run(COMMAND).wait(PATIENCE),
            lambda: pipe.dial(80, timeout=PATIENCE),
        )
        threads = [threading.Thread(target=attempt, args=(use,)) for use in uses]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(pipe._channels) == 4)
        guest.send_bytes(b"")
        for thread in threads:
            thread.join(PATIENCE)
    assert caught == [SandboxError] * 4


def test_what_ended_before_the_loss_stays_told(pipe: Pipe, guest: FakeGuest) -> None:
    running = pipe.run(COMMAND)
    guest.send_frame(FrameKind.EXIT, 1, exit_payload(7))
    guest.send_bytes(b"")
    assert running.wait(PATIENCE).code == 7


def test_the_kind_of_loss_is_kept(guest: FakeGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = OutOfMemoryError("No memory is left.", "Use less.")
    monkeypatch.setattr(guest, "describe_end", lambda: lost)
    with open_pipe(guest) as pipe:
        running = pipe.run(COMMAND)
        guest.send_bytes(b"")
        with pytest.raises(OutOfMemoryError, match=r"^No memory is left\. Use less\.$") as caught:
            running.wait(PATIENCE)
    assert caught.value is not lost  # or its traceback would grow with every thread


def test_a_guest_that_reads_nothing(pipe: Pipe, guest: FakeGuest) -> None:
    guest.send_error = TimeoutError("it does not read its pipe")
    with pytest.raises(SandboxError, match="The sandbox is stuck: it does not read its pipe"):
        pipe.run(COMMAND)
    assert guest.is_hung_up


def test_closing_is_told_as_closing(guest: FakeGuest) -> None:
    with open_pipe(guest) as pipe:
        running = pipe.run(COMMAND)
        pipe.close()
        with pytest.raises(SandboxError, match="The sandbox was closed"):
            running.wait(PATIENCE)
        assert not any(thread.is_alive() for thread in pipe._threads)


def test_the_guest_is_pinged(guest: FakeGuest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe_module, "PING_EVERY", 0.01)
    with open_pipe(guest):
        assert [guest.next_frame(), guest.next_frame()] == [PipeFrame(FrameKind.PING, 0)] * 2


# Anything at all

PAYLOADS = st.one_of(
    st.binary(max_size=50),
    st.sampled_from([exit_payload(), exit_payload(3), b"[" * 5000, credit(0), credit(2**32 - 1)]),
    st.integers(1, MAX_PAYLOAD).map(lambda size: b"x" * size),
)
CHANNELS = st.one_of(st.integers(0, 4), st.sampled_from([FIRST, FIRST + 1, 2**32 - 1]))
HOSTILE = st.one_of(
    st.builds(
        lambda kind, channel, payload: PipeFrame(kind, channel, payload).encode(),
        st.sampled_from(FrameKind),
        CHANNELS,
        PAYLOADS,
    ),
    st.binary(min_size=1, max_size=30),
)


@settings(deadline=None, max_examples=150)
@given(st.lists(HOSTILE, max_size=12))
def test_a_hostile_guest_can_only_lose_the_pipe(words: list[bytes]) -> None:
    def serve(stream: Stream) -> None:
        with suppress(SandboxError, BrokenPipeError):
            while data := stream.read():
                stream.write(data[:100])
        stream.close()

    guest = FakeGuest()
    with open_pipe(guest, accept=serve) as pipe:
        uses: list[Callable[[], object]] = []
        with suppress(SandboxError, ConnectionError):
            running = pipe.run(Command(argv=("a",), cwd=Path("/t"), has_report=True))
            uses.append(lambda: running.wait(PATIENCE))
            guest.send_frame(FrameKind.OPENED, 2)
            for word in words:
                guest.send_bytes(word)
            stream = pipe.dial(80, timeout=0.01)
            uses.append(lambda: list(iter(lambda: stream.read(PATIENCE), b"")))
            uses.append(lambda: stream.write(b"x" * 10))
        guest.send_bytes(b"")
        for use in uses:
            with suppress(SandboxError, BrokenPipeError):
                use()
    assert not any(thread.is_alive() for thread in pipe._threads)
    assert pipe._channels == {}
