"""The requests of the real OpenCode: recorded, replayed elsewhere, and alike at their beginning."""

from __future__ import annotations

import http.client
import http.server
import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pytest_agentfix.agents.opencode.config import AGENT, ModelEndpoint, make_config, make_environ
from pytest_agentfix.agents.opencode.download import PINNED_VERSION
from pytest_agentfix.agents.opencode.tool_texts import TOOL_TEXTS
from pytest_agentfix.gateway.admission.tool_texts import shorten_tools
from pytest_agentfix.gateway.cassettes import CassetteMismatch, PathPlaceholders, Recording, Replay
from pytest_agentfix.gateway.http.connection import Sender
from pytest_agentfix.testing.scripted_model.model_server import Raw, ScriptedModel
from tests.kits.cassette_kit import make_admission, open_sender
from tests.kits.cassette_streams import MODEL, STREAMS

BINARY = Path.home() / f".cache/pytest-agentfix/opencode-linux-x64-{PINNED_VERSION}"
pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason="OpenCode is not there")

SDKS = {
    "chat": ("local", "@ai-sdk/openai-compatible", "/v1"),
    "messages": ("anthropic", "@ai-sdk/anthropic", "/v1"),
    "responses": ("openai", "@ai-sdk/openai", "/v1"),
    "generate": ("google", "@ai-sdk/google", "/v1beta"),
}


class FakeModelAccess:
    """Has ``sender`` answer every request of an HTTP server, and keeps a mismatch."""

    def __init__(self) -> None:
        self.sender: Sender | None = None
        self.url = ""
        self.mismatch: CassetteMismatch | None = None
        self.bodies: list[Any] = []  # asked for since the last ``open``
        self.lock = threading.Lock()  # one request at a time

    def open(self, sender: Sender, url: str = "http://127.0.0.1:1/v1") -> None:
        """Have ``sender`` answer from now on."""
        self.sender, self.url, self.mismatch, self.bodies = sender, url, None, []

    def answer(self, body: Any) -> tuple[int, bytes]:
        assert self.sender is not None
        self.bodies.append(body)
        admission = make_admission(body, self.url)
        try:
            with self.lock, self.sender.post(admission, ("", "")) as exchange:
                return exchange.status, b"".join(exchange.iter_stream())
        except CassetteMismatch as mismatch:
            self.mismatch = self.mismatch or mismatch
            return 400, b"no more"


