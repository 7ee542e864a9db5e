"""An HTTP/1.1 server for one connection that comes as a ``Stream`` out of the sandbox."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import h11

from pytest_agentfix.errors import SandboxError
from pytest_agentfix.gateway.rules import RefusedError, Request
from pytest_agentfix.ports import Clock, Stream

BODY_LIMIT: Final = 10_000_000  # bytes of a request's body
_HEAD_LIMIT: Final = 65_536  # bytes of a request's head
_AHEAD_LIMIT: Final = 65_536  # bytes taken before they are due
_POLL: Final = 0.5  # seconds between two looks at whether to go on
_GLANCE: Final = 0.001  # seconds; a look whether the other side is still there


class GoneError(Exception):
    """The sandbox's side of the connection is not there any more."""


class Door:
    """One connection: requests out of it, answers into it. Used by one thread.

    ``is_over`` is asked while nothing comes; ``patience`` is the time in seconds a request may
    take from its first byte to its last.
    """

    def __init__(
        self, stream: Stream, *, clock: Clock, patience: float, is_over: Callable[[], bool]
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._patience = patience
        self._is_over = is_over
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD_LIMIT)
        self._is_head = False

    def next_request(self) -> Request | None:
        """Return the next whole request, ``None`` when there will be none.

        Raises ``RefusedError`` for one that is broken, too big or too slow: answer it and close.
        Raises ``GoneError`` when the other side goes away in the middle.
        """
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE or not self._wait_for_start():
            return None
        return self._read_request()

    def answer(self, status: int, message: str) -> None:
        """Send an error in the shape the providers' clients read."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        error = {"message": message, "type": "agent_fix", "code": status, "status": "agent_fix"}
        body = json.dumps({"type": "error", "error": error}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        self._send(h11.Response(status_code=status, headers=headers))
        if not self._is_head:
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())

    def start(self, content_type: str) -> None:
        """Begin an answer of status 200 whose length is not known yet."""
        headers = [("Content-Type", content_type), ("Transfer-Encoding", "chunked")]
        self._send(h11.Response(status_code=200, headers=headers))

    def send(self, data: bytes) -> None:
        """Send a piece of the answer's body."""
        if data:
            self._send(h11.Data(data=data))

    def finish(self) -> None:
        """End the answer properly."""
        self._send(h11.EndOfMessage())

    def close(self) -> None:
        """Close the connection, in the middle of an answer if need be; never raises."""
        with suppress(SandboxError, OSError):
            self._stream.close()

    def check_presence(self) -> None:
        """Raise ``GoneError`` if the other side closed; what it sent meanwhile is kept."""
        try:
            self._take(_GLANCE)
        except TimeoutError:
            return
        if self._http.trailing_data[1] or len(self._http.trailing_data[0]) > _AHEAD_LIMIT:
            raise GoneError

    def _wait_for_start(self) -> bool:
        """Wait for a request's first byte; ``False`` if none will come."""
        while not self._http.trailing_data[0]:
            if self._is_over() or self._http.trailing_data[1]:
                return False
            try:
                self._take(_POLL)
            except TimeoutError:
                continue
        return True

    def _read_request(self) -> Request:
        end = self._clock.monotonic() + self._patience
        self._is_head = False
        head = self._next_event(end)
        if not isinstance(head, h11.Request):
            raise GoneError
        if head.http_version not in {b"1.0", b"1.1"}:
            raise RefusedError(400, "The request is not valid HTTP.")
        self._is_head = head.method == b"HEAD"
        return Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("latin-1"),
            headers=[(n.decode("ascii"), v.decode("latin-1")) for n, v in head.headers],
            body=self._read_body(end),
        )

    def _read_body(self, end: float) -> bytes:
        body = bytearray()
        while isinstance(event := self._next_event(end), h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                raise RefusedError(400, "The body is too big.")
        return bytes(body)

    def _next_event(self, end: float) -> object:
        """Return what h11 makes of the next bytes; raises ``RefusedError`` if it makes nothing."""
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise RefusedError(400, "The request is not valid HTTP.") from error
            if event is not h11.NEED_DATA:
                return event
            if self._http.they_are_waiting_for_100_continue:
                self._send(h11.InformationalResponse(status_code=100, headers=[]))
            self._wait_for_more(end)

    def _wait_for_more(self, end: float) -> None:
        if self._is_over():
            raise GoneError
        if self._clock.monotonic() > end:
            raise RefusedError(400, "The request did not come to its end in time.")
        try:
            self._take(min(_POLL, self._patience))
        except TimeoutError:
            return
        if self._http.trailing_data[1]:
            raise GoneError

    def _take(self, timeout: float) -> None:
        """Hand the next bytes to h11; raises ``TimeoutError`` if there are none."""
        try:
            data = self._stream.read(timeout)
        except (SandboxError, BrokenPipeError, ConnectionError) as error:
            raise GoneError from error
        self._http.receive_data(data)

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        try:
            self._stream.write(data or b"")
        except (SandboxError, OSError) as error:
            raise GoneError from error
