"""The guest's side of a pipe, played by a test. The real guest runs in containers only."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.sandbox.frames import FrameKind, FrameParser, PipeFrame

PATIENCE = 30.0


class FakeGuest:
    """Implements ``pipe.Connection``: hears what the host sends, says what the test wants."""

    def __init__(self, *, is_greeting: bool = True) -> None:
        self.is_hung_up = False
        self.send_error: OSError | None = None
        self._said: queue.Queue[bytes] = queue.Queue()
        self._heard: queue.Queue[PipeFrame] = queue.Queue()
        self._parser = FrameParser()
        if is_greeting:
            self.say(FrameKind.HELLO, 0, b"{}")

    def receive(self) -> bytes:
        return self._said.get()

    def send(self, data: bytes) -> None:
        if self.is_hung_up:
            raise BrokenPipeError
        if self.send_error is not None:
            raise self.send_error
        for frame in self._parser.feed(data):
            self._heard.put(frame)

    def hang_up(self) -> None:
        self.is_hung_up = True
        self._said.put(b"")

    def describe_end(self) -> SandboxError:
        return SandboxError("The guest is gone.", "Look for it.")

    def say(self, kind: FrameKind, channel: int = 0, payload: bytes = b"") -> None:
        """Send one frame to the host."""
        self.say_raw(PipeFrame(kind, channel, payload).encode())

    def say_raw(self, data: bytes) -> None:
        """Send bytes to the host; none of them is the end."""
        self._said.put(data)

    def hear(self) -> PipeFrame:
        """Wait for the host's next frame."""
        return self._heard.get(timeout=PATIENCE)

    def hear_until(self, kind: FrameKind) -> Iterator[PipeFrame]:
        """The host's frames up to the first of ``kind``."""
        while True:
            frame = self.hear()
            yield frame
            if frame.kind is kind:
                return

    def heard(self) -> list[PipeFrame]:
        """What the host has sent and nobody heard yet."""
        frames = []
        while not self._heard.empty():
            frames.append(self._heard.get())
        return frames
