"""A scripted double of OpenCode's server, as far as a repair uses it, without a sandbox."""

from __future__ import annotations

import http.server
import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pytest_agentfix.agents.opencode.config import ModelEndpoint
from pytest_agentfix.agents.opencode.driver import OpenCodeAgent, OpenCodePlan, Patience
from pytest_agentfix.core.errors import ProviderTrouble
from pytest_agentfix.core.model import ChangeSet, Collected, FileChange, Tokens
from pytest_agentfix.core.ports import Command, Completed, Process, Stream
from pytest_agentfix.core.progress import Work
from pytest_agentfix.testing.local_sandbox import LocalSandbox
from pytest_agentfix.testing.socket_stream import SocketStream

SESSION = "ses_1"
TOP = Path("/top")
ACCESS = ModelEndpoint(
    provider="anthropic", model="m-1", base_url="http://127.0.0.1:4601/v1", token="secret-token"
)


def event(kind: str, **properties: Any) -> dict[str, Any]:
    """Return an event of the session."""
    return {"type": kind, "properties": {"sessionID": SESSION, **properties}}


BUSY = event("session.status", status={"type": "busy"})
IDLE = event("session.idle")


class HomelySandbox(LocalSandbox):
    """A ``LocalSandbox`` whose ``/tmp/home`` is in its own folder."""

    def start(self, command: Command) -> Any:
        here = f"{self.folder}/home"
        env = {name: value.replace("/tmp/home", here) for name, value in command.env.items()}
        return super().start(replace(command, env=env))


