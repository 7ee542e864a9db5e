"""The channels of a pipe, host side: commands and byte streams.

Everything that arrives is untrusted. Nothing here grows without a bound: output is kept by its
first and last part, a report up to its limit, a stream by the credit it was given.
"""

from __future__ import annotations

import json
import struct
import threading
import time
from dataclasses import dataclass
from typing import Final, Protocol

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.ports import Command, Completed
from pytest_agentfix.core.progress import FindWork, ProgressWait, find_nothing, wait_for
from pytest_agentfix.sandbox.frames import (
    CREDIT_STEP,
    MAX_PAYLOAD,
    WINDOW,
    FrameError,
    FrameKind,
    PipeFrame,
)

KILL_TIMEOUT: Final = 30.0  # seconds from a KILL to the EXIT it brings, fork bombs included
TAIL: Final = 2000  # bytes of each stream that an error message may quote
NOTICE: Final = 300  # bytes of the guest's words on why it could not dial
EXIT_CODES: Final = range(-128, 256)
GONE_NEXT_STEP: Final = (
    "See the engine's log for why the container ended, then run pytest again; nothing was changed."
)


class Link(Protocol):
    """The pipe as its channels see it."""

    def send(self, frame: PipeFrame) -> None:
        """Send one frame; raises ``SandboxError`` when the guest is gone."""
        ...

    def send_quietly(self, frame: PipeFrame) -> None:
        """Send one frame whose loss does not matter."""
        ...

    def forget(self, channel: int) -> bool:
        """Drop the channel; return whether it was there."""
        ...

    def loss(self) -> SandboxError:
        """Return the error that says why the pipe is gone."""
        ...


class Channel(Protocol):
    """The receiver of one channel's frames."""

    def take(self, frame: PipeFrame) -> None:
        """Take one frame in; raises ``FrameError`` when it makes no sense here."""
        ...

    def lose(self) -> None:
        """Wake whoever waits here: the pipe is gone."""
        ...


class CappedOutput:
    """Keeps the first and the last half of at most ``limit`` bytes."""

    def __init__(self, limit: int) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, data: bytes) -> None:
        """Take ``data`` in, dropping from the middle."""
        room = self._half - len(self._head)
        self._head += data[:room]
        self._tail += data[room:]
        extra = len(self._tail) - self._half
        if extra > 0:
            del self._tail[:extra]
            self._dropped += extra

    def value(self) -> bytes:
        """Return what was kept, with a note where something is missing."""
        gap = f"\n[... {self._dropped} bytes left out ...]\n".encode() if self._dropped else b""
        return bytes(self._head) + gap + bytes(self._tail)


@dataclass(frozen=True, slots=True)
class Exit:
    """The end of a command."""

    code: int
    is_out_of_memory: bool

    @classmethod
    def from_payload(cls, payload: bytes) -> Exit:
        """Read an EXIT frame's payload; raises ``FrameError``."""
        try:
            value = json.loads(payload)
        except (ValueError, RecursionError):
            value = None
        code = value.get("code") if isinstance(value, dict) else None
        if not isinstance(code, int) or code not in EXIT_CODES:
            raise FrameError("an EXIT frame that is none")
        return cls(int(code), value.get("oom") is True)


class RunningCommand:
    """A command in the sandbox, seen from the host. Implements ``ports.Process``."""

    def __init__(self, link: Link, channel: int, command: Command) -> None:
        self.channel = channel
        self._link = link
        self._stdout = CappedOutput(command.output_limit)
        self._stderr = CappedOutput(command.output_limit)
        self._report = bytearray()
        self._report_limit = command.report_limit
        self._is_report_cut = False
        self._started = time.monotonic()
        self._ended = threading.Event()
        self._exit: Exit | None = None

    def feed(self, stdin: bytes) -> None:
        """Send all of its stdin; its seconds count from now on."""
        self._started = time.monotonic()
        for start in range(0, len(stdin), MAX_PAYLOAD):
            part = stdin[start : start + MAX_PAYLOAD]
            self._link.send(PipeFrame(FrameKind.DATA, self.channel, part))
        self._link.send(PipeFrame(FrameKind.EOF, self.channel))

    def take(self, frame: PipeFrame) -> None:
        """Take one of the command's frames in."""
        match frame.kind:
            case FrameKind.DATA:
                self._stdout.add(frame.payload)
            case FrameKind.STDERR:
                self._stderr.add(frame.payload)
            case FrameKind.REPORT:
                self._take_report(frame.payload)
            case FrameKind.EXIT:
                self._exit = Exit.from_payload(frame.payload)
                self._ended.set()
            case _:
                raise FrameError(f"{frame.kind.name} for a command")

    def _take_report(self, data: bytes) -> None:
        if self._is_report_cut:
            return
        self._is_report_cut = len(self._report) + len(data) > self._report_limit
        if self._is_report_cut:
            self.kill()
        else:
            self._report += data

    def lose(self) -> None:
        """End the command's wait: the pipe is gone."""
        self._ended.set()

    def is_running(self) -> bool:
        """Return whether the command has not ended yet."""
        return not self._ended.is_set()

    def kill(self) -> None:
        """End it and everything in its session."""
        if self.is_running():
            self._link.send_quietly(PipeFrame(FrameKind.KILL, self.channel))

    def tail(self) -> str:
        """Return the last of its output, stderr last."""
        both = self._stdout.value()[-TAIL:] + self._stderr.value()[-TAIL:]
        return both.decode("utf-8", "replace")

    def wait(
        self, timeout: float, *, at_most: float | None = None, find_work: FindWork = find_nothing
    ) -> Completed:
        """Wait for the end, or kill it after ``timeout`` seconds, or ``at_most`` under load.

        Raises ``SandboxError``.
        """
        patience = ProgressWait(seconds=timeout, find_work=find_work)
        longest = timeout if at_most is None else at_most
        is_timed_out = not wait_for(self._ended.wait, patience, at_most=longest)
        if is_timed_out:
            self.kill()
            if not self._ended.wait(KILL_TIMEOUT):
                raise SandboxError("A command in the sandbox could not be ended.", GONE_NEXT_STEP)
        if self._exit is None:
            raise self._link.loss()
        return Completed(
            code=self._exit.code,
            stdout=self._stdout.value(),
            stderr=self._stderr.value(),
            report=bytes(self._report),
            seconds=time.monotonic() - self._started,
            is_timed_out=is_timed_out,
            is_out_of_memory=self._exit.is_out_of_memory,
            is_report_cut=self._is_report_cut,
        )


