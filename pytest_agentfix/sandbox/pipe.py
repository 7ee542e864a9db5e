"""The pipe's host end: commands and byte streams multiplexed over one connection to the guest.

Everything that arrives is untrusted. What cannot be the guest's ends the pipe, and with it the
sandbox; channels are bounded by number here, and each by itself in ``channels.py``.
"""

from __future__ import annotations

import itertools
import json
import logging
import math
import threading
from typing import Final, Protocol

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.ports import AcceptHandler, Command
from pytest_agentfix.core.progress import FindWork, ProgressWait, find_nothing, wait_for
from pytest_agentfix.sandbox.channels import (
    GONE_NEXT_STEP,
    Channel,
    HostTunnel,
    RunningCommand,
)
from pytest_agentfix.sandbox.frames import (
    FIRST_GUEST_CHANNEL,
    MAX_PAYLOAD,
    FrameError,
    FrameKind,
    FrameParser,
    PipeFrame,
)

logger = logging.getLogger(__name__)

MAX_ACCEPTED: Final = 64  # tunnels that the sandbox may hold open towards the gateway
PING_EVERY: Final = 10.0  # seconds; the guest gives up after 60 s of silence
JOIN_TIMEOUT: Final = 5.0  # seconds for a thread to notice that its connection was hung up


class Connection(Protocol):
    """The raw bytes to and from the guest (an attached container, or a double)."""

    def receive(self) -> bytes:
        """Wait for the next bytes; ``b""`` once the other side is gone."""
        ...

    def send(self, data: bytes) -> None:
        """Send all of ``data``; raises ``OSError`` when the other side is gone or stuck."""
        ...

    def hang_up(self) -> None:
        """End the connection, and with it every ``receive`` and ``send`` under way."""
        ...

    def describe_end(self) -> SandboxError:
        """Return an error that says why the other side went away, as far as can be known."""
        ...


