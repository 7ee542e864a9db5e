"""The client of OpenCode's server, against answers of every sort."""

from __future__ import annotations

import json
import select
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import httpcore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_agentfix.agents.opencode import server_client
from pytest_agentfix.agents.opencode.sandbox_http import PipeBackend, PipeStream
from pytest_agentfix.agents.opencode.server_client import OpenCodeServer, parse_events
from pytest_agentfix.core.errors import AgentUnavailableError, SandboxError
from pytest_agentfix.core.ports import Stream
from pytest_agentfix.testing.socket_stream import SocketStream
from tests.kits.opencode_kit import BUSY, SESSION, TOP, FakeOpenCode

OBJECTS = st.dictionaries(st.text(max_size=5), st.text(max_size=10) | st.integers(), max_size=4)


@pytest.fixture
def fake() -> Iterator[FakeOpenCode]:
    with FakeOpenCode() as fake:
        yield fake


@pytest.fixture
def client(fake: FakeOpenCode) -> Iterator[OpenCodeServer]:
    client = OpenCodeServer(fake.dial, port=4602, directory=TOP)
    yield client
    client.close()


def encode(events: list[dict[str, Any]], end: str = "\n") -> bytes:
    lines = (f"id: 1{end}data: {json.dumps(event)}{end}{end}" for event in events)
    return "".join(lines).encode()


@given(st.lists(OBJECTS, max_size=6), st.integers(1, 20), st.sampled_from(["\n", "\r\n"]))
def test_events_survive_any_chunking(events: list[dict[str, Any]], size: int, end: str) -> None:
    data = encode(events, end)
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    assert list(parse_events(chunks)) == events


@given(st.lists(st.binary(max_size=40) | st.sampled_from([b"data:", b"\n", b'{"a": ', b"1}\n"])))
def test_any_bytes_give_nothing_but_objects(chunks: list[bytes]) -> None:
    assert all(isinstance(event, dict) for event in parse_events(iter(chunks)))


@pytest.mark.parametrize(
    "line",
    [b"data:", b"data: [1]", b"data: null", b"data: {", b"data: \xff", b"data: " + b"[" * 100_000,
     b"data: " + b"9" * 5000, b": comment", b"event: x", b""],
    ids=lambda line: repr(line[:12]),
)  # fmt: skip
def test_what_is_no_event_is_passed_over(line: bytes) -> None:
    assert list(parse_events(iter([line + b'\ndata: {"a": 1}\n']))) == [{"a": 1}]


def test_an_event_that_is_too_long_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_client, "EVENT_LIMIT", 1000)
    fits = b'data: {"a": 1' + b" " * 986 + b"}\n"
    long = b'data: {"a": 2' + b" " * 987 + b"}\n"
    assert (len(fits), len(long)) == (1001, 1002)
    for size in (1, 7, 1000, 5000):
        data = fits + long + fits
        chunks = (data[start : start + size] for start in range(0, len(data), size))
        assert list(parse_events(chunks)) == [{"a": 1}, {"a": 1}]


def test_an_event_without_an_end_is_not_held() -> None:
    tracemalloc.start()
    try:
        assert list(parse_events(b"x" * 100_000 for _ in range(1000))) == []
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_health(fake: FakeOpenCode, client: OpenCodeServer) -> None:
    assert client.is_healthy(timeout=5)
    for answer in ((200, b"{}"), (200, b'{"healthy": 1}'), (500, b""), (200, b"nonsense")):
        fake.answers["/global/health"] = answer
        assert not client.is_healthy(timeout=5)


def test_nobody_there_is_not_healthy() -> None:
    def refuse(_port: int, _timeout: float) -> Stream:
        raise ConnectionRefusedError

    client = OpenCodeServer(refuse, port=4602, directory=TOP)
    assert not client.is_healthy(timeout=0.1)
    with pytest.raises(AgentUnavailableError, match="does not answer in the sandbox"):
        client.create_session([], "fixer")


def test_a_lost_sandbox_is_told_as_that() -> None:
    def lost(_port: int, _timeout: float) -> Stream:
        raise SandboxError("The sandbox ran out of its memory.", "Use less.")

    client = OpenCodeServer(lost, port=4602, directory=TOP)
    assert not client.is_healthy(timeout=0.1)
    client.abort(SESSION)
    with pytest.raises(SandboxError, match="out of its memory"):
        client.create_session([], "fixer")


def test_an_answer_that_is_far_too_long(
    fake: FakeOpenCode, client: OpenCodeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_client, "ANSWER_LIMIT", 1000)
    fake.answers["/session"] = (200, b" " * 1_000_000)
    with pytest.raises(AgentUnavailableError, match="far too long"):
        client.create_session([], "fixer")


