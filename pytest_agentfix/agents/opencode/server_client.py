"""A client for the few calls of OpenCode's server that a repair needs. Answers are untrusted."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import httpcore

from pytest_agentfix.agents.opencode.sandbox_http import Dial, PipeBackend
from pytest_agentfix.core.errors import AgentUnavailableError, SandboxError

ANSWER_LIMIT: Final = 8_000_000  # bytes of one answer
EVENT_LIMIT: Final = 250_000  # bytes of one event; those that matter are far shorter
CALL_TIMEOUT: Final = 120.0  # seconds for one call, on an overloaded machine as well
DISPOSE_TIMEOUT: Final = 30.0  # seconds; a cluster that has its verdict waits for it
SESSION_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,200}")  # it becomes part of URLs
NEXT_STEP: Final = (
    "Run pytest again, with a smaller --agent-fix-jobs if the machine is busy; if it stays so, "
    "report it with OpenCode's version."
)

Json = dict[str, Any]


class OpenCodeServer:
    """A client of the server in one sandbox, bound to one directory there."""

    def __init__(self, dial: Dial, *, port: int, directory: Path) -> None:
        self._pool = httpcore.ConnectionPool(network_backend=PipeBackend(dial))
        self._base = f"http://127.0.0.1:{port}"
        self._query = f"?directory={quote(str(directory), safe='')}"

    def is_healthy(self, *, timeout: float) -> bool:
        """Tell whether the server answers. A request too early may hang: keep ``timeout`` short."""
        try:
            return self._call("GET", "/global/health", None, timeout).get("healthy") is True
        except (AgentUnavailableError, SandboxError):
            return False

    def create_session(
        self, rules: list[dict[str, str]], agent: str, *, timeout: float = CALL_TIMEOUT
    ) -> str:
        """Open a session with its own permission rules, and return its id."""
        body = {"title": "agent-fix", "agent": agent, "permission": rules}
        identity = self._call("POST", "/session", body, timeout).get("id")
        if not isinstance(identity, str) or not SESSION_ID.fullmatch(identity):
            raise AgentUnavailableError("OpenCode gave no usable session.", NEXT_STEP)
        return identity

    def prompt(self, session: str, text: str, *, provider: str, model: str, agent: str) -> None:
        """Send a prompt and return at once; the answer comes as events."""
        body = {
            "agent": agent,
            "model": {"providerID": provider, "modelID": model},
            "parts": [{"type": "text", "text": text}],
        }
        self._call("POST", f"/session/{session}/prompt_async", body)

    def abort(self, session: str) -> None:
        """Stop the session's turn; never raises, because the sandbox may be on its way out."""
        with contextlib.suppress(AgentUnavailableError, SandboxError):
            self._call("POST", f"/session/{session}/abort", {}, timeout=5.0)

    def delete(self, session: str) -> None:
        """Delete a session with its messages; never raises."""
        with contextlib.suppress(AgentUnavailableError, SandboxError):
            self._call("DELETE", f"/session/{session}", None, timeout=5.0)

    def dispose(self) -> None:
        """Have the server drop what it keeps for any folder: sessions at work, configuration.

        Its streams of events end with it. Whatever needs a folder next, such a stream included,
        has it read anew.
        """
        self._call("POST", "/global/dispose", {}, timeout=DISPOSE_TIMEOUT)

    def reject(self, permission: str) -> None:
        """Reject a requested permission in a way that lets the model go on."""
        body = {"reply": "reject", "message": "This is not available here. Go on without it."}
        with contextlib.suppress(AgentUnavailableError):
            self._call("POST", f"/permission/{quote(permission, safe='')}/reply", body)

    def status(self, session: str) -> str:
        """Return ``idle``, ``busy`` or ``retry``; a session the server does not list is idle."""
        entry = self._call("GET", "/session/status", None).get(session)
        kind = entry.get("type") if isinstance(entry, dict) else None
        return kind if isinstance(kind, str) else "idle"

    def _call(
        self, method: str, path: str, body: Json | None, timeout: float = CALL_TIMEOUT
    ) -> Json:
        limits = {"connect": timeout, "read": timeout, "write": timeout, "pool": timeout}
        try:
            with self._pool.stream(
                method,
                self._base + path + self._query,
                headers={"Content-Type": "application/json", "Accept": "application/json"},
                content=None if body is None else json.dumps(body).encode(),
                extensions={"timeout": limits},
            ) as response:
                return _parse(response.status, _read_capped(response), path)
        except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
            raise AgentUnavailableError(
                f"OpenCode does not answer in the sandbox ({error or type(error).__name__}).",
                NEXT_STEP,
            ) from None

    def events(self, take: Callable[[Json], None], *, stop: threading.Event) -> None:
        """Pass every event of the directory to ``take`` until the stream ends."""
        limits = {"connect": 5.0, "read": 60.0, "write": 5.0, "pool": 5.0}
        with (
            contextlib.suppress(
                httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError
            ),
            self._pool.stream(
                "GET",
                f"{self._base}/event{self._query}",
                headers={"Accept": "text/event-stream"},
                extensions={"timeout": limits},
            ) as response,
        ):
            for event in parse_events(response.iter_stream()):
                if stop.is_set():
                    return
                take(event)

    def close(self) -> None:
        """Close every connection into the sandbox."""
        with contextlib.suppress(SandboxError, RuntimeError, OSError):
            self._pool.close()


def _read_capped(response: httpcore.Response) -> bytes:
    content = bytearray()
    for part in response.iter_stream():
        content += part
        if len(content) > ANSWER_LIMIT:
            raise AgentUnavailableError("OpenCode's answer is far too long.", NEXT_STEP)
    return bytes(content)


def _parse(status: int, content: bytes, path: str) -> Json:
    if not 200 <= status < 300:  # noqa: PLR2004
        words = content[:300].decode("utf-8", "replace")
        raise AgentUnavailableError(f"OpenCode answered {status} to {path}: {words}.", NEXT_STEP)
    try:
        value = json.loads(content) if content else {}
    except (ValueError, RecursionError):
        value = None
    return value if isinstance(value, dict) else {}


def parse_events(chunks: Iterator[bytes]) -> Iterator[Json]:
    """Yield the JSON objects in a stream of server-sent events, and skip everything else.

    An event longer than ``EVENT_LIMIT`` bytes is skipped, too; no more than that is ever held.
    """
    line = bytearray()
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line += end
            yield from _parse_event(bytes(line))
            line.clear()
        line += rest[: EVENT_LIMIT + 1 - len(line)]


def _parse_event(line: bytes) -> Iterator[Json]:
    if line.startswith(b"data:") and len(line) <= EVENT_LIMIT:
        with contextlib.suppress(ValueError, RecursionError):
            event = json.loads(line[5:])
            if isinstance(event, dict):
                yield event
