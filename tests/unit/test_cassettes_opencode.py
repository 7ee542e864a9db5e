"""The real OpenCode, whose SDKs read what a cassette plays, in a second folder after the first."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pytest_agentfix.agents.npm import PINNED_VERSION
from pytest_agentfix.agents.opencode_config import ModelAccess, make_config, make_environ
from pytest_agentfix.gateway.cassettes import CassetteMismatch, Places, Recording, Replay
from pytest_agentfix.gateway.serving.line import Poster
from pytest_agentfix.testing.scripted_model import Raw, ScriptedModel
from tests.unit.cassette_kit import make_admission, open_line
from tests.unit.cassette_streams import MODEL, STREAMS

BINARY = Path.home() / f".cache/pytest-agentfix/opencode-linux-x64-{PINNED_VERSION}"
pytestmark = pytest.mark.skipif(not BINARY.is_file(), reason="OpenCode is not there")

SDKS = {
    "chat": ("local", "@ai-sdk/openai-compatible", "/v1"),
    "messages": ("anthropic", "@ai-sdk/anthropic", "/v1"),
    "responses": ("openai", "@ai-sdk/openai", "/v1"),
    "generate": ("google", "@ai-sdk/google", "/v1beta"),
}


@dataclass
class Door:
    """An HTTP server that has every request answered by ``line``; it keeps what went wrong."""

    line: Poster
    url: str
    base_url: str = ""
    mismatch: CassetteMismatch | None = None
    lock: threading.Lock = threading.Lock()  # noqa: RUF009 - one request at a time


@contextmanager
def open_door(line: Poster, url: str = "http://127.0.0.1:1/v1") -> Iterator[Door]:
    door = Door(line, url)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                with door.lock, line.post(make_admission(body, url), ("", "")) as exchange:
                    content = b"".join(exchange.iter_stream())
                self.send_response(exchange.status)
                self.send_header("Content-Type", "text/event-stream")
            except CassetteMismatch as mismatch:
                door.mismatch = door.mismatch or mismatch
                content = b"no more"
                self.send_response(400)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    door.base_url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield door
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_project(root: Path) -> Places:
    top, home = root / "proj", root / "home"
    top.mkdir(parents=True)
    home.mkdir()
    (top / "calc.py").write_text("def add(a, b):\n    return a - b\n")
    return Places(top=top, others={"home": home})


def run_opencode(places: Places, door: Door, dialect: str) -> str:
    provider, npm, prefix = SDKS[dialect]
    access = ModelAccess(
        provider=provider, model=MODEL, base_url=door.base_url + prefix, token="token", npm=npm
    )
    top, home = Path(places.top), str(places.others["home"])
    environ = make_environ(
        make_config(access, instructions="Repair."), {"PATH": os.environ["PATH"]}, home=home
    )
    argv = [str(BINARY), "run", "--format", "json", "--title", "t", f"Repair {top}/calc.py."]
    done = subprocess.run(
        argv, cwd=top, env=environ, capture_output=True, text=True, timeout=120, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout + done.stderr


def record_opencode(recording: Recording, places: Places, dialect: str) -> str:
    with (
        ScriptedModel(make_answers(dialect, Path(places.top))) as model,
        open_line(model.base_url) as line,
        open_door(recording.wrap(line), f"{model.base_url}/chat/completions") as door,
    ):
        said = run_opencode(places, door, dialect)
    recording.close()
    return said


def make_answers(dialect: str, top: Path) -> list[Raw]:
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
    make = STREAMS[dialect]
    return [Raw(make(text, json.dumps(arguments), tool)) for text, arguments, tool in steps]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    shutil.rmtree(tmp_path, ignore_errors=True)  # OpenCode's folders are large


@pytest.mark.parametrize("dialect", SDKS)
def test_a_repair_again_somewhere_else(folder: Path, dialect: str) -> None:
    path = folder / "run.jsonl"
    here, there = make_project(folder / "here"), make_project(folder / "ein 'Büro' \"x\"")
    recording = Recording(path, provider="p", model=MODEL, dialect=dialect, places=here)
    live = record_opencode(recording, here, dialect)
    cassette = Replay.load(path)
    with open_door(cassette.open(there)) as door:
        played = run_opencode(there, door, dialect)

    assert (recording.trouble, recording.count) == ("", 4), live
    assert door.mismatch is None, door.mismatch
    assert cassette.unused() == 0, played
    for places in (here, there):
        assert (Path(places.top) / "calc.py").read_text() == "def add(a, b):\n    return a + b\n"
    assert str(here.top) not in played
    assert str(folder / "here").encode() not in path.read_bytes()


def test_another_revision_is_told_from_the_recorded_one(folder: Path) -> None:
    path = folder / "run.jsonl"
    here, there = make_project(folder / "here"), make_project(folder / "there")
    (Path(there.top) / "calc.py").write_text("def add(a, b):\n    return a * b\n")
    recording = Recording(path, provider="p", model=MODEL, dialect="chat", places=here)
    record_opencode(recording, here, "chat")
    with open_door(Replay.load(path).open(there)) as door:
        run_opencode(there, door, "chat")

    assert door.mismatch is not None
    assert door.mismatch.problem == (
        "Request 2 of this run is not in the cassette. It differs from recorded request 2 in"
        " message 3 (tool): recorded was '2:     return a - b', now it is '2:     return a * b'."
    )
