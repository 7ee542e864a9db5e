"""Answers OpenCode's warm-up request locally: no provider, no ledger, no log.

OpenCode takes long to make its first model request and is quick from then on. So a pre-warmed agent
is given a throw-away prompt, and the model request that follows is answered here with one word.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Final

from pytest_agentfix.core.errors import SandboxError
from pytest_agentfix.core.ports import AcceptHandler, Clock, Stream
from pytest_agentfix.gateway.admission.refusal import RefusedError
from pytest_agentfix.gateway.admission.rules import Request
from pytest_agentfix.gateway.http.body_budget import BodyMemoryBudget
from pytest_agentfix.gateway.http.server import HttpConnection
from pytest_agentfix.gateway.providers.protocols import WireProtocol
from pytest_agentfix.gateway.warmup_answers import make_answer

PATIENCE: Final = 30.0  # seconds for a request to arrive
BODY_MEMORY: Final = 4_000_000  # bytes of all bodies at once; a real one has some ten thousand
ANSWERS: Final = 16  # in total; OpenCode needs one
_ENDS: Final = {  # how the request path ends
    "/chat/completions": WireProtocol.CHAT,
    "/responses": WireProtocol.RESPONSES,
    "/messages": WireProtocol.MESSAGES,
    ":streamGenerateContent": WireProtocol.GENERATE,
}


class WarmupModel:
    """A model that says one word and costs nothing. Its ``handle`` is an ``AcceptHandler``.

    It has no key and no connection to anything. A request in any of the four protocols is read
    within limits, looked at no further than its first line, and answered from constants.
    """

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._body_budget = BodyMemoryBudget(BODY_MEMORY)
        self._left = ANSWERS
        self._lock = threading.Lock()

    def handle(self, stream: Stream) -> None:
        """Answer one request on ``stream`` and close it. Runs in its own thread; never raises."""
        connection = HttpConnection(
            stream,
            clock=self._clock,
            patience=PATIENCE,
            is_over=lambda: False,
            body_budget=self._body_budget,
        )
        with connection.closing():
            self._serve(connection)

    def _serve(self, connection: HttpConnection) -> None:
        try:
            if (request := connection.next_request()) is not None:
                protocol = self._admit(request)
                connection.start("text/event-stream")
                connection.send(make_answer(protocol))
                connection.finish()
        except RefusedError as refused:
            connection.answer(refused.status, refused.message)

    def _admit(self, request: Request) -> WireProtocol:
        protocol = _find_protocol(request.target)
        if request.method != "POST" or protocol is None:
            raise RefusedError(403, "Only a model request is answered here.")
        with self._lock:
            self._left -= 1
            if self._left < 0:
                raise RefusedError(403, "There is no model here yet.")
        return protocol


class SwitchableHandler:
    """Passes streams to the handler that ``to`` named last. Its ``handle`` takes them."""

    def __init__(self, first: WarmupModel) -> None:
        self._handler: AcceptHandler = first.handle
        self._open: dict[int, Stream] = {}
        self._lock = threading.Lock()

    def handle(self, stream: Stream) -> None:
        """Pass ``stream`` to the current handler, in the caller's thread."""
        with self._lock:
            handler = self._handler
            self._open[id(stream)] = stream
        try:
            handler(stream)
        finally:
            with self._lock:
                self._open.pop(id(stream), None)

    def to(self, handler: AcceptHandler) -> None:
        """Use ``handler`` from now on, and close the streams still open with an earlier one."""
        with self._lock:
            self._handler = handler
            left, self._open = self._open, {}
        for stream in left.values():
            with suppress(SandboxError, OSError):
                stream.close()


def _find_protocol(target: str) -> WireProtocol | None:
    path = target.partition("?")[0]
    return next((found for end, found in _ENDS.items() if path.endswith(end)), None)
