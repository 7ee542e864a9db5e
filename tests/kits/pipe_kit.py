"""The guest's side of a pipe, played by a test. The real guest runs in containers only."""

from __future__ import annotations

import queue
from collections.abc import Iterator

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.sandbox.frames import FrameKind, FrameParser, PipeFrame

PATIENCE = 30.0


class FakeGuest:
    """Implements ``pipe.Connection``: hears what the host sends, says what the test wants."""

    def __init__(self, *, sends_hello: bool = True) -> None:
        self.is_hung_up = False
        self.send_error: OSError | None = None
        self._to_host: queue.Queue[bytes] = queue.Queue()
        self._from_host: queue.Queue[PipeFrame] = queue.Queue()
        self._parser = FrameParser()
        if sends_hello:
            self.send_frame(FrameKind.HELLO, 0, b"{}")

    def receive(self) -> bytes:
        return self._to_host.get()

    def send(self, data: bytes) -> None:
        if self.is_hung_up:
            raise BrokenPipeError
        if self.send_error is not None:
            raise self.send_error
        for frame in self._parser.feed(data):
            self._from_host.put(frame)

    def hang_up(self) -> None:
        self.is_hung_up = True
        self._to_host.put(b"")

    def describe_end(self) -> SandboxError:
        return SandboxError("The guest is gone.", "Look for it.")

    def send_frame(self, kind: FrameKind, channel: int = 0, payload: bytes = b"") -> None:
        """Send one frame to the host."""
        self.send_bytes(PipeFrame(kind, channel, payload).encode())

    def send_bytes(self, data: bytes) -> None:
        """Send bytes to the host; none of them is the end."""
        self._to_host.put(data)

    def next_frame(self) -> PipeFrame:
        """Wait for the host's next frame."""
        return self._from_host.get(timeout=PATIENCE)

    def frames_until(self, kind: FrameKind) -> Iterator[PipeFrame]:
        """Yield the host's frames up to the first of ``kind``."""
        while True:
            frame = self.next_frame()
            yield frame
            if frame.kind is kind:
                return

    def pending_frames(self) -> list[PipeFrame]:
        """Return the frames that the host has sent and nobody took yet."""
        frames = []
        while not self._from_host.empty():
            frames.append(self._from_host.get())
        return frames
