"""The common part of our programs in a sandbox: reading the order and writing the report.

Standard library only, and no import of this package: ``sessions/orders.py`` puts this file's text
in place of the line that imports it, and passes the result to the sandbox's Python.

An order is one JSON object on stdin. A report is JSON lines on descriptor 3, each with a tag in
front: an HMAC, under the order's key, over this line and all lines before it. So the host notices a
line that somebody else wrote, or one that was left out, repeated or moved. The key itself is
nowhere in the process once the ``ReportWriter`` has it; code that finds the writer can still make
it sign, which is why the judge does not rely on these lines alone.
"""

import base64
import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import sys
import warnings
from collections.abc import Generator
from typing import Any

REPORT_DESCRIPTOR = 3
HIDDEN_DESCRIPTOR = 100  # out of the way of tests that count or close descriptors
TAG_LENGTH = 32  # hexadecimal digits
ID_LIMIT = 10_000  # characters of a node id
ID_START = 200  # characters that are kept of a longer one
STACK_DEPTH = 10_000  # frames


@contextlib.contextmanager
def own_settings() -> "Generator[None, None, None]":
    """Keep the user's settings, and what a test did to them, from our own code.

    No warning is an error, or is shown, and the stack is deep enough.
    """
    depth = sys.getrecursionlimit()
    sys.setrecursionlimit(max(depth, STACK_DEPTH))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        with contextlib.suppress(RecursionError):  # it is deeper than that here
            sys.setrecursionlimit(depth)


class ReportWriter:
    """Writes signed JSON lines to the host, from this process only."""

    def __init__(self, descriptor: int, key: str) -> None:
        self._descriptor = descriptor
        self._chain = hmac.new(bytes.fromhex(key), digestmod=hashlib.sha256)
        # A test may have others in their place by the time they are needed.
        self._find_process, self._send, self._encode = os.getpid, os.write, json.dumps
        self._process = os.getpid()
        self.counts: dict[str, int] = {}

    def write(self, kind: str, **fields: object) -> None:
        """Send one line; a forked child sends none, and a host that stopped reading is no error."""
        if self._find_process() != self._process:
            return
        self.counts[kind] = self.counts.get(kind, 0) + 1
        with own_settings():
            line = self._encode({"kind": kind, **fields}).encode("ascii") + b"\n"
        self._chain.update(line)
        tag = self._chain.hexdigest()[:TAG_LENGTH].encode("ascii")
        view = memoryview(tag + b" " + line)
        try:
            while view:
                view = view[self._send(self._descriptor, view) :]
        except OSError:
            return


def read_order() -> "dict[str, Any]":
    """Read the order and write the files it holds."""
    order: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    for path, content in order.pop("files", {}).items():
        write_file(path, None if content is None else base64.b64decode(content))
    return order


def write_file(path: str, content: "bytes | None") -> None:
    """Make ``path`` a file with ``content``, or nothing; whatever was there before is gone."""
    mode = 0o644
    if os.path.lexists(path):
        mode = os.lstat(path).st_mode & 0o777
        os.unlink(path)
    if content is None:
        return
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def shorten_id(nodeid: str) -> str:
    """Return a node id that is not too long for a report; no two become the same."""
    if len(nodeid) <= ID_LIMIT:
        return nodeid
    digest = hashlib.sha256(nodeid.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{nodeid[:ID_START]}...{digest}"


def leave(code: int) -> None:
    """Exit with ``code``, even if a test closed the streams: Python would make it 120."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except BaseException:  # noqa: BLE001, PERF203 - a test may have left anything there
            setattr(sys, name, None)
    raise SystemExit(code)  # sys.exit may be another function by now


def hide_descriptor(descriptor: int) -> int:
    """Return a copy of a descriptor where no test and no child comes across it."""
    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, HIDDEN_DESCRIPTOR)


def claim_report() -> int:
    """Move the report out of reach of every child and test; return its new descriptor."""
    descriptor = hide_descriptor(REPORT_DESCRIPTOR)
    os.close(REPORT_DESCRIPTOR)
    return descriptor
