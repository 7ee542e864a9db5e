"""An HTTP/1.1 server for one connection, a ``Stream`` out of the sandbox."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import h11

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.ports import Clock, Stream
from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.admission.rules import Request
from pytest_agentfix.gateway.http.body_budget import BodyMemoryBudget
from pytest_agentfix.gateway.http.request_head import (
    BODY_LIMIT,
    HEAD_END,
    HEAD_LIMIT,
    check_beginning,
    read_body_length,
)

__all__ = ["BODY_LIMIT", "GoneError", "HttpConnection"]

_log = logging.getLogger(__name__)

_POLL: Final = 0.5  # seconds between two checks of ``is_over``
_KINDS: Final = ("application/json", "text/event-stream", "application/x-ndjson", "text/plain")
_GLANCE: Final = 0.001  # seconds; long enough to notice that the other side has closed


class GoneError(Exception):
    """The sandbox's side of the connection is gone, or breaks the protocol."""


class HttpConnection:
    """One connection: reads requests and writes answers. Used by one thread.

    ``is_over`` is asked while nothing arrives; ``patience`` is the time in seconds a request may
    take from its first byte to its last, and a new connection to its first byte.

    A head is checked by ``request_head`` and then read by h11, which keeps the state of the
    connection. A body has a length declared beforehand and takes that much of ``body_budget``
    until the next request; nothing may follow it before it is answered.
    """

    def __init__(
        self,
        stream: Stream,
        *,
        clock: Clock,
        patience: float,
        is_over: Callable[[], bool],
        body_budget: BodyMemoryBudget | None = None,
    ) -> None:
        self._stream = stream
        self._body_budget = body_budget or BodyMemoryBudget()
        self._held = 0  # bytes reserved for the request that was read last
        self._clock = clock
        self._patience = patience
        self._is_over = is_over
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
        self._ahead = b""  # received, but not yet given to h11
        self._is_new = True
        self._is_broken = False  # then no request can follow
        self._is_head = False

    def next_request(self) -> Request | None:
        """Return the next complete request, ``None`` when none will come.

        Raises ``RefusedError`` for one that is broken, too big or too slow: answer it and close.
        Raises ``GoneError`` when the other side disappears in the middle.
        """
        self._release_body()
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
        if self._http.our_state is not h11.IDLE or not self._wait_for_start():
            return None
        self._is_broken = True
        self._is_head = False
        request = self._read_request()
        self._is_broken = False
        return request

    def answer(self, status: int, message: str) -> None:
        """Send an error in the shape the providers' clients read."""
        if self._http.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            return
        error = {"message": message, "type": "agent_fix", "code": status, "status": "agent_fix"}
        body = json.dumps({"type": "error", "error": error}).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if self._is_broken:
            headers.append(("Connection", "close"))
        self._send(h11.Response(status_code=status, headers=headers))
        if not self._is_head:
            self._send(h11.Data(data=body))
        self._send(h11.EndOfMessage())

    def start(self, content_type: str) -> None:
        """Begin an answer of status 200 whose length is not known yet.

        The provider's ``content_type`` is passed on only if it is a known one.
        """
        kind = content_type.partition(";")[0].strip().lower()
        kind = kind if kind in _KINDS else _KINDS[0]
        headers = [("Content-Type", kind), ("Transfer-Encoding", "chunked")]
        self._send(h11.Response(status_code=200, headers=headers))

    def send(self, data: bytes) -> None:
        """Send a piece of the answer's body."""
        if data:
            self._send(h11.Data(data=data))

    def finish(self) -> None:
        """End the answer properly."""
        self._send(h11.EndOfMessage())

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Close the connection after the block, of which no error but an interruption comes out."""
        try:
            yield
        except (GoneError, SandboxError, OSError) as error:
            _log.debug("a connection ended early: %s", type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a thread of ours must not die loudly
            # Only the type: the message of an unknown error may quote a header.
            _log.error("a connection ended on an error: %s", type(error).__name__)
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection, in the middle of an answer if need be; never raises."""
        self._release_body()
        with suppress(SandboxError, OSError):
            self._stream.close()

    def _release_body(self) -> None:
        self._body_budget.release(self._held)
        self._held = 0

    def check_presence(self) -> None:
        """Raise ``GoneError`` if the other side closed, or sent more before it was answered."""
        with suppress(TimeoutError):
            self._take(_GLANCE)
            raise GoneError

    def _wait_for_start(self) -> bool:
        """Wait for a request's first byte; return false if none will come."""
        end = self._clock.monotonic() + self._patience
        while not self._ahead:
            is_late = self._is_new and self._clock.monotonic() > end
            if self._is_over() or is_late:
                return False
            with suppress(TimeoutError):
                self._ahead = self._take(_POLL)
                if not self._ahead:
                    return False
        self._is_new = False
        return True

    def _read_request(self) -> Request:
        end = self._clock.monotonic() + self._patience
        head, length = self._read_head(end)
        self._body_budget.reserve(length)
        self._held = length
        body = self._read_body(length, end)
        if self._ahead:
            raise RefusedError(400, "Only one request at a time is taken here.")
        return Request(
            method=head.method.decode("ascii"),
            target=head.target.decode("ascii"),
            headers=[(n.decode("ascii"), v.decode("ascii")) for n, v in head.headers],
            body=body,
        )

    def _read_head(self, end: float) -> tuple[h11.Request, int]:
        """Return the head and the length of the body that follows."""
        checked = 0
        while HEAD_END not in self._ahead:
            check_beginning(self._ahead, checked=checked)
            checked = len(self._ahead)
            self._ahead += self._wait_for_more(end)
        raw, _, rest = self._ahead.partition(HEAD_END)
        raw += HEAD_END
        check_beginning(raw)
        length = read_body_length(raw)
        self._ahead = rest
        head = self._feed(raw)
        if not isinstance(head, h11.Request):
            raise RefusedError(400, "The request is not valid HTTP.")
        self._is_head = head.method == b"HEAD"
        return head, length

    def _read_body(self, length: int, end: float) -> bytes:
        """Return exactly ``length`` bytes; bytes after them stay in ``_ahead``."""
        body = bytearray()
        while len(body) < length:
            data = self._ahead or self._wait_for_more(end)
            left = length - len(body)
            self._ahead = data[left:]
            body += data[:left]
            self._feed(data[:left])
        if not isinstance(self._feed(b""), h11.EndOfMessage):
            raise RefusedError(400, "The request is not valid HTTP.")
        return bytes(body)

    def _feed(self, data: bytes) -> object:
        """Return the event that h11 reads from ``data``; raises ``RefusedError``."""
        try:
            if data:
                self._http.receive_data(data)
            return self._http.next_event()
        except h11.RemoteProtocolError as error:
            raise RefusedError(400, "The request is not valid HTTP.") from error

    def _wait_for_more(self, end: float) -> bytes:
        """Return the next bytes of a request that has begun; raises when it is too slow or gone."""
        while True:
            if self._is_over():
                raise GoneError
            if self._clock.monotonic() > end:
                raise RefusedError(400, "The request did not come to its end in time.")
            with suppress(TimeoutError):
                if data := self._take(min(_POLL, self._patience)):
                    return data
                raise GoneError

    def _take(self, timeout: float) -> bytes:
        """Return the next bytes, ``b""`` at the end; raises ``TimeoutError`` if none arrive."""
        try:
            return self._stream.read(timeout)
        except (SandboxError, BrokenPipeError, ConnectionError) as error:
            raise GoneError from error

    def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        try:
            self._stream.write(data or b"")
        except (SandboxError, OSError) as error:
            raise GoneError from error
