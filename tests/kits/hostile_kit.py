"""A gateway under attack: raw bytes over a real socket, with a real provider behind it."""

from __future__ import annotations

import json
import select
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from pytest_agentfix.core.ports import Stream
from pytest_agentfix.gateway.gateway import ModelGateway
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.gateway.providers.registry import ProviderRow
from pytest_agentfix.testing.scripted_model.model_server import Raw, ScriptedModel
from pytest_agentfix.testing.socket_stream import StreamPort
from tests.kits.body_kit import GOOD
from tests.kits.gateway_kit import HOST, MODEL, TOKEN, Client, make_headers, make_upstream

PATIENCE = 30  # seconds until a test gives up on the gateway


class CountingStream:
    """A stream that counts the bytes read from it."""

    def __init__(self, inner: Stream, counts: list[int]) -> None:
        self.inner = inner
        self.counts = counts
        self.write = inner.write
        self.close = inner.close

    def read(self, timeout: float | None = None) -> bytes:
        data = self.inner.read(timeout)
        self.counts.append(len(data))
        return data


@dataclass(frozen=True)
class Target:
    """A gateway for one protocol, with its provider. ``counts``: the bytes of each read."""

    row: ProviderRow
    port: int
    provider: ScriptedModel
    counts: list[int] = field(default_factory=list)

    def head(
        self,
        *lines: str | bytes,
        start: str | bytes | None = None,
        without: Sequence[str] = (),
        end: bytes = b"\r\n\r\n",
    ) -> bytes:
        """Return a good head with ``start`` as its first line, ``without`` some headers."""
        headers = {"Host": HOST, **make_headers(self.row)}
        kept = [f"{name}: {value}" for name, value in headers.items() if name not in without]
        first = start or f"POST {self.row.build_target(MODEL)} HTTP/1.1"
        return b"\r\n".join(_encode(line) for line in (first, *kept, *lines)) + end

    def request(self, body: Any = None, *lines: str | bytes, **options: Any) -> bytes:
        """Return a complete request, good except for the arguments."""
        raw = body if isinstance(body, bytes) else json.dumps(body or self.body()).encode()
        return self.head(f"Content-Length: {len(raw)}", *lines, **options) + raw

    def body(self, **changes: Any) -> dict[str, Any]:
        return {**GOOD[self.row.protocol], **changes}

    def attack(self, *pieces: bytes) -> int:
        """Send ``pieces`` and return the status of the answer, 0 if there was none."""
        with self.connect() as ours, suppress(ConnectionError):
            for piece in pieces:
                ours.sendall(piece)
            return read_status(ours)
        return 0

    @contextmanager
    def connect(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), PATIENCE) as ours:
            yield ours

    def check_unharmed(self, seen: int = 0) -> None:
        """Assert that the provider has seen ``seen`` requests and the gateway still serves one."""
        assert len(self.provider.requests) == seen
        client = Client(self.port)
        headers = make_headers(self.row)
        answer = client.post(self.body(), target=self.row.build_target(MODEL), headers=headers)
        client.connection.close()
        assert (answer.status, answer.body) == (200, b"data: {}\n\n")
        assert [request.body for request in self.provider.requests[seen:]] == [self.body()]


def _encode(line: str | bytes) -> bytes:
    return line if isinstance(line, bytes) else line.encode()


def read_status(ours: socket.socket) -> int:
    """Read one answer, or all there is of it, and return its status, 0 for none."""
    found = b""
    while not _is_whole(found) and (data := ours.recv(65_536)):
        found += data
    return int(found[9:12]) if found.startswith(b"HTTP/1.1 ") else 0


def _is_whole(found: bytes) -> bool:
    head, end, body = found.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(end) and len(body) >= int(line.partition(b":")[2])
    return body.endswith(b"0\r\n\r\n")


def trickle(ours: socket.socket, data: bytes) -> int:
    """Send ``data`` byte by byte until the gateway answers; return the status."""
    with suppress(ConnectionError):
        for number in range(len(data)):
            ours.sendall(data[number : number + 1])
            if select.select([ours], [], [], 0.02)[0]:
                break
        return read_status(ours)
    return 0


def flood(ours: socket.socket, piece: bytes, total: int) -> int:
    """Send up to ``total`` bytes, and return the status of the answer, 0 for none."""
    with suppress(ConnectionError):
        for _ in range(total // len(piece)):
            ours.sendall(piece)
    with suppress(ConnectionError):
        return read_status(ours)
    return 0


@contextmanager
def open_target(
    row: ProviderRow, *, timeouts: GatewayTimeouts | None = None, **options: Any
) -> Iterator[Target]:
    """Serve a gateway for ``row`` on a port, and a provider behind it."""
    reply = Raw(b"data: {}\n\n")
    counts: list[int] = []
    with ScriptedModel(lambda _: reply) as provider:
        upstream = make_upstream(provider.base_url, row=row, **options)
        gateway = ModelGateway(upstream, token=TOKEN, timeouts=timeouts)
        gateway.begin(deadline=10.0**9)
        with StreamPort(lambda stream: gateway.handle(CountingStream(stream, counts))) as port:
            try:
                yield Target(row, port.port, provider, counts)
            finally:
                gateway.close()


def make_bodies(body: Mapping[str, Any]) -> Mapping[str, bytes]:
    """Return bodies that are not JSON, or JSON that two parsers read in two ways."""
    good = json.dumps(body).encode()
    inside = good[:-1]
    return {
        "nothing": b"",
        "no object": b"[1]",
        "no JSON": b"{",
        "two objects": good + good,
        "duplicate key": inside + b', "model": "test-model", "model": "other"}',
        "duplicate key in another spelling": inside + b', "a": 1, "\\u0061": 2}',
        "duplicate nested key": inside + b', "a": [{"b": {"c": 1, "c": 2}}]}',
        "NaN": inside + b', "temperature": NaN}',
        "Infinity": inside + b', "temperature": -Infinity}',
        "huge float": inside + b', "temperature": 1e999}',
        "huge integer": inside + b', "top_k": ' + b"9" * 5000 + b"}",
        "bad UTF-8": inside + b', "a": "\xff"}',
        "overlong UTF-8": inside + b', "a": "\xc0\xaf"}',
        "surrogate in UTF-8": inside + b', "a": "\xed\xa0\x80"}',
        "lone surrogate": inside + b', "a": "\\ud800"}',
        "lone surrogate in a key": inside + b', "\\udc00": 1}',
        "byte order mark": b"\xef\xbb\xbf" + good,
        "UTF-16": good.decode().encode("utf-16"),
        "deep lists": inside + b', "a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        "deep objects": inside + b', "a": ' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
        "not closed": b'{"a":' * 50_000,
        "many lists": inside + b', "a": [' + b"[]," * 600_000 + b"[]]}",
        "comment": good + b" // x",
        "NUL": inside + b', "a": "\0"}',
    }
