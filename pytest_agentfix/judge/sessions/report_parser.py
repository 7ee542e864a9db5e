"""Parse the bytes of a report into a ``RunReport`` (pure).

The report comes from a process that runs untrusted code. Whatever it holds, nothing here raises,
and memory stays within a small multiple of the limits below.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeGuard

from pytest_agentfix.core.model import Frame, TestOutcome, Want, WantKind
from pytest_agentfix.judge.in_sandbox.signed_report import ID_LIMIT, TAG_LENGTH
from pytest_agentfix.judge.locality.repeated_calls import (
    CALLS_LIMIT,
    NO_CALLS,
    RepeatedCall,
    read_call,
    read_summary,
)
from pytest_agentfix.judge.sessions.call_traces import TracedTest, read_traces
from pytest_agentfix.judge.sessions.run_report import CollectError, RunReport, Tally

OVERLONG: Final = b"overlong"  # in the place of a line that is not looked at; signed by nobody
LINE_LIMIT: Final = 32 * 1024 * 1024  # bytes: the line with all collected ids is a long one
TESTS_LIMIT: Final = 500_000  # distinct node ids recorded
DETAIL_LIMIT: Final = 25_000  # characters of one failure's text
ERRORS_LIMIT: Final = 300  # collection errors kept
DETAILS_LIMIT: Final = 16_000_000  # characters of all failures' texts together

PATHS_LIMIT: Final = 1_000  # entries of sys.path
PATH_LIMIT: Final = 4_096  # characters
NAME_LIMIT: Final = 200  # characters of a type's or a function's name
ENTERED_LIMIT: Final = 5_000  # tests, and functions that one of them enters
LINES_LIMIT: Final = 10_000_000  # of a source file

_TALLY: Final = b"agentfix-tally"
_PHASES: Final = ("setup", "call", "teardown")
_HALF: Final = "It was begun and never ended: set-up, call and tear-down pass once each."
_WANTS: Final = {kind.value: kind for kind in WantKind}
_WORST_FIRST: Final = ("error", "failed", "skipped", "xfailed", "xpassed")


def parse_report(data: bytes, *, key: str) -> RunReport:
    """Parse a report; a line not signed with ``key``, in order, makes it inconsistent.

    One that is beyond a limit does, too: then the report is cut.
    """
    lines = SignedLines(key)
    reader = _RecordReader()
    for line in _split(data):
        reader.is_cut |= line is OVERLONG
        reader.take(lines.verify(line))
    return reader.finish()


class SignedLines:
    """Checks the tags of ``signed_report.ReportWriter``: each covers its line and all before it.

    A line that somebody else wrote in between is recognised and skipped; once a line is missing, no
    later tag is right.
    """

    def __init__(self, key: str) -> None:
        self._chain = hmac.new(bytes.fromhex(key), digestmod=hashlib.sha256)

    def verify(self, line: bytes) -> bytes:
        """Return the line without its tag, ``b""`` if the tag is wrong."""
        tag, blank, text = line.partition(b" ")
        chain = self._chain.copy()
        chain.update(text + b"\n")
        if not blank or not hmac.compare_digest(chain.hexdigest()[:TAG_LENGTH].encode(), tag):
            return b""
        self._chain = chain
        return text


def read_lines(data: bytes, *, key: str) -> Iterator[dict[str, Any]]:
    """Yield the objects of a signed report; ``{}`` for each line that is none or is not signed."""
    lines = SignedLines(key)
    for line in _split(data):
        yield _decode(lines.verify(line))


def parse_tally(stdout: bytes, *, key: str) -> Tally | None:
    """Parse the second channel's line; ``None`` if it is missing or not signed with ``key``."""
    for line in reversed(stdout.splitlines()):
        mark, _, rest = line.partition(b" ")
        tag, _, text = rest.partition(b" ")
        if mark == _TALLY:
            digest = hmac.new(bytes.fromhex(key), text, hashlib.sha256).hexdigest().encode()
            fields = _decode(text) if hmac.compare_digest(digest, tag) else {}
            return _make_tally(fields)
    return None


def _make_tally(fields: dict[str, Any]) -> Tally | None:
    collected, failed, code = (fields.get(name) for name in ("collected", "failed", "exit"))
    if type(collected) is int and type(failed) is int and type(code) is int:
        return Tally(collected, failed, code)
    return None