class HostTunnel:
    """A byte stream to or from a port inside. Implements ``ports.Stream``."""

    def __init__(self, link: Link, channel: int) -> None:
        self.channel = channel
        self._link = link
        self._changed = threading.Condition()
        self._inbox = bytearray()
        self._credit = WINDOW
        self._taken = 0  # bytes read since the last credit
        self._is_opened = False  # the guest answered, with yes or no
        self._is_ended = False  # nothing more will come
        self._is_broken = False  # nothing more can be sent
        self._is_lost = False  # the pipe is gone
        self._failure = ""

    def take(self, frame: PipeFrame) -> None:
        """Take one of the tunnel's frames in."""
        with self._changed:
            match frame.kind:
                case FrameKind.DATA:
                    self._take_data(frame.payload)
                case FrameKind.CREDIT:
                    self._credit = min(WINDOW, self._credit + _parse_credit(frame.payload))
                case FrameKind.EOF:
                    self._is_ended = True
                case FrameKind.CLOSE:
                    self._is_ended = self._is_broken = True
                case FrameKind.OPENED:
                    self._is_opened = True
                case FrameKind.FAIL:
                    words = frame.payload[:NOTICE].decode("utf-8", "replace")
                    self._failure = words or "refused"
                    self._is_opened = self._is_ended = self._is_broken = True
                case _:
                    raise FrameError(f"{frame.kind.name} for a tunnel")
            self._changed.notify_all()

    def _take_data(self, data: bytes) -> None:
        if len(self._inbox) + len(data) > WINDOW:
            raise FrameError("a tunnel was sent more than its credit")
        if not self._is_ended:
            self._inbox += data

    def lose(self) -> None:
        """Wake readers and writers: the pipe is gone."""
        with self._changed:
            self._is_opened = self._is_ended = self._is_broken = self._is_lost = True
            self._changed.notify_all()

    def wait_opened(self, timeout: float) -> None:
        """Wait for the guest's answer; ``ConnectionError`` if it is no, or none comes in time."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_opened, timeout):
                raise ConnectionError("the sandbox did not answer in time")
            if self._is_lost:
                raise self._link.loss()
            if self._failure:
                raise ConnectionError(self._failure)

    def read(self, timeout: float | None = None) -> bytes:
        """Wait for bytes, ``b""`` at the end; ``TimeoutError`` after ``timeout`` s of silence."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._inbox or self._is_ended, timeout):
                raise TimeoutError("nothing was heard from the sandbox")
            data = bytes(self._inbox)
            self._inbox.clear()
            if not data and self._is_lost:
                raise self._link.loss()
            self._taken += len(data)
            due, self._taken = (self._taken, 0) if self._taken >= CREDIT_STEP else (0, self._taken)
        if due:
            credit = struct.pack(">I", due)
            self._link.send_quietly(PipeFrame(FrameKind.CREDIT, self.channel, credit))
        return data

    def write(self, data: bytes) -> None:
        """Send all of ``data``; ``BrokenPipeError`` when the other side is gone."""
        view = memoryview(data)
        while view:
            count = self._take_credit(min(len(view), MAX_PAYLOAD // 4))
            self._link.send(PipeFrame(FrameKind.DATA, self.channel, bytes(view[:count])))
            view = view[count:]

    def _take_credit(self, limit: int) -> int:
        with self._changed:
            self._changed.wait_for(lambda: self._credit > 0 or self._is_broken)
            if self._is_lost:
                raise self._link.loss()
            if self._is_broken:
                raise BrokenPipeError("the sandbox closed the stream")
            count = min(limit, self._credit)
            self._credit -= count
            return count

    def close(self) -> None:
        """Close both directions; twice is fine."""
        with self._changed:
            self._is_ended = self._is_broken = True
            self._inbox.clear()
            self._changed.notify_all()
        if self._link.forget(self.channel):
            self._link.send_quietly(PipeFrame(FrameKind.EOF, self.channel))
            self._link.send_quietly(PipeFrame(FrameKind.CLOSE, self.channel))


def _parse_credit(payload: bytes) -> int:
    if len(payload) != 4:  # noqa: PLR2004 - an unsigned 32-bit number
        raise FrameError("a CREDIT frame that is none")
    return int(struct.unpack(">I", payload)[0])
