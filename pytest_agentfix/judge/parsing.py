"""The bytes of a report -> ``RunReport`` (pure).

The report comes from a process that runs code nobody vouches for. Whatever it holds, nothing here
raises, and memory stays within a small multiple of the limits below.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, TypeGuard

from pytest_agentfix.judge.results import CollectError, RunReport
from pytest_agentfix.model import TestOutcome

LINE_LIMIT: Final = 32 * 1024 * 1024  # bytes: the line with all collected ids is a long one
TESTS_LIMIT: Final = 500_000  # distinct node ids taken notice of
ID_LIMIT: Final = 10_000  # characters of a node id
DETAIL_LIMIT: Final = 25_000  # characters of one failure's text
ERRORS_LIMIT: Final = 300  # collection errors kept
DETAILS_LIMIT: Final = 16_000_000  # characters of all failures' texts together

_PHASES: Final = ("setup", "call", "teardown")
_HALF: Final = "It was begun and never ended: set-up, call and tear-down pass once each."
_WORST_FIRST: Final = ("error", "failed", "skipped", "xfailed", "xpassed")


def parse_report(data: bytes, *, nonce: str) -> RunReport:
    """Read the reporter's JSON lines; lines that do not carry ``nonce`` count against it."""
    reader = _Reader(nonce)
    for line in _split(data):
        reader.take(line)
    return reader.finish()


def _split(data: bytes) -> Iterator[bytes]:
    """Give the lines of ``data``; an overlong or unfinished one comes as ``b""``."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0 or end - start > LINE_LIMIT:
            yield b""
        else:
            yield data[start:end]
        start = len(data) if end < 0 else end + 1


class _Reader:
    """Takes lines one after another and keeps what matters."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce
        self._counts: dict[str, int] = {}
        self._tests: dict[str, _Tally] = {}
        self._errors: list[CollectError] = []
        self._collected: tuple[str, ...] = ()
        self._finish: dict[str, Any] | None = None
        self._is_sound = True
        self._is_last = False
        self._room = DETAILS_LIMIT

    def take(self, line: bytes) -> None:
        self._is_last = False
        fields = _decode(line)
        kind = fields.pop("kind", None)
        if fields.pop("nonce", None) != self._nonce or not isinstance(kind, str):
            self._is_sound = False
            return
        if not self._dispatch(kind, fields):
            self._is_sound = False
            return
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def finish(self) -> RunReport:
        code = None if self._finish is None else self._finish.get("exit")
        return RunReport(
            has_started="start" in self._counts,
            collected=self._collected,
            outcomes={nodeid: tally.outcome(nodeid) for nodeid, tally in self._tests.items()},
            collect_errors=tuple(self._errors),
            exit_code=code if type(code) is int else None,
            is_complete=self._is_last,
            is_consistent=self._is_sound and self._has_right_counts(),
        )

    def _dispatch(self, kind: str, fields: dict[str, Any]) -> bool:
        """Take one line in; gives whether it made sense."""
        if kind == "report":
            return self._take_report(fields)
        if kind == "collect_error":
            return self._take_collect_error(fields)
        if kind in self._counts:  # the other kinds come once
            return False
        if kind == "collected":
            return self._take_collected(fields.get("ids"))
        if kind == "finish":
            self._finish = fields
            self._is_last = True
        return kind in ("start", "finish")

    def _take_report(self, fields: dict[str, Any]) -> bool:
        nodeid, when, outcome = fields.get("id"), fields.get("when"), fields.get("outcome")
        if not (_is_id(nodeid) and isinstance(when, str) and isinstance(outcome, str)):
            return False
        tally = self._tests.get(nodeid)
        if tally is None:
            if len(self._tests) >= TESTS_LIMIT:
                return False
            tally = self._tests[nodeid] = _Tally()
        tally.add(when, _classify(when, outcome, is_xfail=fields.get("wasxfail") is True))
        if not tally.detail:
            tally.detail = self._take_detail(fields.get("detail"))
        return True

    def _take_collect_error(self, fields: dict[str, Any]) -> bool:
        nodeid = fields.get("id")
        if not _is_id(nodeid):
            return False
        if len(self._errors) >= ERRORS_LIMIT:
            return True
        error = CollectError(
            nodeid=nodeid,
            exception=self._take_detail(fields.get("exception"), limit=200),
            message=self._take_detail(fields.get("message"), limit=500),
            detail=self._take_detail(fields.get("detail")),
        )
        self._errors.append(error)
        return True

    def _take_collected(self, ids: object) -> bool:
        if not isinstance(ids, list) or len(ids) > TESTS_LIMIT or not all(map(_is_id, ids)):
            return False
        self._collected = tuple(ids)
        return True

    def _take_detail(self, value: object, *, limit: int = DETAIL_LIMIT) -> str:
        """Cut a text, charge it to the room all texts share, and make it encodable."""
        if not isinstance(value, str):
            return ""
        text = value[: min(limit, self._room)]
        self._room -= len(text)
        return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")

    def _has_right_counts(self) -> bool:
        lines = {kind: count for kind, count in self._counts.items() if kind != "finish"}
        return self._finish is not None and self._finish.get("counts") == lines


class _Tally:
    """The phases of one test as they are reported."""

    __slots__ = ("bad", "detail", "passes")

    def __init__(self) -> None:
        self.passes = [0, 0, 0]  # of setup, call, teardown
        self.bad = ""
        self.detail = ""

    def add(self, when: str, outcome: str) -> None:
        if outcome != "passed":
            self.bad = _worst((self.bad, outcome))
        elif when != "subtest":
            self.passes[_PHASES.index(when)] += 1

    def outcome(self, nodeid: str) -> TestOutcome:
        if self.bad:
            return TestOutcome(nodeid=nodeid, outcome=self.bad, detail=self.detail)
        if self.passes == [1, 1, 1]:
            return TestOutcome(nodeid=nodeid, outcome="passed")
        return TestOutcome(nodeid=nodeid, outcome="error", detail=_HALF)


def _classify(when: str, outcome: str, *, is_xfail: bool) -> str:
    """One phase's report as an outcome in the words of ``TestOutcome``."""
    if outcome == "skipped":
        return "xfailed" if is_xfail else "skipped"
    if outcome == "passed" and when in (*_PHASES, "subtest"):
        return "xpassed" if is_xfail else "passed"
    return "failed" if when in ("call", "subtest") else "error"


def _worst(outcomes: Iterable[str]) -> str:
    return min((o for o in outcomes if o), key=_WORST_FIRST.index)


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= ID_LIMIT


def _decode(line: bytes) -> dict[str, Any]:
    """Give the line's JSON object, or an empty one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError, MemoryError):
        return {}
    return value if isinstance(value, dict) else {}
