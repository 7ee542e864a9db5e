"""The real OpenCode, told of many providers at once, and what it asks of each of them."""

from __future__ import annotations

import http.server
import json
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pytest_agentfix.agents.opencode.config import AGENT, make_config, make_environ
from pytest_agentfix.agents.opencode.server_client import OpenCodeServer
from pytest_agentfix.gateway.providers.catalogue import CatalogueModel
from pytest_agentfix.gateway.providers.upstream import Upstream
from pytest_agentfix.runtime.cluster_scope import model_access
from pytest_agentfix.testing.socket_stream import SocketStream
from tests.kits.free_port import find_free_port

TOKEN = "the-run-token"
PATIENCE = 60.0  # seconds
REFUSAL = b'{"error": {"message": "enough", "type": "invalid_request_error"}}'


@dataclass(frozen=True)
class Case:
    """One provider with one model, as the plugin would choose it."""

    upstream: Upstream
    known: CatalogueModel | None = None

    @property
    def name(self) -> str:
        return f"{self.upstream.provider}-{self.upstream.row.protocol.value}"


@dataclass(frozen=True)
class Seen:
    """What came for a provider."""

    method: str
    target: str
    credential: str | None
    model: str | None
    is_streaming: bool


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing when OpenCode ends with a connection open."""


class Stub:
    """An HTTP server on loopback that notes each request below ``/CASE`` and refuses it."""

    def __init__(self) -> None:
        self.requests: dict[str, list[tuple[str, str, Mapping[str, str], Any]]] = {}
        self.has_come = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._make_handler())
        self.port = int(self._server.server_address[1])

    def __enter__(self) -> Stub:  # noqa: PYI034 - nothing derives from it
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _make_handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                stub._note(self.command, self.path, {**self.headers}, json.loads(raw or b"{}"))
                self.send_response(400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(REFUSAL)))
                self.end_headers()
                self.wfile.write(REFUSAL)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        return Handler

    def _note(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> None:
        _, name, rest = path.split("/", 2)
        lower = {header.lower(): value for header, value in headers.items()}
        with self.has_come:
            self.requests.setdefault(name, []).append((method, f"/{rest}", lower, body))
            self.has_come.notify_all()

    def wait_for(self, name: str) -> None:
        """Wait until something came for ``name``."""
        with self.has_come:
            assert self.has_come.wait_for(lambda: name in self.requests, PATIENCE), name

    def list_seen(self, case: Case) -> list[Seen]:
        """All that came for ``case``."""
        header = case.upstream.row.key_header
        return [
            Seen(method, target, headers.get(header), body.get("model"), is_streaming(target, body))
            for method, target, headers, body in self.requests.get(case.name, [])
        ]


def is_streaming(target: str, body: Mapping[str, Any]) -> bool:
    return "alt=sse" in target or body.get("stream") is True


def make_joint_config(cases: Sequence[Case], port: int) -> dict[str, Any]:
    """The plugin's own configuration for each case, put together."""
    config: dict[str, Any] = {}
    for case in cases:
        access = model_access(case.upstream, TOKEN, case.known)
        url = f"http://127.0.0.1:{port}/{case.name}{case.upstream.row.sandbox_prefix}"
        single = make_config(replace(access, base_url=url), instructions="Answer.")
        config = {
            **single,
            "enabled_providers": [*config.get("enabled_providers", ()), access.provider],
            "provider": {**config.get("provider", {}), **single["provider"]},
        }
    return config


@contextmanager
def serve(
    binary: Path, folder: Path, config: Mapping[str, Any], env: Mapping[str, str]
) -> Iterator[OpenCodeServer]:
    """Run ``opencode serve`` in ``folder`` until the end of the context."""
    port = find_free_port()
    project = folder / "project"
    project.mkdir(parents=True)
    command = [str(binary), "serve", "--port", str(port), "--hostname", "127.0.0.1"]
    # OpenCode unpacks libraries where temporary files go, and leaves them there.
    own = {**env, "TMPDIR": str(folder)}
    environ = make_environ(config, own, home=str(folder / "home"))
    log = (folder / "log").open("wb")
    with (
        log,
        subprocess.Popen(
            command, cwd=project, env=environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        ) as process,
    ):
        client = OpenCodeServer(dial, port=port, directory=project)
        try:
            until = time.monotonic() + PATIENCE
            while not client.is_healthy(timeout=1.0):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < until, (folder / "log").read_text()
                time.sleep(0.05)
            yield client
        finally:
            client.close()
            process.kill()


def dial(port: int, timeout: float) -> SocketStream:
    return SocketStream(socket.create_connection(("127.0.0.1", port), timeout))


def ask(client: OpenCodeServer, case: Case) -> str:
    """Send one prompt to the case's model, in a session of its own, which is returned."""
    session = client.create_session([], AGENT)
    upstream = case.upstream
    client.prompt(session, "Hello", provider=upstream.provider, model=upstream.model, agent=AGENT)
    return session


def wait_until_idle(client: OpenCodeServer, session: str) -> None:
    """Wait for the end of the session's turn: nothing more will come of it then."""
    until = time.monotonic() + PATIENCE
    while client.status(session) != "idle":
        assert time.monotonic() < until, session
        time.sleep(0.05)