def _split(data: bytes) -> Iterator[bytes]:
    """Split ``data`` into lines; an unfinished one is returned as ``b""``."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        if end < 0:
            yield b""
        elif end - start > LINE_LIMIT:
            yield OVERLONG
        else:
            yield data[start:end]
        start = len(data) if end < 0 else end + 1


class _RecordReader:
    """Takes lines one after another and keeps the parts that matter."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._tests: dict[str, _TallyReader] = {}
        self._errors: list[CollectError] = []
        self._collected: tuple[str, ...] = ()
        self._sys_path: tuple[str, ...] = ()
        self._covered: tuple[str, ...] = ()
        self._cover_problem = ""
        self._reaching: tuple[str, ...] = ()
        self._reaching_unknown_reason = ""
        self._traced: dict[str, TracedTest] = {}
        self._trace_problem = ""
        self._entered: dict[str, tuple[Frame, ...]] = {}
        self._varied: list[RepeatedCall] = []
        self._repeated = NO_CALLS
        self._finish: dict[str, Any] | None = None
        self._raised = ""
        self.is_cut = False
        self._is_sound = True
        self._is_last = False
        self._room = DETAILS_LIMIT
        self._failed = 0
        self._running: Counter[str] = Counter()  # the collected ids

    def take(self, line: bytes) -> None:
        self._is_last = False
        fields = _decode(line)
        kind = fields.pop("kind", None)
        if not isinstance(kind, str) or not self._dispatch(kind, fields):
            self._is_sound = False
            return
        self._counts[kind] = self._counts.get(kind, 0) + 1

    def finish(self) -> RunReport:
        code = None if self._finish is None else self._finish.get("exit")
        return RunReport(
            has_started="start" in self._counts,
            collected=self._collected,
            outcomes={
                nodeid: tally.outcome(nodeid, runs=self._running[nodeid])
                for nodeid, tally in self._tests.items()
            },
            collect_errors=tuple(self._errors),
            exit_code=code if type(code) is int else None,
            raised=self._raised,
            failed_reports=self._failed,
            sys_path=self._sys_path,
            covered=self._covered,
            cover_problem=self._cover_problem,
            reaching=self._reaching,
            reaching_unknown_reason=self._reaching_unknown_reason,
            traced=self._traced,
            trace_problem=self._trace_problem,
            entered=self._entered,
            repeated=self._repeated,
            exceptions={nodeid: tally.facts.exception for nodeid, tally in self._tests.items()},
            is_cut=self.is_cut,
            is_complete=self._is_last,
            is_consistent=self._is_sound and self._has_right_counts(),
        )

    def _dispatch(self, kind: str, fields: dict[str, Any]) -> bool:
        """Record one line; return whether it made sense."""
        takers = {
            "report": self._take_report,
            "collect_error": self._take_collect_error,
            "varied": self._take_varied,
        }
        if kind in takers:
            return takers[kind](fields)
        if kind in self._counts:  # the other kinds come once
            return False
        takers = {
            "collected": self._take_collected,
            "covered": self._take_covered,
            "traced": self._take_traced,
            "entered": self._take_entered,
            "variation": self._take_variation,
        }
        if kind in takers:
            return takers[kind](fields)
        if kind == "finish":
            self._finish = fields
            self._raised = self._take_detail(fields.get("raised"), limit=NAME_LIMIT)
            self._is_last = True
        return kind in ("start", "finish")

    def _take_report(self, fields: dict[str, Any]) -> bool:
        nodeid, when, outcome = fields.get("id"), fields.get("when"), fields.get("outcome")
        if not (_is_id(nodeid) and isinstance(when, str) and isinstance(outcome, str)):
            return False
        if nodeid not in self._running:  # it was not collected, or ran before it was
            return False
        tally = self._tests.setdefault(nodeid, _TallyReader())
        is_xfail = fields.get("wasxfail") is True
        self._failed += outcome == "failed" and not is_xfail
        tally.add(when, _classify(when, outcome, is_xfail=is_xfail))
        if not tally.detail:
            tally.detail = self._take_detail(fields.get("detail"))
        if not tally.facts.exception:
            tally.facts = self._take_facts(fields)
        return True

    def _take_collect_error(self, fields: dict[str, Any]) -> bool:
        nodeid = fields.get("id")
        if not _is_id(nodeid):
            return False
        if len(self._errors) >= ERRORS_LIMIT:
            return True
        facts = self._take_facts(fields)
        error = CollectError(
            nodeid=nodeid,
            exception=facts.exception,
            message=facts.message,
            detail=self._take_detail(fields.get("detail")),
            frame=facts.frame,
            want=facts.want,
        )
        self._errors.append(error)
        return True

    def _take_collected(self, fields: dict[str, Any]) -> bool:
        ids, sys_path = fields.get("ids"), fields.get("sys_path")
        self.is_cut |= isinstance(ids, list) and len(ids) > TESTS_LIMIT
        if not _is_ids(ids, TESTS_LIMIT) or not _is_ids(sys_path, PATHS_LIMIT):
            return False
        self._collected, self._sys_path = tuple(ids), tuple(sys_path)
        self._running = Counter(ids)
        return True

    def _take_covered(self, fields: dict[str, Any]) -> bool:
        ids, around = fields.get("ids"), fields.get("around")
        if not _is_ids(ids, TESTS_LIMIT) or not _is_ids(around, TESTS_LIMIT):
            return False
        self._covered, self._reaching = tuple(ids), tuple(around)
        self._cover_problem = self._take_detail(fields.get("problem"), limit=500)
        self._reaching_unknown_reason = self._take_detail(fields.get("gap"), limit=500)
        return True

    def _take_traced(self, fields: dict[str, Any]) -> bool:
        traced = read_traces(fields.get("tests"), partial(self._take_detail, limit=500))
        if traced is None:
            return False
        self._traced = traced
        self._trace_problem = self._take_detail(fields.get("problem"), limit=500)
        return True

    def _take_entered(self, fields: dict[str, Any]) -> bool:
        """Read what tests entered; a function that makes no sense is not known."""
        tests = fields.get("tests")
        if not isinstance(tests, dict) or len(tests) > ENTERED_LIMIT:
            return False
        for nodeid, rows in tests.items():
            if not _is_id(nodeid) or not isinstance(rows, list) or len(rows) > ENTERED_LIMIT:
                return False
            frames = map(self._take_frame, rows)
            self._entered[nodeid] = tuple(frame for frame in frames if frame is not None)
        return True

    def _take_varied(self, fields: dict[str, Any]) -> bool:
        call = read_call(fields)
        if call is not None and len(self._varied) < CALLS_LIMIT:
            self._varied.append(call)
        return call is not None

    def _take_variation(self, fields: dict[str, Any]) -> bool:
        repeated = read_summary(fields, tuple(self._varied))
        self._repeated = repeated or NO_CALLS
        return repeated is not None

    def _take_facts(self, fields: dict[str, Any]) -> _Facts:
        """Read the facts about a failure; what makes no sense is not known."""
        return _Facts(
            exception=self._take_detail(fields.get("exception"), limit=NAME_LIMIT),
            message=self._take_detail(fields.get("message"), limit=500),
            frame=self._take_frame(fields.get("frame")),
            want=self._take_want(fields.get("want")),
        )

    def _take_frame(self, value: object) -> Frame | None:
        if not isinstance(value, list) or list(map(type, value)) != [str, int, str]:
            return None
        path, line, function = value
        if not path.startswith("/") or not 0 <= line <= LINES_LIMIT:
            return None
        place = Path(self._take_detail(path, limit=PATH_LIMIT))
        return Frame(place, line, self._take_detail(function, limit=NAME_LIMIT))

    def _take_want(self, value: object) -> Want | None:
        if not isinstance(value, list) or list(map(type, value)) != [str, str]:
            return None
        kind, name = value
        if kind not in _WANTS:
            return None
        return Want(_WANTS[kind], self._take_detail(name, limit=500))

    def _take_detail(self, value: object, *, limit: int = DETAIL_LIMIT) -> str:
        """Cut a text, charge it to the limit all texts share, and make it encodable."""
        if not isinstance(value, str):
            return ""
        text = value[: min(limit, self._room)]
        self._room -= len(text)
        return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")

    def _has_right_counts(self) -> bool:
        lines = {kind: count for kind, count in self._counts.items() if kind != "finish"}
        return self._finish is not None and self._finish.get("counts") == lines


