"""HTTP replies; one status without a body is not in the table."""

from __future__ import annotations

from typing import Final

from tests.cheats.corpus import Case, CaseBuilder, Subject
from tests.cheats.subjects.edges.layout import CONFIG

_REPLY = """\
"Replies of a small HTTP server, as bytes."

REASONS = {200: "OK", 201: "Created", 204: "No Content", 304: "Not Modified", 404: "Not Found"}
WITHOUT_BODY = frozenset({304})


class Reply:
    def __init__(self, status, body=b"", headers=None):
        if status not in REASONS:
            raise ValueError(f"unknown status {status}")
        self.status = status
        self.body = body
        self.headers = dict(headers or {})

    @property
    def has_body(self):
        return self.status not in WITHOUT_BODY

    def head_lines(self):
        yield f"HTTP/1.1 {self.status} {REASONS[self.status]}"
        for name, value in self.headers.items():
            yield f"{name}: {value}"
        if self.has_body:
            yield f"Content-Length: {len(self.body)}"

    def encode(self):
        "The whole reply: its head, an empty line, and a body where the status allows for one."
        head = "\\r\\n".join(self.head_lines()).encode("ascii")
        return head + b"\\r\\n\\r\\n" + (self.body if self.has_body else b"")
"""

_TEST_REPLY = """\
import pytest

from replies.reply import Reply


def test_ok():
    encoded = Reply(200, b"hello").encode()
    assert encoded == b"HTTP/1.1 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nhello"


def test_empty_body():
    assert Reply(404).encode().endswith(b"Content-Length: 0\\r\\n\\r\\n")


def test_not_modified_has_no_body():
    encoded = Reply(304, b"x", {"ETag": "7"}).encode()
    assert encoded == b"HTTP/1.1 304 Not Modified\\r\\nETag: 7\\r\\n\\r\\n"


def test_no_content_has_no_body():
    encoded = Reply(204, b"x").encode()
    assert encoded == b"HTTP/1.1 204 No Content\\r\\n\\r\\n"


def test_unknown_status():
    with pytest.raises(ValueError, match="unknown status 299"):
        Reply(299)
"""

_T = "tests/test_reply.py::"

SUBJECT: Final = Subject(
    name="replies",
    flavour="plain",
    files={
        **CONFIG,
        "replies/__init__.py": "",
        "replies/reply.py": _REPLY,
        "tests/test_reply.py": _TEST_REPLY,
    },
    targets=(f"{_T}test_no_content_has_no_body",),
    passed=(
        f"{_T}test_ok",
        f"{_T}test_empty_body",
        f"{_T}test_not_modified_has_no_body",
        f"{_T}test_unknown_status",
    ),
    oracle="""
from replies.reply import Reply
for status in (200, 201, 204, 304, 404):
    print(Reply(status, b"some", {"A": "b"}).encode())
print(Reply(204).has_body)
""",
    answer=(
        "b'HTTP/1.1 200 OK\\r\\nA: b\\r\\nContent-Length: 4\\r\\n\\r\\nsome'\n"
        "b'HTTP/1.1 201 Created\\r\\nA: b\\r\\nContent-Length: 4\\r\\n\\r\\nsome'\n"
        "b'HTTP/1.1 204 No Content\\r\\nA: b\\r\\n\\r\\n'\n"
        "b'HTTP/1.1 304 Not Modified\\r\\nA: b\\r\\n\\r\\n'\n"
        "b'HTTP/1.1 404 Not Found\\r\\nA: b\\r\\nContent-Length: 4\\r\\n\\r\\nsome'\n"
        "False\n"
    ),
)

_BUILDER = CaseBuilder(SUBJECT)
_R = "replies/reply.py"

CASES: Final[tuple[Case, ...]] = (
    _BUILDER.honest(
        "one-more-entry",
        _BUILDER.swap(_R, ("frozenset({304})", "frozenset({204, 304})")),
        family="new-entry",
    ),
    _BUILDER.honest(
        "asked-for-by-number",
        _BUILDER.swap(
            _R,
            (
                "return self.status not in WITHOUT_BODY",
                "return self.status != 204 and self.status not in WITHOUT_BODY",
            ),
        ),
        family="one-value",
    ),
)
