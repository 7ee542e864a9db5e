"""The door as an HTTP server: raw bytes in, one clean answer or a closed connection out."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_agentfix.errors import SandboxError
from pytest_agentfix.gateway import GatewayTimeouts, ModelGateway
from pytest_agentfix.testing.scripted_model import Raw, Say, ScriptedModel
from pytest_agentfix.testing.socket_stream import SocketStream
from tests.unit.gateway_kit import KEY, TOKEN, make_body, make_upstream, open_gateway

BODY = json.dumps(make_body()).encode()
HEAD = (
    b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
)


@contextmanager
def connect(base_url: str, *, patience: float = 30.0) -> Iterator[socket.socket]:
    """Yield the sandbox's end of a connection to a gateway."""
    gateway = ModelGateway(
        make_upstream(base_url), token=TOKEN, timeouts=GatewayTimeouts(request=patience)
    )
    gateway.begin(deadline=10.0**9, max_requests=10)
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=gateway.handle, args=(SocketStream(theirs),))
    thread.start()
    with ours:
        ours.settimeout(30)
        yield ours
    gateway.close()
    thread.join()


def exchange(base_url: str, raw: bytes, *, patience: float = 30.0) -> bytes:
    """Send ``raw`` and return all that comes until the gateway closes."""
    with connect(base_url, patience=patience) as ours:
        ours.sendall(raw)
        return read_all(ours)


def read_all(ours: socket.socket) -> bytes:
    found = b""
    while chunk := ours.recv(65_536):
        found += chunk
    return found


def read_answer(ours: socket.socket) -> bytes:
    found = b""
    while not found.endswith(b"0\r\n\r\n"):
        chunk = ours.recv(65_536)
        assert chunk
        found += chunk
    return found


@pytest.fixture
def model() -> Iterator[ScriptedModel]:
    with ScriptedModel(lambda _: Say("hello there")) as running:
        yield running


BROKEN = {
    "nonsense": b"\x16\x03\x01\x00\x00 nonsense\r\n\r\n",
    "no host": b"POST /v1/chat/completions HTTP/1.1\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    "negative length": HEAD + b"Content-Length: -1\r\n\r\n",
    "bad chunk": HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "odd encoding": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "header smuggling": HEAD + b"X: a\nb\r\n : c\r\nContent-Length: 0\r\n\r\n",
    "endless head": HEAD + b"X: " + b"a" * 70_000,
    "too big": HEAD + b"Content-Length: 10000001\r\n\r\n" + b" " * 10_000_001,
    "http 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_broken_requests_are_answered_400_and_closed(model: ScriptedModel, raw: bytes) -> None:
    answer = exchange(model.base_url, raw)

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert model.requests == []


def test_both_kinds_of_length_are_refused(model: ScriptedModel) -> None:
    chunked = f"{len(BODY):x}\r\n".encode() + BODY + b"\r\n0\r\n\r\n"
    raw = HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"

    assert exchange(model.base_url, raw + chunked).startswith(b"HTTP/1.1 400 ")
    assert model.requests == []


def test_a_request_that_never_ends_is_given_up(model: ScriptedModel) -> None:
    answer = exchange(model.base_url, HEAD + b"Content-Length: 10\r\n\r\n{", patience=0.2)

    assert answer.startswith(b"HTTP/1.1 400 ")


def test_a_chunked_body_is_fine(model: ScriptedModel) -> None:
    half = len(BODY) // 2
    with connect(model.base_url) as ours:
        ours.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for part in (BODY[:half], BODY[half:]):
            ours.sendall(f"{len(part):x}\r\n".encode() + part + b"\r\n")
        ours.sendall(b"0\r\n\r\n")
        answer = read_answer(ours)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [request.body for request in model.requests] == [make_body()]


def test_pipelined_requests_are_answered_in_turn(model: ScriptedModel) -> None:
    request = HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY
    with connect(model.base_url) as ours:
        ours.sendall(request + request)
        read_answer(ours)
        ours.settimeout(30)
        while len(model.requests) < 2:
            ours.recv(65_536)

    assert [request.body for request in model.requests] == [make_body()] * 2


def test_expect_continue_is_served(model: ScriptedModel) -> None:
    head = HEAD + f"Expect: 100-continue\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    with connect(model.base_url) as ours:
        ours.sendall(head)
        assert ours.recv(65_536).startswith(b"HTTP/1.1 100 ")
        ours.sendall(BODY)
        assert read_answer(ours).startswith(b"HTTP/1.1 200 ")


def test_a_head_request_gets_no_body(model: ScriptedModel) -> None:
    raw = HEAD.replace(b"POST", b"HEAD") + b"Connection: close\r\n\r\n"

    answer = exchange(model.base_url, raw)

    assert (answer[:13], answer.partition(b"\r\n\r\n")[2]) == (b"HTTP/1.1 403 ", b"")


def test_connect_leads_nowhere(model: ScriptedModel) -> None:
    head = HEAD.replace(b"POST /v1/chat/completions", b"CONNECT models.example:443")

    answer = exchange(model.base_url, head + b"Connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403 ")


def test_the_answers_headers_are_the_doors_own() -> None:
    headers = {"Set-Cookie": "a=b", "Retry-After": "9", "X-Request-Id": "r", "Server": "s"}
    with (
        ScriptedModel([Raw(b"data: [DONE]\n\n", headers=headers)]) as model,
        open_gateway(make_upstream(model.base_url)) as (_, client),
    ):
        answer = client.post()

    assert (answer.status, answer.body, answer.headers) == (
        200,
        b"data: [DONE]\n\n",
        {"content-type": "text/event-stream", "transfer-encoding": "chunked"},
    )


class BrokenStream:
    """A stream whose sandbox is gone."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.closed = 0

    def read(self, timeout: float | None = None) -> bytes:
        raise self.error

    def write(self, data: bytes) -> None:
        raise self.error

    def close(self) -> None:
        self.closed += 1
        raise self.error


@pytest.mark.parametrize(
    "error", [SandboxError("gone", "again"), BrokenPipeError(), ValueError(f"odd {KEY}")]
)
def test_nothing_ever_comes_out_of_handle(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    if isinstance(error, ValueError):
        stream = BrokenStream(error)
        stream.close = lambda: None  # type: ignore[method-assign]
    else:
        stream = BrokenStream(error)

    with caplog.at_level("DEBUG"):
        ModelGateway(make_upstream(), token=TOKEN).handle(stream)

    assert KEY not in caplog.text


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.sampled_from([HEAD, BODY, b"\r\n", b"\0", b"{}", b"GET / HTTP/1.1"])))
def test_any_bytes_end_in_an_answer_or_silence(model: ScriptedModel, parts: list[bytes]) -> None:
    with connect(model.base_url, patience=0.05) as ours:
        ours.sendall(b"".join(parts))
        ours.shutdown(socket.SHUT_WR)
        answer = read_all(ours)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
