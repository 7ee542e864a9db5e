"""The warm-up request is answered locally in every protocol; then the real gateway takes over."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pytest_agentfix.core.ports import Stream
from pytest_agentfix.gateway import warmup
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.gateway.warmup import SwitchableHandler, WarmupModel
from pytest_agentfix.gateway.warmup_answers import make_answer
from pytest_agentfix.testing.socket_stream import SocketStream, StreamPort
from tests.kits.gateway_kit import HOST, Client

TARGETS = {
    WireProtocol.CHAT: "/v1/chat/completions",
    WireProtocol.RESPONSES: "/v1/responses",
    WireProtocol.MESSAGES: "/v1/messages",
    WireProtocol.GENERATE: "/v1beta/models/m-1:streamGenerateContent?alt=sse",
}


@contextmanager
def serve(handle: Callable[[Stream], None]) -> Iterator[int]:
    with StreamPort(handle) as port:
        yield port.port


def exchange(port: int, data: bytes) -> bytes:
    """Return everything that comes back for ``data`` until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(data)
        answer = b""
        while more := connection.recv(65_536):
            answer += more
        return answer


def write_request(target: str, *, method: str = "POST", body: bytes = b"{}") -> bytes:
    head = f"{method} {target} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def read_events(answer: bytes) -> list[dict[str, Any]]:
    lines = [line for line in answer.decode().splitlines() if line.startswith("data: {")]
    return [json.loads(line.removeprefix("data: ")) for line in lines]


@pytest.mark.parametrize("protocol", WireProtocol)
def test_each_protocol_has_its_answer(protocol: WireProtocol) -> None:
    with serve(WarmupModel(clock=SystemClock()).handle) as port:
        client = Client(port)
        answer = client.post({}, target=TARGETS[protocol], headers={})
        client.connection.close()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.body == make_answer(protocol)
    assert read_events(answer.body)


def test_one_request_for_each_connection() -> None:
    with serve(WarmupModel(clock=SystemClock()).handle) as port:
        answer = exchange(port, write_request("/v1/messages"))
    assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (write_request("/v1/embeddings"), b"403"),
        (write_request("/v1/messages", method="PUT"), b"403"),
        (write_request("/v1/messages").replace(HOST.encode(), b"evil.example"), b"403"),
        (b"\x16\x03\x01\x02\x00\x01", b"400"),
        (b"POST /v1/messages HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"400"),
        (b"POST /" + b"a" * 20_000, b"431"),
    ],
    ids=["path", "method", "host", "tls", "no-host", "head"],
)
def test_what_is_no_model_request_is_refused(data: bytes, status: bytes) -> None:
    with serve(WarmupModel(clock=SystemClock()).handle) as port:
        assert exchange(port, data).startswith(b"HTTP/1.1 " + status)


def test_a_body_beyond_the_memory_budget_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warmup, "BODY_MEMORY", 100)
    warm_up = WarmupModel(clock=SystemClock())
    with serve(warm_up.handle) as port:
        assert exchange(port, write_request("/v1/messages", body=b" " * 101)).startswith(
            b"HTTP/1.1 400 "
        )
        # A refused body takes up no memory budget.
        assert b" 200 " in exchange(port, write_request("/v1/messages", body=b" " * 100))


def test_answers_are_counted() -> None:
    with serve(WarmupModel(clock=SystemClock()).handle) as port:
        answers = [exchange(port, write_request("/v1/messages"))[9:12] for _ in range(20)]
    assert answers == [b"200"] * 16 + [b"403"] * 4


def test_a_switch_leads_to_the_one_and_then_to_the_other() -> None:
    handler = SwitchableHandler(WarmupModel(clock=SystemClock()))
    taken: list[Stream] = []

    def take(stream: Stream) -> None:
        taken.append(stream)
        stream.close()

    with serve(handler.handle) as port:
        assert b" 200 " in exchange(port, write_request("/v1/messages"))
        assert taken == []
        handler.to(take)
        assert exchange(port, b"") == b""
    assert len(taken) == 1


class SignallingStream:
    """A socket stream that signals when it is read from."""

    def __init__(self, connection: socket.socket) -> None:
        self._stream = SocketStream(connection)
        self.was_read = threading.Event()

    def read(self, timeout: float | None = None) -> bytes:
        self.was_read.set()
        return self._stream.read(timeout)

    def write(self, data: bytes) -> None:
        self._stream.write(data)

    def close(self) -> None:
        self._stream.close()


def test_what_is_still_open_is_closed() -> None:
    handler = SwitchableHandler(WarmupModel(clock=SystemClock()))
    ours, theirs = socket.socketpair()
    stream = SignallingStream(theirs)
    thread = threading.Thread(target=handler.handle, args=(stream,))
    thread.start()
    with ours:
        assert stream.was_read.wait(30)
        handler.to(lambda _stream: None)
        ours.settimeout(30)
        assert ours.recv(1) == b""
        thread.join(30)
    assert not thread.is_alive()


def test_a_second_switch_leaves_nothing_to_the_handler_before() -> None:
    handler = SwitchableHandler(WarmupModel(clock=SystemClock()))
    taken: list[Stream] = []

    def take(stream: Stream) -> None:
        taken.append(stream)
        stream.read()

    handler.to(take)
    ours, theirs = socket.socketpair()
    stream = SignallingStream(theirs)
    thread = threading.Thread(target=handler.handle, args=(stream,))
    thread.start()
    with ours:
        assert stream.was_read.wait(30)
        handler.to(WarmupModel(clock=SystemClock()).handle)
        ours.settimeout(30)
        assert ours.recv(1) == b""
        thread.join(30)
    with serve(handler.handle) as port:
        assert b" 200 " in exchange(port, write_request("/v1/messages"))
    assert taken == [stream]
