"""Helpers of the cassettes' tests: requests, a real connection, a recording and its replay."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.cassettes import PathPlaceholders, Recording, Replay
from pytest_agentfix.gateway.gateway import SystemClock
from pytest_agentfix.gateway.http.connection import (
    Sender,
    UpstreamConnection,
    UpstreamError,
    translated_errors,
)
from pytest_agentfix.gateway.http.transport import GatewayTimeouts, TransportConfig
from pytest_agentfix.testing.scripted_model.model_server import Reply, Script, ScriptedModel

MODEL = "test-model"
SENTINEL = "sk-sentinel-0123456789abcdef"
HERE = PathPlaceholders(top="/home/ann/proj", others={"home": "/home/ann", "python": "/opt/py311"})
THERE = PathPlaceholders(
    top='/srv/ci "x"/büro\\repo', others={"home": "/home/ci", "python": "/usr/lib/pypy"}
)


@dataclass(frozen=True)
class Seen:
    """An answer as a sender gave it; ``error`` is the message of an ``UpstreamError``."""

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    error: str = ""

    @property
    def events(self) -> list[Any]:
        """The parsed ``data:`` fields that are JSON."""
        lines = [line[6:] for line in self.body.decode().split("\n") if line[:6] == "data: "]
        return [json.loads(line) for line in lines if line != "[DONE]"]


def make_admission(body: Any, url: str = "http://127.0.0.1:1/v1/chat/completions") -> Admission:
    return Admission(
        url=url,
        headers=(("content-type", "application/json"),),
        body=json.dumps(body).encode(),
        model=MODEL,
        max_output=1000,
        least_output=1000,
    )


def make_chat(*messages: Mapping[str, Any] | str, **changes: Any) -> dict[str, Any]:
    """Return a request's body; a text stands for a user's message."""
    turns = [{"role": "user", "content": one} if isinstance(one, str) else one for one in messages]
    tools = [{"type": "function", "function": {"name": name}} for name in ("read", "edit")]
    system = {"role": "system", "content": "You are OpenCode. Today is Wednesday."}
    body: dict[str, Any] = {
        "model": MODEL,
        "messages": [system, *turns],
        "tools": tools,
        "stream": True,
    }
    body["stream_options"] = {"include_usage": True}
    return {**body, **changes}


def ask(sender: Sender, admission: Admission) -> Seen:
    """Post a request and return the whole answer."""
    seen = Seen()
    try:
        with translated_errors(), sender.post(admission, ("authorization", "Bearer x")) as exchange:
            headers = {name.decode().lower(): value.decode() for name, value in exchange.headers}
            kept = tuple(
                (name, headers[name]) for name in ("content-type", "retry-after") if name in headers
            )
            seen = Seen(exchange.status, kept)
            for chunk in exchange.iter_stream():
                seen = Seen(seen.status, kept, seen.body + chunk)
    except UpstreamError as error:
        return Seen(seen.status, seen.headers, seen.body, str(error))
    return seen


@contextmanager
def open_sender(url: str) -> Iterator[UpstreamConnection]:
    transport = TransportConfig.from_environment(
        url, clock=SystemClock(), timeouts=GatewayTimeouts()
    )
    with UpstreamConnection(transport, check=lambda: None) as connection:
        yield connection


def make_recording(
    path: Path, placeholders: PathPlaceholders = HERE, secrets: Sequence[str] = ()
) -> Recording:
    return Recording(
        path, provider="local", model=MODEL, protocol="chat-completions", placeholders=placeholders,
        secrets=secrets,
    )  # fmt: skip


def record(
    path: Path,
    script: Script | Sequence[Reply],
    bodies: Sequence[Any],
    *,
    placeholders: PathPlaceholders = HERE,
    secrets: Sequence[str] = (),
) -> list[Seen]:
    """Have a scripted model answer ``bodies`` one after the other; return the live answers."""
    recording = make_recording(path, placeholders, secrets)
    with ScriptedModel(script) as model, open_sender(model.base_url) as sender:
        url = f"{model.base_url}/chat/completions"
        recorded = recording.wrap(sender)
        seen = [ask(recorded, make_admission(body, url)) for body in bodies]
    recording.close()
    assert recording.trouble == ""
    return seen


def replay(
    path: Path, bodies: Sequence[Any], *, placeholders: PathPlaceholders = HERE
) -> list[Seen]:
    """Return what the cassette answers to ``bodies``."""
    sender = Replay.load(path).open(placeholders)
    return [ask(sender, make_admission(body)) for body in bodies]