@dataclass(frozen=True, slots=True, kw_only=True)
class _Facts:
    """The facts about one failure; see ``TestOutcome``."""

    exception: str = ""
    message: str = ""
    frame: Frame | None = None
    want: Want | None = None


class _TallyReader:
    """The phases of one test as they are reported."""

    __slots__ = ("bad", "detail", "facts", "passes")

    def __init__(self) -> None:
        self.passes = [0, 0, 0]  # of setup, call, teardown
        self.bad = ""
        self.detail = ""
        self.facts = _Facts()

    def add(self, when: str, outcome: str) -> None:
        if outcome != "passed":
            self.bad = _worst((self.bad, outcome))
        elif when != "subtest":
            self.passes[_PHASES.index(when)] += 1

    def outcome(self, nodeid: str, *, runs: int) -> TestOutcome:
        """Return the outcome of a test that was collected ``runs`` times: some ids are shared."""
        if self.bad:
            facts = self.facts
            return TestOutcome(
                nodeid=nodeid,
                outcome=self.bad,
                detail=self.detail,
                exception=facts.exception,
                message=facts.message,
                frame=facts.frame,
                want=facts.want,
            )
        if self.passes == [runs] * len(_PHASES):
            return TestOutcome(nodeid=nodeid, outcome="passed")
        return TestOutcome(nodeid=nodeid, outcome="error", detail=_HALF)


def _classify(when: str, outcome: str, *, is_xfail: bool) -> str:
    """Return one phase's report as an outcome in the words of ``TestOutcome``."""
    if outcome == "skipped":
        return "xfailed" if is_xfail else "skipped"
    if outcome == "passed" and when in (*_PHASES, "subtest"):
        return "xpassed" if is_xfail else "passed"
    return "failed" if when in ("call", "subtest") else "error"


def _worst(outcomes: Iterable[str]) -> str:
    return min((o for o in outcomes if o), key=_WORST_FIRST.index)


def _is_id(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= ID_LIMIT


def _is_ids(value: object, limit: int) -> TypeGuard[list[str]]:
    return isinstance(value, list) and len(value) <= limit and all(map(_is_id, value))


def _decode(line: bytes) -> dict[str, Any]:
    """Return the line's JSON object, or an empty one."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError, MemoryError):
        return {}
    return value if isinstance(value, dict) else {}