class Pipe:
    """One connection to one guest. Frames are dispatched by a thread of its own."""

    def __init__(self, connection: Connection, *, accept: AcceptHandler | None = None) -> None:
        self._connection = connection
        self._accept = accept
        self._lock = threading.Lock()  # of the channel table and the loss
        self._send_lock = threading.Lock()
        self._channels: dict[int, Channel] = {}
        self._numbers = itertools.count(1)
        self._loss: SandboxError | None = None
        self._is_closing = False
        self._is_silent = threading.Event()  # no more pings
        self._is_ready = threading.Event()
        self._parser = FrameParser()
        self._threads = [
            threading.Thread(target=target, name=f"agentfix-{target.__name__}", daemon=True)
            for target in (self._receive, self._ping)
        ]

    def start(self) -> None:
        """Begin to listen to the guest."""
        for thread in self._threads:
            thread.start()

    def wait_ready(self, timeout: float, *, find_work: FindWork = find_nothing) -> None:
        """Wait for the guest's first word, longer under load; raises ``SandboxError``."""
        patience = ProgressWait(seconds=timeout, find_work=find_work)
        if not wait_for(self._is_ready.wait, patience, at_most=math.inf):
            raise SandboxError(
                f"The sandbox did not come up in {patience.describe()}.",
                "Check the load of the machine and `docker events`, then run pytest again.",
            )
        if self._loss is not None:
            raise self.loss()

    def loss(self) -> SandboxError:
        """Return why the pipe is gone: a new error for each thread that raises it."""
        if self._loss is None:
            return SandboxError("The sandbox was closed.", GONE_NEXT_STEP)
        return type(self._loss)(self._loss.problem, self._loss.next_step)

    def run(self, command: Command) -> RunningCommand:
        """Start a command."""
        running = self.begin(command)
        running.feed(command.stdin)
        return running

    def begin(self, command: Command) -> RunningCommand:
        """Start a command without its stdin, for which it has to wait."""
        channel = next(self._numbers)
        order = _encode(
            {
                "argv": list(command.argv),
                "cwd": str(command.cwd),
                "env": dict(command.env),
                "report": command.has_report,
            }
        )
        running = RunningCommand(self, channel, command)
        self._add(channel, running)
        self.send(PipeFrame(FrameKind.SPAWN, channel, order))
        return running

    def dial(self, port: int, *, timeout: float) -> HostTunnel:
        """Connect to a port inside; ``ConnectionError`` when none listens there."""
        return self._open(FrameKind.DIAL, {"port": port, "timeout": timeout}, timeout)

    def listen(self, port: int, *, timeout: float) -> None:
        """Let the guest listen on ``port``; what connects there goes to the accept handler."""
        self.forget(self._open(FrameKind.LISTEN, {"port": port}, timeout).channel)

    def clear(self, *, timeout: float) -> None:
        """Have the guest end all that commands have started, and listen no more.

        Nothing that came from there reaches the accept handler any more, wherever it was on its
        way: only now, the streams are known to be all. ``ConnectionError`` when it cannot.
        """
        self.forget(self._open(FrameKind.CLEAR, {}, timeout).channel)
        with self._lock:
            accepted = [
                target
                for number, target in self._channels.items()
                if number >= FIRST_GUEST_CHANNEL and isinstance(target, HostTunnel)
            ]
        for tunnel in accepted:
            tunnel.close()

    def _open(self, kind: FrameKind, order: dict[str, object], timeout: float) -> HostTunnel:
        channel = next(self._numbers)
        tunnel = HostTunnel(self, channel)
        self._add(channel, tunnel)
        self.send(PipeFrame(kind, channel, _encode(order)))
        try:
            tunnel.wait_opened(timeout)
        except ConnectionError:
            tunnel.close()
            raise
        return tunnel

    def _add(self, channel: int, target: Channel) -> None:
        with self._lock:
            if self._loss is None:
                self._channels[channel] = target
                return
        raise self.loss()

    def forget(self, channel: int) -> bool:
        """Drop the channel; return whether it was there."""
        with self._lock:
            return self._channels.pop(channel, None) is not None

    def send(self, frame: PipeFrame) -> None:
        """Send one frame; raises ``SandboxError`` when the guest is gone."""
        try:
            with self._send_lock:
                self._connection.send(frame.encode())
        except TimeoutError as error:
            self._give_up(f"The sandbox is stuck: {error}.")
        except OSError:
            self._lose()
        else:
            return
        raise self.loss()

    def send_quietly(self, frame: PipeFrame) -> None:
        """Send one frame whose loss does not matter."""
        try:
            self.send(frame)
        except SandboxError:
            logger.debug("a %s frame was lost with its sandbox", frame.kind.name)

    def close(self) -> None:
        """Hang up and stop the threads; whoever waits for the sandbox gets a ``SandboxError``."""
        self._is_closing = True
        self._is_silent.set()
        self._lose()
        self._connection.hang_up()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(JOIN_TIMEOUT)

    def _ping(self) -> None:
        while not self._is_silent.wait(PING_EVERY) and self._loss is None:
            self.send_quietly(PipeFrame(FrameKind.PING, 0))

    def _receive(self) -> None:
        try:
            while data := self._connection.receive():
                for frame in self._parser.feed(data):
                    self._dispatch(frame)
        except FrameError as error:
            self._give_up(f"The sandbox spoke nonsense: {error}.")
        except (OSError, SandboxError):
            logger.debug("the pipe broke", exc_info=True)
        finally:
            self._lose()

    def _dispatch(self, frame: PipeFrame) -> None:
        if frame.kind is FrameKind.HELLO:
            self._is_ready.set()
        elif frame.kind is FrameKind.ACCEPT:
            self._take_tunnel(frame.channel)
        else:
            with self._lock:
                target = self._channels.get(frame.channel)
            if target is not None:  # else: late words for a channel that is done with
                target.take(frame)
                if frame.kind is FrameKind.EXIT:
                    self.forget(frame.channel)

    def _take_tunnel(self, channel: int) -> None:
        with self._lock:
            accepted = [number for number in self._channels if number >= FIRST_GUEST_CHANNEL]
        if channel < FIRST_GUEST_CHANNEL or channel in accepted:
            raise FrameError("a tunnel on a channel that is not the guest's")
        if self._accept is None or len(accepted) >= MAX_ACCEPTED:
            return  # left unanswered: whoever opens so many waits for ever, and harms nobody else
        tunnel = HostTunnel(self, channel)
        self._add(channel, tunnel)
        threading.Thread(
            target=self._accept, args=(tunnel,), name="agentfix-accept", daemon=True
        ).start()

    def _give_up(self, problem: str) -> None:
        self._lose(SandboxError(problem, GONE_NEXT_STEP))
        self._connection.hang_up()  # which ends the sandbox too

    def _lose(self, reason: SandboxError | None = None) -> None:
        if self._loss is None and reason is None:  # outside the lock: asks the engine
            closed = SandboxError("The sandbox was closed.", GONE_NEXT_STEP)
            reason = closed if self._is_closing else self._connection.describe_end()
        with self._lock:
            self._loss = self._loss or reason
            targets = list(self._channels.values())
            self._channels.clear()
        for target in targets:
            target.lose()
        self._is_ready.set()


def _encode(order: dict[str, object]) -> bytes:
    payload = json.dumps(order).encode()
    if len(payload) > MAX_PAYLOAD:
        raise SandboxError(
            "A command for the sandbox is longer than the pipe takes.",
            "Shorten pytest's command line, or move options into the configuration file.",
        )
    return payload
