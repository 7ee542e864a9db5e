"""An agent without OpenCode: it asks the model itself, and does what it is told in a folder.

It speaks chat completions through a real gateway, has four of OpenCode's tools under their names,
and knows no permissions. So a scripted model's script runs with either of the two.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from time import monotonic
from typing import Any, Final
from urllib.parse import urlsplit

from pytest_agentfix.agents.opencode.config import OUTPUT_TOKENS, ModelEndpoint
from pytest_agentfix.core.model import Collected, Turn, TurnEnd
from pytest_agentfix.core.ports import Command, ModelAccess, Sandbox
from pytest_agentfix.testing.socket_stream import SocketStream

_SHELL_LIMIT: Final = 60.0  # seconds
_ERRORS: Final = "replace"  # as OpenCode reads what it edits: other encodings are lost


@dataclass(slots=True, kw_only=True)
class ChatAgent:
    """Implements ``ports.Agent``. Commands see ``folder``, the agent's workspace, at ``top``."""

    access: ModelEndpoint
    gateway: ModelAccess
    sandbox: Sandbox
    folder: Path
    top: Path
    instructions: str
    environ: Mapping[str, str]
    has_tools: bool = True
    _messages: list[dict[str, Any]] = field(default_factory=list)

    def prompt(self, text: str, *, deadline: float) -> Turn:
        """Ask the model until it calls no tool any more, or until something else ends the turn."""
        self.gateway.begin(deadline=deadline)
        before = self.gateway.requests()
        if not self._messages:
            self._messages.append({"role": "system", "content": self.instructions})
        self._messages.append({"role": "user", "content": text})
        try:
            end, words = TurnEnd.FINISHED, self._talk(deadline)
        except TimeoutError:
            end, words = TurnEnd.DEADLINE, "the time of the cluster ran out"
        except (OSError, HTTPException, ValueError) as error:
            end, words = TurnEnd.ERROR, str(error)
        if end is not TurnEnd.DEADLINE and (cap := self.gateway.cap()):
            end, words = TurnEnd.CAPPED, cap
        trouble = self.gateway.trouble()
        if trouble is not None and end is not TurnEnd.DEADLINE:
            raise trouble
        is_finished = end is TurnEnd.FINISHED
        return Turn(
            end=end,
            detail="" if is_finished else words,
            text=words if is_finished else "",
            requests=self.gateway.requests() - before,
        )

    def collect(self) -> Collected:
        """As the sandbox does."""
        return self.sandbox.collect()

    def close(self) -> None:
        """Close the sandbox."""
        self.sandbox.close()

    def _talk(self, deadline: float) -> str:
        while True:
            answer = self._ask(deadline)
            self._messages.append(answer)
            if not answer.get("tool_calls"):
                return str(answer["content"])
            for call in answer["tool_calls"]:
                result = {"role": "tool", "tool_call_id": call["id"], "content": self._use(call)}
                self._messages.append(result)

    def _ask(self, deadline: float) -> dict[str, Any]:
        """Send the conversation so far; raises ``TimeoutError`` at ``deadline``."""
        body = {
            "model": self.access.model,
            "messages": self._messages,
            **({"tools": TOOLS} if self.has_tools else {}),
            "max_tokens": OUTPUT_TOKENS,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        headers = {
            "Authorization": f"Bearer {self.access.token}",
            "Content-Type": "application/json",
        }
        ours, theirs = socket.socketpair()
        thread = threading.Thread(target=self.gateway.handle, args=(SocketStream(theirs),))
        thread.start()
        try:
            ours.settimeout(max(0.01, deadline - monotonic()))
            url = urlsplit(self.access.base_url)
            connection = HTTPConnection(url.netloc)
            connection.sock = ours
            connection.request("POST", f"{url.path}/chat/completions", json.dumps(body), headers)
            return read_answer(connection.getresponse())
        finally:
            ours.close()
            thread.join()

    def _use(self, call: Mapping[str, Any]) -> str:
        """Do what a tool call asks for; returns what the model is told of it."""
        function = call["function"]
        arguments = json.loads(function["arguments"])
        try:
            if function["name"] == "bash":
                return self._run(arguments["command"])
            file = self.folder / Path(arguments["filePath"]).relative_to(self.top)
            return _FILE_TOOLS[function["name"]](file, arguments)
        except (OSError, KeyError, ValueError) as error:
            return f"error: {error!r}"

    def _run(self, command: str) -> str:
        argv = ["/bin/sh", "-c", command]
        done = self.sandbox.run(
            Command(argv=argv, cwd=self.top, env=self.environ), timeout=_SHELL_LIMIT
        )
        return (done.stdout + done.stderr).decode("utf-8", "replace") or "(no output)"


def _read(file: Path, _arguments: Mapping[str, str]) -> str:
    return file.read_text("utf-8", _ERRORS)


def _write(file: Path, arguments: Mapping[str, str]) -> str:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(arguments["content"], "utf-8")
    return "written"


def _edit(file: Path, arguments: Mapping[str, str]) -> str:
    text = file.read_text("utf-8", _ERRORS)
    if text.count(arguments["oldString"]) != 1:
        raise ValueError("oldString has to be in the file once")
    file.write_text(text.replace(arguments["oldString"], arguments["newString"]), "utf-8")
    return "edited"


_FILE_TOOLS: Final[Mapping[str, Callable[[Path, Mapping[str, str]], str]]] = {
    "read": _read,
    "write": _write,
    "edit": _edit,
}


def _describe(name: str, *parameters: str) -> dict[str, Any]:
    properties = {one: {"type": "string"} for one in parameters}
    schema = {"type": "object", "properties": properties, "required": list(parameters)}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS: Final = [
    _describe("read", "filePath"),
    _describe("write", "filePath", "content"),
    _describe("edit", "filePath", "oldString", "newString"),
    _describe("bash", "command", "description"),
]


def read_answer(response: HTTPResponse) -> dict[str, Any]:
    """Join a streamed answer into one message; raises ``ValueError`` where there is none."""
    if response.status != 200:  # noqa: PLR2004 - OK
        raise ValueError(f"status {response.status}: {response.read().decode(errors='replace')}")
    text: list[str] = []
    calls: dict[int, dict[str, Any]] = {}
    reason = None
    for choice in _iter_choices(response):
        reason = choice.get("finish_reason") or reason
        delta = choice.get("delta", {})
        text.append(delta.get("content") or "")
        for piece in delta.get("tool_calls", ()):
            _add(calls, piece)
    if reason is None:
        raise ValueError("the answer broke off")
    answer: dict[str, Any] = {"role": "assistant", "content": "".join(text)}
    return {**answer, "tool_calls": list(calls.values())} if calls else answer


def _iter_choices(lines: Iterator[bytes] | HTTPResponse) -> Iterator[Mapping[str, Any]]:
    for line in lines:
        kind, _, data = line.strip().partition(b": ")
        if kind == b"data" and data != b"[DONE]":
            yield from json.loads(data).get("choices", ())


def _add(calls: dict[int, dict[str, Any]], piece: Mapping[str, Any]) -> None:
    function = piece["function"]
    if piece["index"] not in calls:
        named = {"name": function["name"], "arguments": ""}
        calls[piece["index"]] = {"id": piece["id"], "type": "function", "function": named}
    calls[piece["index"]]["function"]["arguments"] += function.get("arguments", "")
