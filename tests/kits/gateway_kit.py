"""Helpers of the gateway's tests: an upstream, a client, a fake clock."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from pytest_agentfix.core.ports import MODEL_PORT
from pytest_agentfix.gateway.gateway import ModelGateway, SystemClock
from pytest_agentfix.gateway.http.transport import GatewayTimeouts
from pytest_agentfix.gateway.providers.registry import COMPATIBLE, ProviderRow
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.gateway.spending.budget import Tariff
from pytest_agentfix.gateway.spending.ledger import Caps, Ledger
from pytest_agentfix.testing.socket_stream import StreamPort

KEY = "sk-sentinel-0123456789abcdef"
TOKEN = "run-token"
MODEL = "test-model"
HOST = f"127.0.0.1:{MODEL_PORT}"  # the gateway's host for OpenCode in its sandbox


class FakeClock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.slept = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


class SkippingClock(FakeClock):
    """Real time in which sleeping takes none."""

    def monotonic(self) -> float:
        return time.monotonic() + self.slept


def make_upstream(base_url: str = "http://127.0.0.1:1/v1", **changes: Any) -> Upstream:
    values: dict[str, Any] = {
        "provider": "local",
        "model": MODEL,
        "base_url": base_url,
        "key": KEY,
        "key_source": "LOCAL_API_KEY",
        "row": COMPATIBLE,
    }
    return Upstream(**{**values, **changes})


def make_body(**changes: Any) -> dict[str, Any]:
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 1000,
    }
    return {**body, **changes}


def make_headers(row: ProviderRow = COMPATIBLE, token: str = TOKEN) -> dict[str, str]:
    return {"Content-Type": "application/json", row.key_header: row.format_key(token)}


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return str(json.loads(self.body)["error"]["message"])


class GatewayConnection(http.client.HTTPConnection):
    """A connection that uses OpenCode's host name for the gateway, wherever that listens."""

    def putrequest(
        self,
        method: str,
        url: str,
        skip_host: bool = False,  # noqa: FBT001, FBT002 - as the base has it
        skip_accept_encoding: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        super().putrequest(method, url, True, skip_accept_encoding)  # noqa: FBT003
        if not skip_host:
            self.putheader("Host", HOST)


class Client:
    """An HTTP client of the gateway that keeps its connection alive."""

    def __init__(self, port: int) -> None:
        self.connection = GatewayConnection("127.0.0.1", port, timeout=30)

    def post(
        self,
        body: Any = None,
        *,
        target: str = "/v1/chat/completions",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        raw = body if isinstance(body, bytes) else json.dumps(body or make_body()).encode()
        sent = make_headers() if headers is None else headers
        self.connection.request("POST", target, raw, dict(sent))
        response = self.connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read())


@contextmanager
def open_gateway(  # noqa: PLR0913 - all but one by name
    upstream: Upstream,
    *,
    clock: FakeClock | None = None,
    timeouts: GatewayTimeouts | None = None,
    deadline: float = 10.0**9,
    caps: Mapping[tuple[str, str], float] | None = None,
    tariff: Tariff | None = None,
) -> Iterator[tuple[ModelGateway, Client]]:
    """Serve a gateway on a port, with an attempt begun."""
    gateway = ModelGateway(
        upstream,
        token=TOKEN,
        clock=clock,
        timeouts=timeouts,
        choose_random=lambda: 0.5,
        ledger=Ledger(Caps(caps or {}), clock=clock or SystemClock()),
        tariff=tariff,
    )
    gateway.begin(deadline=deadline)
    with StreamPort(gateway.handle) as port:
        client = Client(port.port)
        try:
            yield gateway, client
        finally:
            client.connection.close()
            gateway.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until ``condition`` holds; fails the test when it never does."""
    until = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < until, "it does not happen"
        time.sleep(0.01)