@contextmanager
def serve_model_access(model_access: FakeModelAccess) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            status, content = model_access.answer(json.loads(self.rfile.read(size)))
            self.send_response(status)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Machine:
    """A home folder with an OpenCode server that has one provider for each SDK; starts slowly."""

    root: Path
    model_access: FakeModelAccess
    port: int

    def make_project(self, name: str, operator: str = "-") -> PathPlaceholders:
        top = self.root / name
        top.mkdir()
        (top / "calc.py").write_text(f"def add(a, b):\n    return a {operator} b\n")
        return PathPlaceholders(top=top, others={"home": self.root / "home"})

    def repair(self, placeholders: PathPlaceholders, protocol: str) -> str:
        """Have the project repaired, and return the transcript."""
        where = f"?directory={quote(str(placeholders.top), safe='')}"
        session = self._call("POST", f"/session{where}", {"title": "t", "agent": AGENT})["id"]
        body = {
            "agent": AGENT,
            "model": {"providerID": SDKS[protocol][0], "modelID": MODEL},
            "parts": [{"type": "text", "text": f"Repair {placeholders.top}/calc.py."}],
        }
        self._call("POST", f"/session/{session}/message{where}", body)
        return json.dumps(self._call("GET", f"/session/{session}/message{where}"))

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            sent = None if body is None else json.dumps(body)
            connection.request(method, path, sent, {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()


@contextmanager
def start_machine(root: Path) -> Iterator[Machine]:
    home = root / "home"
    home.mkdir(parents=True)
    model_access = FakeModelAccess()
    with serve_model_access(model_access) as base_url:
        environ = make_environ(
            make_settings(base_url),
            # OpenCode unpacks libraries into the folder of temporary files, and leaves them there.
            {"PATH": os.environ["PATH"], "TMPDIR": str(home)},
            home=str(home),
        )
        argv = [str(BINARY), "serve", "--hostname", "127.0.0.1", "--port", "0"]
        with subprocess.Popen(argv, cwd=root, env=environ, stdout=subprocess.PIPE) as server:
            try:
                yield Machine(root, model_access, read_port(server))
            finally:
                server.kill()


def make_settings(base_url: str) -> dict[str, Any]:
    configs = [
        make_config(
            ModelEndpoint(
                provider=provider, model=MODEL, base_url=base_url + prefix, token="token", npm=npm
            ),
            instructions="Repair.",
        )
        for provider, npm, prefix in SDKS.values()
    ]
    providers = {name: one for config in configs for name, one in config["provider"].items()}
    return {**configs[0], "provider": providers, "enabled_providers": list(providers)}


def read_port(server: subprocess.Popen[bytes]) -> int:
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.search(rb"listening on http://127\.0\.0\.1:(\d+)", line):
            return int(found[1])
    raise AssertionError("OpenCode's server does not start")


def record(
    machine: Machine, path: Path, placeholders: PathPlaceholders, protocol: str
) -> Recording:
    recording = Recording(
        path, provider="p", model=MODEL, protocol=protocol, placeholders=placeholders
    )
    with (
        ScriptedModel(make_answers(protocol, Path(placeholders.top))) as model,
        open_sender(model.base_url) as sender,
    ):
        machine.model_access.open(recording.wrap(sender), f"{model.base_url}/chat/completions")
        machine.repair(placeholders, protocol)
    recording.close()
    return recording


def make_answers(protocol: str, top: Path) -> list[Raw]:
    """Return the answers of a repair: read, edit, look, say."""
    path = f"{top}/calc.py"
    edit = {"filePath": path, "oldString": "a - b", "newString": "a + b"}
    look = {"command": "pwd; ls -la; date; echo pid $$", "description": "Look"}
    steps: list[tuple[str, Any, str]] = [
        (f"I read {path}.", {"filePath": path}, "read"),
        ("I repair it.", edit, "edit"),
        ("I look around.", look, "bash"),
        (f"The sign in {path} was wrong.", {}, ""),
    ]
    make = STREAMS[protocol]
    return [Raw(make(text, json.dumps(arguments), tool)) for text, arguments, tool in steps]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("machines")
    yield path
    shutil.rmtree(path, ignore_errors=True)  # OpenCode's folders are large


@pytest.fixture(scope="module")
def here(folder: Path) -> Iterator[Machine]:
    with start_machine(folder / "here") as machine:
        yield machine


@pytest.fixture(scope="module")
def there(folder: Path) -> Iterator[Machine]:
    with start_machine(folder / "ein 'Büro' \"x\"") as machine:
        yield machine


@pytest.mark.parametrize("protocol", SDKS)
def test_a_repair_again_somewhere_else(
    here: Machine, there: Machine, tmp_path: Path, protocol: str
) -> None:
    path = tmp_path / "run.jsonl"
    first, second = here.make_project(protocol), there.make_project(f"my {protocol}")
    recording = record(here, path, first, protocol)
    cassette = Replay.load(path)
    there.model_access.open(cassette.open(second))
    played = there.repair(second, protocol)

    assert (recording.trouble, recording.count) == ("", 4)
    assert there.model_access.mismatch is None, there.model_access.mismatch
    assert cassette.unused() == 0, played
    for placeholders in (first, second):
        assert (
            Path(placeholders.top) / "calc.py"
        ).read_text() == "def add(a, b):\n    return a + b\n"
    assert "The sign in" in played
    assert str(here.root) not in played
    assert str(here.root).encode() not in path.read_bytes()


def test_another_revision_is_told_from_the_recorded_one(
    here: Machine, there: Machine, tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    first, second = here.make_project("one"), there.make_project("other", "*")
    record(here, path, first, "chat")
    there.model_access.open(Replay.load(path).open(second))
    there.repair(second, "chat")

    assert there.model_access.mismatch is not None
    assert there.model_access.mismatch.problem == (
        "Request 2 of this run is not in the cassette. It differs from recorded request 2 in"
        " message 3 (tool): recorded was '2:     return a - b', now it is '2:     return a * b'."
    )


def read_beginning(body: dict[str, Any]) -> tuple[str, str]:
    """Return a request's tools and system prompt, as they are written into its body."""
    shorten_tools(body, TOOL_TEXTS)
    turns = body.get("messages", body.get("input", []))
    system = [turn for turn in turns if turn.get("role") in ("system", "developer")]
    for name in ("system", "systemInstruction", "instructions"):
        system += [body[name]] if name in body else []
    return json.dumps(body["tools"]), json.dumps(system)


@pytest.mark.parametrize("protocol", SDKS)
def test_all_requests_of_a_run_begin_alike(here: Machine, tmp_path: Path, protocol: str) -> None:
    """Two sessions with several requests each: a provider may cache the beginning."""
    project = here.make_project(f"begin {protocol}")
    beginnings = []
    for name in ("first", "second"):
        record(here, tmp_path / f"{name}.jsonl", project, protocol)
        beginnings += [read_beginning(body) for body in here.model_access.bodies]

    assert len(beginnings) >= 6
    assert len(set(beginnings)) == 1
    tools, system = beginnings[0]
    assert "Repair." in system
    said = json.loads(tools)
    listed = said[0].get("functionDeclarations", said) if protocol == "generate" else said
    described = {
        tool.get("function", tool)["name"]: tool.get("function", tool)["description"]
        for tool in listed
    }
    assert described == {name: text.description for name, text in TOOL_TEXTS.items()}
    assert len(tools) < 2_500