@dataclass(kw_only=True)
class FakeOpenCode:
    """An HTTP server that answers as scripted. A prompt sends ``turn``'s events."""

    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    turn: list[dict[str, Any]] = field(default_factory=lambda: [BUSY, IDLE])
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    queries: set[tuple[str, ...]] = field(default_factory=set)
    let_go: threading.Event = field(default_factory=threading.Event)  # close after each answer
    on_prompt: Callable[[], None] = lambda: None
    on_abort: Callable[[], None] = lambda: None
    on_dispose: Callable[[], None] = lambda: None
    _events: queue.Queue[bytes | None] = field(default_factory=queue.Queue)
    _server: http.server.ThreadingHTTPServer | None = None

    def __enter__(self) -> FakeOpenCode:  # noqa: PYI034 - nothing derives from it
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                fake._serve(self)

            do_POST = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self.drop_events()
        self._server.shutdown()
        self._server.server_close()

    def dial(self, _port: int, timeout: float) -> Stream:
        assert self._server is not None
        return SocketStream(socket.create_connection(self._server.server_address[:2], timeout))  # type: ignore[arg-type]

    def say(self, *events: Mapping[str, Any]) -> None:
        """Send events to all listeners."""
        for one in events:
            self._events.put(f"data: {json.dumps(one)}\n\n".encode())

    def renew_events(self) -> None:
        """End the open stream of events as the server does; the next one begins as usual."""
        self.say({"type": "server.instance.disposed", "properties": {}})
        self.drop_events()
        self.say({"type": "server.connected", "properties": {}})

    def drop_events(self) -> None:
        """End the open stream of events."""
        self._events.put(None)

    def posts(self, word: str) -> list[Any]:
        """Return the bodies of the calls whose path contains ``word``."""
        return [body for _, path, body in self.calls if word in path]

    def _serve(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        url = urlsplit(handler.path)
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        self.queries.add(tuple(parse_qs(url.query).get("directory", ())))
        if url.path == "/event":
            self._stream_events(handler)
            return
        self.calls.append((handler.command, url.path, json.loads(body) if body else None))
        if url.path.endswith("/prompt_async"):
            # Before the answer: a client that has it looks for the events at once.
            self.on_prompt()
            self.say(*self.turn)
        if url.path.endswith("/abort"):
            self.on_abort()
        if url.path == "/global/dispose":
            self.on_dispose()
        status, content = self._answer(url.path)
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)
        handler.close_connection = self.let_go.is_set()

    def _answer(self, path: str) -> tuple[int, bytes]:
        usual = {
            "/global/health": (200, b'{"healthy": true}'),
            "/session": (200, json.dumps({"id": SESSION}).encode()),
            f"/session/{SESSION}": (200, b"{}"),
        }
        return {**usual, **self.answers}.get(path, (200, b"{}"))

    def _stream_events(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        while (data := self._events.get()) is not None:
            handler.wfile.write(data)
        handler.close_connection = True


@dataclass
class FakeProcess:
    """The process of ``opencode serve``, up or failed."""

    command: Command
    running: bool = True
    words: str = ""

    def is_running(self) -> bool:
        return self.running

    def kill(self) -> None:
        self.running = False

    def tail(self) -> str:
        return self.words

    def wait(self, timeout: float) -> Completed:
        raise NotImplementedError


@dataclass
class FakeSandbox:
    """A sandbox that runs only the scripted server."""

    server: FakeOpenCode
    processes: list[FakeProcess] = field(default_factory=list)
    starts: list[bool] = field(
        default_factory=list
    )  # whether each start succeeds; True for all later ones
    closed: int = 0
    work: list[Work] = field(default_factory=list)  # one for each time that it is asked
    on_work: Callable[[], object] = lambda: None

    def start(self, command: Command) -> Process:
        is_up = self.starts.pop(0) if self.starts else True
        words = "" if is_up else "first line\nexec format error\n"
        self.processes.append(FakeProcess(command, is_up, words))
        return self.processes[-1]

    def dial(self, port: int, *, timeout: float) -> Stream:
        return self.server.dial(port, timeout)

    def run(self, command: Command, *, timeout: float, at_most: float | None = None) -> Completed:
        raise NotImplementedError

    def find_work(self) -> Work | None:
        self.on_work()
        return self.work.pop(0) if self.work else None

    def collect(self) -> Collected:
        return Collected(changes=ChangeSet({"a": FileChange(b"")}))

    def close(self) -> None:
        self.closed += 1


@dataclass
class FakeModelAccess:
    """A gateway with prepared answers."""

    made: int = 0
    flying: int = 0
    capped: str = ""
    failed: ProviderTrouble | None = None
    begun: list[float] = field(default_factory=list)

    def begin(self, *, deadline: float) -> None:
        self.begun.append(deadline)

    def handle(self, stream: Stream) -> None:
        raise NotImplementedError

    def trouble(self) -> ProviderTrouble | None:
        return self.failed

    def cap(self) -> str:
        return self.capped

    def in_flight(self) -> int:
        return self.flying

    def tokens(self) -> Tokens:
        return Tokens()

    def requests(self) -> int:
        return self.made


@dataclass
class RunningClock:
    """Time that advances by ``step`` seconds at every reading."""

    step: float = 0.0
    now: float = 0.0

    def monotonic(self) -> float:
        self.now += self.step
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass(kw_only=True)
class Stage:
    """An agent with scripted surroundings."""

    server: FakeOpenCode
    sandbox: FakeSandbox
    model_access: FakeModelAccess
    clock: RunningClock
    agent: OpenCodeAgent


@contextmanager
def open_stage(**more: Any) -> Iterator[Stage]:
    """Yield a stage on which nothing is launched yet."""
    with FakeOpenCode() as server:
        sandbox, model_access, clock = FakeSandbox(server), FakeModelAccess(), RunningClock()
        plan = OpenCodePlan(
            **{
                "access": ACCESS,
                "instructions": "Repair it.",
                "directory": TOP,
                "env": {"PATH": "/bin"},
                "patience": Patience(start=60, first_request=90, idle=600),
                **more,
            }
        )
        agent = OpenCodeAgent(sandbox, plan, clock=clock)
        yield Stage(
            server=server, sandbox=sandbox, model_access=model_access, clock=clock, agent=agent
        )
        agent.close()