def test_a_refusal_is_quoted_in_part(fake: FakeOpenCode, client: OpenCodeServer) -> None:
    fake.answers["/session"] = (400, b"bad \xff" + b"x" * 10_000)
    with pytest.raises(AgentUnavailableError, match="answered 400 to /session: bad") as caught:
        client.create_session([], "fixer")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ({SESSION: {"type": "busy"}}, "busy"),
        ({SESSION: {"type": "retry"}}, "retry"),
        ({}, "idle"),
        ({SESSION: None}, "idle"),
        ({SESSION: {"type": 1}}, "idle"),
        ([], "idle"),
    ],
)
def test_status(fake: FakeOpenCode, client: OpenCodeServer, answer: object, status: str) -> None:
    fake.answers["/session/status"] = (200, json.dumps(answer).encode())
    assert client.status(SESSION) == status


def test_aborting_and_rejecting_never_fail(fake: FakeOpenCode, client: OpenCodeServer) -> None:
    fake.answers[f"/session/{SESSION}/abort"] = (500, b"")
    fake.answers["/permission/per_1/reply"] = (500, b"")
    client.abort(SESSION)
    client.reject("per_1")
    assert [path for _, path, _ in fake.calls] == [
        f"/session/{SESSION}/abort", "/permission/per_1/reply",
    ]  # fmt: skip


def test_events_are_handed_over_until_the_stream_ends(
    fake: FakeOpenCode, client: OpenCodeServer
) -> None:
    taken: list[dict[str, Any]] = []
    fake.say(BUSY, {"type": "x"})
    fake.drop_events()
    client.events(taken.append, stop=threading.Event())
    assert taken == [BUSY, {"type": "x"}]


def test_no_event_is_handed_over_once_it_is_to_stop(
    fake: FakeOpenCode, client: OpenCodeServer
) -> None:
    stop = threading.Event()
    stop.set()
    taken: list[dict[str, Any]] = []
    fake.say(BUSY)
    client.events(taken.append, stop=stop)
    assert taken == []


# HTTP over a stream


class FakeStream:
    """A stream with prepared reads, one after the other."""

    def __init__(self, *reads: bytes | Exception) -> None:
        self.reads = list(reads)

    def read(self, timeout: float | None = None) -> bytes:
        found = self.reads.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    def write(self, data: bytes) -> None:
        raise BrokenPipeError("closed")

    def close(self) -> None:
        self.reads = []


def test_what_is_more_than_asked_for_is_kept() -> None:
    stream = PipeStream(FakeStream(b"abcdef", b"gh", b""))
    assert [stream.read(4), stream.read(4), stream.read(4), stream.read(4)] == [
        b"abcd", b"ef", b"gh", b"",
    ]  # fmt: skip


def test_troubles_of_a_stream_are_those_of_http() -> None:
    with pytest.raises(httpcore.ReadTimeout):
        PipeStream(FakeStream(TimeoutError("silence"))).read(10, timeout=1)
    with pytest.raises(httpcore.WriteError):
        PipeStream(FakeStream()).write(b"x")
    with pytest.raises(httpcore.ReadError):
        PipeStream(FakeStream(OSError("closed"))).read(10)
    with pytest.raises(httpcore.ConnectError):
        PipeBackend(lambda _port, _timeout: FakeStream().write(b"")).connect_tcp("x", 1)  # type: ignore[return-value, arg-type]


@pytest.mark.parametrize(
    ("glance", "is_readable", "rest"),
    [
        (TimeoutError("silence"), False, b"later"),
        (b"", True, b"later"),
        (b"early ", True, b"early "),
        (SandboxError("gone", ""), True, b"later"),
    ],
    ids=["idle", "closed", "data", "lost"],
)
def test_an_idle_connection_that_was_closed_is_noticed(
    glance: bytes | Exception, *, is_readable: bool, rest: bytes
) -> None:
    stream = PipeStream(FakeStream(glance, b"later"))
    assert stream.get_extra_info("is_readable") is is_readable
    assert stream.read(100) == rest
    assert stream.get_extra_info("socket") is None


def test_a_connection_that_the_server_let_go_of_is_not_used_again(
    fake: FakeOpenCode,
) -> None:
    streams: list[Stream] = []

    def dial(port: int, timeout: float) -> Stream:
        streams.append(fake.dial(port, timeout))
        return streams[-1]

    client = OpenCodeServer(dial, port=4602, directory=TOP)
    assert client.status(SESSION) == client.status(SESSION) == "idle"
    assert len(streams) == 1
    fake.let_go.set()
    assert client.status(SESSION) == "idle"
    first = streams[0]
    assert isinstance(first, SocketStream)
    if first._connection.fileno() != -1:  # else the end came with the answer
        assert select.select([first._connection], [], [], 30)[0]
    assert client.status(SESSION) == "idle"
    assert len(streams) == 2
    client.close()
