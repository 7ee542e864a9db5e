"""A connection to the provider that checks, while it waits, whether to go on."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final, Protocol

import httpcore

from pytest_agentfix.core.ports import Clock
from pytest_agentfix.gateway.admission.rules import Admission
from pytest_agentfix.gateway.http.transport import TransportConfig

_SLICE: Final = 0.2  # seconds between two checks


class UpstreamError(Exception):
    """The provider could not be reached, or the connection broke. The message follows its name.

    ``is_sent``: it may have received the request, and its work may have to be paid for.
    """

    def __init__(self, words: str, *, is_sent: bool = True) -> None:
        super().__init__(words)
        self.is_sent = is_sent


class Exchange(Protocol):
    """An answer whose head has arrived; its body can be read once. Matches httpcore's response."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def headers(self) -> Sequence[tuple[bytes, bytes]]:
        """The headers as received."""
        ...

    def iter_stream(self) -> Iterator[bytes]:
        """Yield the body as it arrives; raises ``UpstreamError`` or one of httpcore's errors."""
        ...


class Sender(Protocol):
    """Sends requests: a connection to the provider, or a stand-in that answers in its place.

    ``silence`` is the longest wait for the next bytes, in seconds.
    """

    silence: float

    def post(
        self, admission: Admission, credential: tuple[str, str]
    ) -> AbstractContextManager[Exchange]:
        """Send a request and give its answer once the head arrives; raises ``UpstreamError``."""
        ...


class UpstreamConnection:
    """One kept-alive connection to the provider, for one thread.

    ``check`` is called several times a second while waiting for the provider and may raise to
    give up, which closes the connection.
    """

    def __init__(self, transport: TransportConfig, *, check: Callable[[], None]) -> None:
        self.silence = transport.timeouts.first_byte
        self._timeouts = transport.timeouts
        self._pool = httpcore.ConnectionPool(
            ssl_context=transport.ssl_context,
            proxy=transport.proxy,
            max_connections=1,
            network_backend=_WatchedBackend(self, transport.clock, check),
        )

    def __enter__(self) -> UpstreamConnection:  # noqa: PYI034 - nothing derives from it
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.close()

    @contextmanager
    def post(
        self, admission: Admission, credential: tuple[str, str]
    ) -> Iterator[httpcore.Response]:
        """Send a request and yield its answer once the head arrives; raises ``UpstreamError``."""
        self.silence = self._timeouts.first_byte
        headers = [
            *admission.headers,
            ("User-Agent", "pytest-agentfix"),
            ("Accept-Encoding", "identity"),
            *([credential] if credential[1] else []),
        ]
        with self._open(admission, headers) as response:
            yield response

    def _open(
        self, admission: Admission, headers: list[tuple[str, str]]
    ) -> AbstractContextManager[httpcore.Response]:
        times = {"connect": self._timeouts.connect, "write": self._timeouts.write}
        return self._pool.stream(
            "POST",
            admission.url,
            headers=headers,
            content=admission.body,
            extensions={"timeout": times},
        )


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn httpcore's errors into ``UpstreamError``, which quotes nothing of a request."""
    try:
        yield
    except httpcore.ConnectError as error:
        raise UpstreamError(f"cannot be reached ({error})", is_sent=False) from None
    except (httpcore.ConnectTimeout, httpcore.PoolTimeout):
        words = "cannot be reached (it takes too long to connect)"
        raise UpstreamError(words, is_sent=False) from None
    except (httpcore.ReadTimeout, httpcore.WriteTimeout):
        raise UpstreamError("is silent for too long") from None
    except httpcore.ProxyError as error:
        raise UpstreamError(
            f"cannot be reached (the proxy refuses: {error})", is_sent=False
        ) from None
    except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol, OSError):
        raise UpstreamError("broke the connection") from None


class _WatchedBackend(httpcore.NetworkBackend):
    """Opens connections whose reads are split into short waits with a check in between."""

    def __init__(
        self, connection: UpstreamConnection, clock: Clock, check: Callable[[], None]
    ) -> None:
        self._connection = connection
        self._clock = clock
        self._check = check
        self._checked_at = clock.monotonic()
        self._inner = httpcore.SyncBackend()

    def connect_tcp(self, *args: Any, **kwargs: Any) -> httpcore.NetworkStream:
        """Connect as the plain backend does."""
        return self.wrap(self._inner.connect_tcp(*args, **kwargs))

    def wrap(self, stream: httpcore.NetworkStream) -> httpcore.NetworkStream:
        """Return ``stream`` with reads that check."""
        return _WatchedStream(self, stream)

    def wait(self, read: Callable[[float], bytes]) -> bytes:
        """Call ``read`` with short time-outs until bytes arrive or the silence is too long."""
        end = self._clock.monotonic() + self._connection.silence
        while True:
            self._check_now_and_then()
            try:
                return read(max(0.001, min(_SLICE, end - self._clock.monotonic())))
            except httpcore.ReadTimeout:
                if self._clock.monotonic() >= end:
                    raise

    def _check_now_and_then(self) -> None:
        """Check at most every ``_SLICE``: a check costs as much as many reads of a quick answer."""
        now = self._clock.monotonic()
        if now - self._checked_at >= _SLICE:
            self._checked_at = now
            self._check()


class _WatchedStream(httpcore.NetworkStream):
    """A connection to the provider; see ``_WatchedBackend``."""

    def __init__(self, backend: _WatchedBackend, inner: httpcore.NetworkStream) -> None:
        self._backend = backend
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        """Wait for bytes as long as the connection's ``silence``, which changes on the way."""
        return self._backend.wait(lambda seconds: self._inner.read(max_bytes, seconds))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of ``buffer``."""
        self._inner.write(buffer, timeout)

    def close(self) -> None:
        """Close the connection."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """Return the connection with TLS on it."""
        return self._backend.wrap(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """Return what the plain connection knows."""
        return self._inner.get_extra_info(info)
