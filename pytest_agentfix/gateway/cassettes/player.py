"""Answers requests from a cassette instead of a provider: no key, no network.

A cassette can only become answers to the sandboxed agent, whose work is judged like any other's.
"""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.cassettes.bodies import unpack_body
from pytest_agentfix.gateway.cassettes.canonical import Canonicalizer, CanonicalRequest
from pytest_agentfix.gateway.cassettes.mismatch import (
    Candidate,
    CassetteMismatch,
    describe_end,
    describe_excess,
    describe_mismatch,
    find_nearest,
)
from pytest_agentfix.gateway.cassettes.path_placeholders import PathPlaceholders
from pytest_agentfix.gateway.cassettes.reader import Answer, Header, StoredExchange, load_cassette
from pytest_agentfix.gateway.cassettes.request_diff import diff_requests
from pytest_agentfix.gateway.cassettes.validation import End
from pytest_agentfix.gateway.http.connection import Exchange, Sender, UpstreamError

_log = logging.getLogger(__name__)
_BROKEN = "broke the connection"
_GIVEN_UP = "was not waited for when this was recorded"


class Replay:
    """A cassette being played, for any number of parallel senders."""

    def __init__(self, header: Header, exchanges: Sequence[StoredExchange]) -> None:
        self._header = header
        self._exchanges = tuple(exchanges)
        self._lock = threading.Lock()
        self._left: dict[bytes, deque[int]] = defaultdict(deque)
        self._times: dict[bytes, list[int]] = defaultdict(list)
        self._asked = 0
        for position, stored in enumerate(self._exchanges):
            self._left[stored.request.key].append(position)
            self._times[stored.request.key].append(position)

    @classmethod
    def load(cls, path: Path) -> Replay:
        """Read the file; raises ``SettingError`` if it is not a cassette."""
        return cls(*load_cassette(path))

    @property
    def provider(self) -> str:
        """The name of the recorded provider."""
        return self._header.provider

    @property
    def model(self) -> str:
        """The name of the recorded model, without the provider's."""
        return self._header.model

    @property
    def protocol(self) -> str:
        """The value of the recorded ``WireProtocol``, or whatever the file has in its place."""
        return self._header.protocol

    @property
    def count(self) -> int:
        """The number of recorded exchanges."""
        return len(self._exchanges)

    def unused(self) -> int:
        """Return the number of exchanges that are still unused."""
        with self._lock:
            return sum(map(len, self._left.values()))

    def open(self, placeholders: PathPlaceholders, secrets: Sequence[str] = ()) -> Sender:
        """Return a sender that answers from the cassette, with the paths of ``placeholders``.

        ``secrets`` are removed from requests, as they were in the recording.
        """
        return _ReplayingSender(self, placeholders, secrets)

    def take(
        self, request: CanonicalRequest, read_plain: Callable[[], CanonicalRequest] | None = None
    ) -> Answer:
        """Return the next answer recorded for ``request``; raises ``CassetteMismatch``.

        If ``request`` was not recorded, ``read_plain`` returns it as a machine that knows none of
        this one's secrets would read it.
        """
        if read_plain is not None and request.key not in self._times:
            plain = read_plain()
            request = plain if plain.key in self._times else request
        with self._lock:
            self._asked += 1
            number = self._asked
            if left := self._left.get(request.key):
                return self._exchanges[left.popleft()].answer
            rest = sorted(position for left in self._left.values() for position in left)
        raise self._describe(number, request, rest)

    def _describe(
        self, number: int, request: CanonicalRequest, rest: Sequence[int]
    ) -> CassetteMismatch:
        if times := self._times.get(request.key):
            last = self._exchanges[times[-1]].answer
            return describe_excess(number, len(times), is_given_up=last.end is End.GIVEN_UP)
        candidates = [
            Candidate(number=position + 1, request=self._exchanges[position].request)
            for position in rest
        ]
        near = find_nearest(request, candidates)
        if near is None:
            return describe_end(number, self.count)
        diff = diff_requests(near.request, request)
        _log.info("request %d and recorded request %d:\n%s", number, near.number, diff)
        return describe_mismatch(number, request, near)


class _ReplayingSender:
    """A sender that answers from a cassette."""

    def __init__(
        self, replay: Replay, placeholders: PathPlaceholders, secrets: Sequence[str]
    ) -> None:
        self.silence = 0.0  # a replay never waits
        self._replay = replay
        self._placeholders = placeholders
        self._canonicalizer = Canonicalizer(placeholders, secrets)
        self._plain = Canonicalizer(placeholders)

    @contextmanager
    def post(
        self,
        admission: Admission,
        credential: tuple[str, str],  # noqa: ARG002 - none is needed
    ) -> Iterator[Exchange]:
        """Yield the recorded answer; raises ``UpstreamError`` and ``CassetteMismatch``."""
        answer = self._replay.take(
            self._canonicalizer.read(admission), partial(self._plain.read, admission)
        )
        if not answer.status:
            words = self._placeholders.restore(answer.words)
            raise UpstreamError(words or _GIVEN_UP)
        yield _ReplayedAnswer(status=answer.status, answer=answer, placeholders=self._placeholders)


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReplayedAnswer:
    """A recorded answer being replayed."""

    status: int
    answer: Answer
    placeholders: PathPlaceholders

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The recorded headers."""
        return list(_iter_headers(self.answer.headers))

    def iter_stream(self) -> Iterator[bytes]:
        """Yield the body; raises ``UpstreamError`` if the recorded answer broke off."""
        yield from unpack_body(self.answer.body, restore=self.placeholders.restore)
        is_error = self.status >= 300  # noqa: PLR2004 - the rest of a long error body is never read
        if self.answer.end is End.BROKEN:
            raise UpstreamError(self.placeholders.restore(self.answer.words) or _BROKEN)
        if self.answer.end is End.GIVEN_UP and not is_error:
            raise UpstreamError(_GIVEN_UP)


def _iter_headers(headers: Mapping[str, str]) -> Iterator[tuple[bytes, bytes]]:
    for name, value in headers.items():
        yield name.encode("ascii"), value.encode("ascii")
