"""Reads the head of an HTTP request more strictly than any library does (pure).

OpenCode sends a narrow subset of HTTP. None of it is anything that two HTTP parsers have ever read
in different ways (RFC 9112, sections 2.2, 5 and 6; request smuggling), so all of that is refused
here, before a library sees it.
"""

from __future__ import annotations

import re
from typing import Final

from pytest_agentfix.core.ports import MODEL_PORT
from pytest_agentfix.gateway.admission.refusal import RefusedError

HEAD_LIMIT: Final = 16_384  # bytes; OpenCode's is below a thousand
HEAD_END: Final = b"\r\n\r\n"
BODY_LIMIT: Final = 10_000_000  # bytes of a request's body
HOSTS: Final = (f"127.0.0.1:{MODEL_PORT}", f"localhost:{MODEL_PORT}")

_COUNT_LIMIT: Final = 64  # headers
_NOT_HTTP: Final = "The request is not valid HTTP."
_NOT_PLAIN: Final = "A header of the request asks for more than a plain answer."
_STRAY: Final = re.compile(rb"[^\x20-\x7e\t\r\n]|(?<!\r)\n|\r(?!\n|\Z)")
_START: Final = re.compile(rb"[A-Z]{1,16}(?: |\Z)")
_REQUEST_LINE: Final = re.compile(rb"([A-Z]{1,16}) ([\x21-\x7e]{1,2048}) HTTP/1\.1")
_HEADER: Final = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}):[ \t]*([\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?)?[ \t]*"
)
_LENGTH: Final = re.compile(r"0|[1-9][0-9]{0,11}")
# Headers that ask for another protocol, or for another way to mark the end of the body.
_FORBIDDEN: Final = {
    "expect": 417,
    "http2-settings": 400,
    "proxy-connection": 400,
    "te": 400,
    "trailer": 400,
    "transfer-encoding": 411,
    "upgrade": 400,
}
_CONNECTION: Final = frozenset({"close", "keep-alive"})


def check_beginning(data: bytes, *, checked: int = 0) -> None:
    """Refuse bytes that cannot become a head as soon as they arrive: TLS, or noise.

    The first ``checked`` of them were checked before, so a head sent byte by byte costs no more.
    """
    if _STRAY.search(data, max(0, checked - 1)) or not _START.match(data):
        raise RefusedError(400, _NOT_HTTP)
    if len(data) > HEAD_LIMIT:
        raise RefusedError(431, "The request's head is too big.")


def read_body_length(head: bytes) -> int:
    """Return the number of body bytes that follow ``head``, which ends in its empty line.

    Raises ``RefusedError`` for every head that a plain client of the gateway would not send.
    """
    request_line, *lines = head.removesuffix(HEAD_END).split(b"\r\n")
    request = _REQUEST_LINE.fullmatch(request_line)
    if request is None or len(lines) > _COUNT_LIMIT:
        raise RefusedError(400, _NOT_HTTP)
    headers = [_read_header(line) for line in lines]
    _check_host([value for name, value in headers if name == "host"])
    for name, value in headers:
        _check_header(name, value)
    lengths = [value for name, value in headers if name == "content-length"]
    return _read_length(lengths, is_post=request[1] == b"POST")


def _read_header(line: bytes) -> tuple[str, str]:
    found = _HEADER.fullmatch(line)
    if found is None:
        raise RefusedError(400, _NOT_HTTP)
    return found[1].decode("ascii").lower(), (found[2] or b"").decode("ascii")


def _check_host(hosts: list[str]) -> None:
    if len(hosts) != 1:
        raise RefusedError(400, "The request must name one host.")
    if hosts[0] not in HOSTS:
        raise RefusedError(403, "Requests to other hosts are not served here.")


def _check_header(name: str, value: str) -> None:
    if name in _FORBIDDEN:
        raise RefusedError(_FORBIDDEN[name], _NOT_PLAIN)
    if name == "connection" and value.lower() not in _CONNECTION:
        raise RefusedError(400, _NOT_PLAIN)


def _read_length(lengths: list[str], *, is_post: bool) -> int:
    if not lengths and is_post:
        raise RefusedError(411, "The length of the body is missing.")
    if len(lengths) > 1 or not all(_LENGTH.fullmatch(length) for length in lengths):
        raise RefusedError(400, _NOT_HTTP)
    length = int(lengths[0]) if lengths else 0
    if length > BODY_LIMIT:
        raise RefusedError(413, "The body is too big.")
    return length
