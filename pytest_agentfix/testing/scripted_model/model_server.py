"""An HTTP server that plays a language model, so that the real OpenCode makes real edits.

It speaks four streaming protocols with tool calls: chat completions, OpenAI's responses,
Anthropic's messages and Google's generateContent, chosen by the end of a request's path. A script
gives the answers, see ``pytest_agentfix.testing.scripted_model.replies``.
"""

from __future__ import annotations

import json
import logging
import select
import socket
import threading
from collections.abc import Iterable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, final

from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.testing.scripted_model.conversation import Conversation
from pytest_agentfix.testing.scripted_model.events import Answer
from pytest_agentfix.testing.scripted_model.protocols import VERSIONS
from pytest_agentfix.testing.scripted_model.recorded import RecordedRequest
from pytest_agentfix.testing.scripted_model.replies import (
    NO_USAGE,
    Break,
    Call,
    Calls,
    Fail,
    Hang,
    Interrupted,
    Raw,
    Reply,
    Say,
    Script,
    ScriptedUsage,
    Sequenced,
    Turns,
    edits,
    patches,
    reads,
    route,
    shell,
    writes,
)

__all__ = [
    "NO_USAGE",
    "Break",
    "Call",
    "Calls",
    "Conversation",
    "Fail",
    "Hang",
    "Interrupted",
    "Raw",
    "RecordedRequest",
    "Reply",
    "Say",
    "Script",
    "ScriptedModel",
    "ScriptedUsage",
    "Turns",
    "WireProtocol",
    "edits",
    "patches",
    "reads",
    "route",
    "shell",
    "writes",
]

_log = logging.getLogger(__name__)
_HANG_POLL = 0.02  # seconds between two checks of a hanging connection


@final
class ScriptedModel:
    """A model on ``127.0.0.1`` that answers by ``script``; a context manager.

    ``script`` is a function of the conversation, or replies to give one after the other.
    ``delay`` (seconds) comes before every answer that does not name its own.
    """

    def __init__(self, script: Script | Iterable[Reply] = (), *, delay: float = 0.0) -> None:
        self._script: Script = script if callable(script) else Sequenced(script)
        self._delay = delay
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []
        self._hang_ups = 0
        self._closed = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> ScriptedModel:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop serving and release hanging connections; closing twice is fine."""
        if self._closed.is_set():
            return
        self._closed.set()
        if self._thread.ident is not None:
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    @property
    def base_url(self) -> str:
        """The base URL for a client of chat completions."""
        return self.base_url_for(WireProtocol.CHAT)

    def base_url_for(self, protocol: WireProtocol) -> str:
        """Return the base URL for a client of ``protocol``.

        The server answers below any other path as well.
        """
        return f"http://127.0.0.1:{self.port}{VERSIONS[protocol]}"

    @property
    def requests(self) -> list[RecordedRequest]:
        """The requests so far, oldest first."""
        with self._lock:
            return list(self._requests)

    @property
    def hang_ups(self) -> int:
        """The number of clients that disconnected from a ``Hang``."""
        with self._lock:
            return self._hang_ups

    def _serve(self) -> None:
        self._server.serve_forever(poll_interval=0.02)

    def _record(self, request: RecordedRequest) -> None:
        with self._lock:
            self._requests.append(request)

    def _choose(self, request: RecordedRequest) -> Reply:
        """Ask the script, one request at a time."""
        with self._lock:
            return self._script(request.conversation)

    def _wait_before(self, reply: Reply) -> None:
        seconds = self._delay if reply.delay is None else reply.delay
        if seconds > 0:
            self._closed.wait(seconds)

    def _hang(self, connection: socket.socket) -> None:
        """Wait until the server is closed or the client disconnects."""
        while not self._closed.is_set():
            readable, _, _ = select.select([connection], [], [], _HANG_POLL)
            if readable and not _has_bytes(connection):
                with self._lock:
                    self._hang_ups += 1
                return


def _has_bytes(connection: socket.socket) -> bool:
    try:
        return bool(connection.recv(1, socket.MSG_PEEK))
    except OSError:
        return False


class _Server(ThreadingHTTPServer):
    """The listening socket; its handlers find their model here."""

    daemon_threads = True

    def __init__(self, model: ScriptedModel) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.model = model

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002
        """Keep errors off stderr: clients that disconnect are expected."""
        _log.debug("connection from %s ended early", client_address)


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's own name
        """Keep the access log off stderr."""
        _log.debug(format, *args)

    def do_GET(self) -> None:
        """Record the request and answer 404."""
        self.server.model._record(self._read_request())  # noqa: SLF001 - two halves of one thing
        self._send(404, b"{}", {"Content-Type": "application/json"})

    def do_POST(self) -> None:
        """Record the request and answer as the script says."""
        request = self._read_request()
        model = self.server.model
        model._record(request)  # noqa: SLF001
        if request.protocol is None:
            self._send(404, b"{}", {"Content-Type": "application/json"})
            return
        reply = model._choose(request)  # noqa: SLF001
        model._wait_before(reply)  # noqa: SLF001
        with suppress(BrokenPipeError, ConnectionResetError):
            self._answer(request, reply)

    def _read_request(self) -> RecordedRequest:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            body = json.loads(raw)
        except ValueError:
            body = raw
        return RecordedRequest(
            method=self.command,
            path=self.path,
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
        )

    def _answer(self, request: RecordedRequest, reply: Reply) -> None:
        match reply:
            case Fail():
                self._fail(reply)
            case Raw():
                self._send(
                    200, reply.content, {"Content-Type": reply.content_type, **reply.headers}
                )
            case Hang():
                self._hang(request, reply)
            case Break():
                self._start_stream()
                self._stream(request, Say(reply.after_text), is_open=True)
                self._cut()
            case Say() | Call() | Calls():
                self._complete(request, reply)

    def _fail(self, reply: Fail) -> None:
        body = reply.body if isinstance(reply.body, str) else json.dumps(dict(reply.body))
        self._send(
            reply.status, body.encode(), {"Content-Type": "application/json", **reply.headers}
        )

    def _hang(self, request: RecordedRequest, reply: Hang) -> None:
        if reply.after_text is not None:
            with suppress(BrokenPipeError, ConnectionResetError):  # seen and counted below
                self._start_stream()
                self._stream(request, Say(reply.after_text), is_open=True)
        self.server.model._hang(self.connection)  # noqa: SLF001
        self._cut()

    def _complete(self, request: RecordedRequest, reply: Answer) -> None:
        if request.is_streamed:
            self._start_stream()
            self._stream(request, reply)
            self.wfile.write(b"0\r\n\r\n")
            return
        answer = request.forms.make_completion(request.make_asked(), reply)
        self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

    def _start_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _stream(self, request: RecordedRequest, reply: Answer, *, is_open: bool = False) -> None:
        iter_frames = request.forms.iter_frames
        for frame in iter_frames(request.make_asked(), reply, is_open=is_open):
            self.wfile.write(f"{len(frame):x}\r\n".encode() + frame + b"\r\n")
        self.wfile.flush()

    def _send(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _cut(self) -> None:
        """Cut the connection without ending the stream."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
