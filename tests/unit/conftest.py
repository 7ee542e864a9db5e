"""Keeps this tier pure: a test here starts no process and no thread, and opens no socket."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

IMPURE = frozenset(
    {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system", "socket.__new__"}
)


class _Watch:
    """Notes what the running test did that belongs into another tier; ``None`` between tests."""

    def __init__(self) -> None:
        self.seen: list[str] | None = None
        sys.addaudithook(self._note)  # there is no way to take one away again

    def _note(self, event: str, _arguments: object) -> None:
        if self.seen is not None and event in IMPURE:
            self.seen.append(event)


@pytest.fixture(scope="session")
def _watch() -> _Watch:
    return _Watch()


@pytest.fixture(autouse=True)
def _stay_pure(_watch: _Watch, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    seen: list[str] = []
    start = threading.Thread.start

    def start_and_note(thread: threading.Thread) -> None:
        seen.append("threading.Thread.start")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_and_note)
    _watch.seen = seen
    yield
    _watch.seen = None
    assert seen == [], "move this test to tests/integration"
