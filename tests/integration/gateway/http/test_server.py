"""The gateway as an HTTP server: raw bytes in, one clean answer or a closed connection out."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.gateway.http.request_head import check_beginning
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.testing.scripted_model.model_server import Hang, Raw, Say, ScriptedModel
from pytest_agentfix.testing.socket_stream import SocketStream
from tests.kits.gateway_kit import HOST, KEY, TOKEN, make_body, make_upstream, open_gateway

BODY = json.dumps(make_body()).encode()
HEAD = (
    f"POST /v1/chat/completions HTTP/1.1\r\nHost: {HOST}\r\nContent-Type: application/json\r\n"
    f"Authorization: Bearer {TOKEN}\r\n"
).encode()
REQUEST = HEAD + f"Content-Length: {len(BODY)}\r\n\r\n".encode() + BODY


@contextmanager
def connect(base_url: str, *, patience: float = 30.0) -> Iterator[socket.socket]:
    """Yield the sandbox's end of a connection to a gateway."""
    gateway = ModelGateway(
        make_upstream(base_url), token=TOKEN, timeouts=GatewayTimeouts(request=patience)
    )
    gateway.begin(deadline=10.0**9)
    ours, theirs = socket.socketpair()
    thread = threading.Thread(target=gateway.handle, args=(SocketStream(theirs),))
    thread.start()
    with ours:
        ours.settimeout(30)
        yield ours
    gateway.close()
    thread.join()


def exchange(base_url: str, raw: bytes, *, patience: float = 30.0) -> bytes:
    """Send ``raw`` and return everything until the gateway closes."""
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
    "no host": (400, b"POST /v1/chat/completions HTTP/1.1\r\n\r\n"),
    "another host": (403, REQUEST.replace(HOST.encode(), b"models.example")),
    "negative length": (400, HEAD + b"Content-Length: -1\r\n\r\n"),
    "no length": (411, HEAD + b"\r\n"),
    "too big": (413, HEAD + b"Content-Length: 10000001\r\n\r\n"),
    "chunked": (411, HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
    "expect": (417, HEAD + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n"),
    "endless head": (431, HEAD + b"X: " + b"a" * 20_000),
    "two at once": (400, REQUEST + REQUEST),
}


@pytest.mark.parametrize(("status", "raw"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_requests_are_answered_and_closed(
    model: ScriptedModel, status: int, raw: bytes
) -> None:
    answer = exchange(model.base_url, raw)

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Connection: close" in head.split(b"\r\n")
    assert json.loads(body)["error"]["code"] == status
    assert model.requests == []


def test_a_request_that_never_ends_is_given_up(model: ScriptedModel) -> None:
    answer = exchange(model.base_url, HEAD + b"Content-Length: 10\r\n\r\n{", patience=0.2)

    assert answer.startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize("step", [1, 7, 100])
def test_a_request_may_come_in_pieces(model: ScriptedModel, step: int) -> None:
    with connect(model.base_url) as ours:
        for start in range(0, len(REQUEST), step):
            ours.sendall(REQUEST[start : start + step])
        answer = read_answer(ours)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert [request.body for request in model.requests] == [make_body()]


def test_one_request_after_the_other_is_fine(model: ScriptedModel) -> None:
    with connect(model.base_url) as ours:
        answers = []
        for _ in range(3):
            ours.sendall(REQUEST)
            answers.append(read_answer(ours)[:13])

    assert answers == [b"HTTP/1.1 200 "] * 3
    assert [request.body for request in model.requests] == [make_body()] * 3


def test_who_talks_before_the_answer_gets_none() -> None:
    with ScriptedModel([Hang()]) as model, connect(model.base_url) as ours:
        ours.sendall(REQUEST)
        while not model.requests:
            time.sleep(0.01)
        ours.sendall(b"P")

        assert read_all(ours) == b""


def test_a_head_request_gets_no_body(model: ScriptedModel) -> None:
    raw = HEAD.replace(b"POST", b"HEAD") + b"Connection: close\r\n\r\n"

    answer = exchange(model.base_url, raw)

    assert (answer[:13], answer.partition(b"\r\n\r\n")[2]) == (b"HTTP/1.1 403 ", b"")


def test_connect_leads_nowhere(model: ScriptedModel) -> None:
    head = HEAD.replace(b"POST /v1/chat/completions", b"CONNECT models.example:443")

    answer = exchange(model.base_url, head + b"Connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 403 ")


def test_the_answers_headers_are_the_gateways_own() -> None:
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


@pytest.mark.parametrize(
    ("sent", "passed_on"),
    [
        ("text/event-stream; charset=utf-8", "text/event-stream"),
        ("TEXT/Event-Stream", "text/event-stream"),
        ("application/json", "application/json"),
        (f"text/{KEY}", "application/json"),
        (f"application/json; key={KEY}", "application/json"),
        ("\u00e9\u0001", "application/json"),
    ],
    ids=range(6),
)
def test_the_providers_type_goes_on_only_if_it_is_known(sent: str, passed_on: str) -> None:
    with (
        ScriptedModel([Raw(b"data: [DONE]\n\n", sent)]) as model,
        open_gateway(make_upstream(model.base_url)) as (_, client),
    ):
        answer = client.post()

    assert (answer.status, answer.body, answer.headers["content-type"]) == (
        200,
        b"data: [DONE]\n\n",
        passed_on,
    )


def test_noise_after_a_head_request_is_answered_in_full(
    model: ScriptedModel, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(model.base_url) as ours:
        ours.sendall(HEAD.replace(b"POST", b"HEAD") + b"\r\n")
        first = ours.recv(65_536)
        ours.sendall(b"\0\0\r\n")
        second = read_all(ours)

    assert (first[:13], second[:13]) == (b"HTTP/1.1 403 ", b"HTTP/1.1 400 ")
    assert json.loads(second.partition(b"\r\n\r\n")[2])["error"]["code"] == 400
    assert [record.levelname for record in caplog.records] == []


HEAD_PIECES = [b"P", b"POST ", b"/", b"\r", b"\n", b"\r\n", b"X: a", b"\0", b"\xff"]


@given(st.lists(st.sampled_from(HEAD_PIECES)))
def test_a_head_in_pieces_is_judged_like_a_whole_one(pieces: list[bytes]) -> None:
    def judge(data: bytes, checked: int) -> str:
        try:
            check_beginning(data, checked=checked)
        except RefusedError as refused:
            return refused.message
        return ""

    came = [b"".join(pieces[:end]) for end in range(len(pieces) + 1)]
    whole = [judge(data, 0) for data in came]
    grown = [judge(data, len(before)) for before, data in zip([b"", *came], came, strict=False)]

    # The first refusal ends it.
    assert next(filter(None, grown), "") == next(filter(None, whole), "")


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
@given(st.lists(st.sampled_from([HEAD, REQUEST, BODY, b"\r\n", b"\0", b"{}", b"GET / HTTP/1.1"])))
def test_any_bytes_end_in_an_answer_or_silence(model: ScriptedModel, parts: list[bytes]) -> None:
    with connect(model.base_url, patience=0.05) as ours:
        with suppress(ConnectionError):
            ours.sendall(b"".join(parts))
            ours.shutdown(socket.SHUT_WR)
        answer = read_all(ours)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 ")
