"""Parsing a report that may hold anything."""

from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.core.model import Frame, TestOutcome, Want, WantKind
from pytest_agentfix.core.ports import Completed
from pytest_agentfix.judge.sessions import report_parser
from pytest_agentfix.judge.sessions.call_traces import TracedCall, TracedTest
from pytest_agentfix.judge.sessions.report_parser import parse_report, parse_tally
from pytest_agentfix.judge.sessions.run_report import CollectError, RunReport, Tally, is_below
from pytest_agentfix.judge.sessions.session_result import SessionResult

KEY = "0a" * 32


def encode(*lines: object, key: str = KEY) -> bytes:
    """Sign lines one after the other; bytes among them are inserted as they are."""
    chain = hmac.new(bytes.fromhex(key), digestmod=hashlib.sha256)
    encoded = []
    for line in lines:
        if isinstance(line, bytes):
            encoded.append(line)
            continue
        text = json.dumps(line).encode() + b"\n"
        chain.update(text)
        encoded.append(chain.hexdigest()[:32].encode() + b" " + text)
    return b"".join(encoded)


def phase(nodeid: str, when: str, outcome: str = "passed", **more: object) -> dict[str, Any]:
    return {"kind": "report", "id": nodeid, "when": when, "outcome": outcome, **more}


def passing(nodeid: str) -> list[dict[str, Any]]:
    return [phase(nodeid, when) for when in ("setup", "call", "teardown")]


def list_lines(*reports: Mapping[str, Any], ids: list[str], code: Any = 0) -> list[Any]:
    """Return the lines of a whole session, with the right counts."""
    lines: list[Mapping[str, Any]] = [
        {"kind": "start"},
        {"kind": "collected", "ids": ids, "sys_path": ["/lib"]},
        *reports,
    ]
    counts: dict[str, int] = {}
    for line in lines:
        counts[str(line["kind"])] = counts.get(str(line["kind"]), 0) + 1
    return [*lines, {"kind": "finish", "exit": code, "counts": counts}]


def session(*reports: Mapping[str, Any], ids: list[str], code: Any = 0) -> bytes:
    return encode(*list_lines(*reports, ids=ids, code=code))


def parse(data: bytes) -> RunReport:
    return parse_report(data, key=KEY)


def outcome_of(*reports: dict[str, Any]) -> str:
    return parse(session(*reports, ids=["t"])).outcome_of("t").outcome


FACTS: dict[str, Any] = {
    "exception": "KeyError",
    "message": "'MODE'",
    "frame": ["/top/shop.py", 3, "load"],
    "want": ["variable", "MODE"],
}


def test_whole_report() -> None:
    expected = RunReport(
        has_started=True,
        collected=("a", "b"),
        outcomes={
            "a": TestOutcome(nodeid="a", outcome="passed"),
            "b": TestOutcome(
                nodeid="b",
                outcome="failed",
                detail="boo",
                exception="KeyError",
                message="'MODE'",
                frame=Frame(Path("/top/shop.py"), 3, "load"),
                want=Want(WantKind.VARIABLE, "MODE"),
            ),
        },
        exit_code=1,
        is_complete=True,
        is_consistent=True,
        failed_reports=1,
        exceptions={"a": "", "b": "KeyError"},
        sys_path=("/lib",),
    )
    failing = phase("b", "call", "failed", detail="boo", **FACTS)
    red = [phase("b", "setup"), failing, phase("b", "teardown")]
    assert expected == parse(session(*passing("a"), *red, ids=["a", "b"], code=1))
    assert expected.expected_exit == 1


def test_empty_report() -> None:
    assert RunReport() == parse(b"")
    assert RunReport().expected_exit == 5


@pytest.mark.parametrize(
    ("expected", "reports"),
    [
        ("passed", passing("t")),
        ("missing", []),
        ("error", [phase("t", "setup")]),
        ("error", [phase("t", "setup"), phase("t", "call")]),
        ("error", [phase("t", "call")]),
        ("error", [*passing("t"), phase("t", "call")]),
        ("error", [*passing("t"), *passing("t")]),
        ("failed", [phase("t", "setup"), phase("t", "call", "failed"), phase("t", "teardown")]),
        ("error", [phase("t", "setup", "failed"), phase("t", "teardown")]),
        ("error", [phase("t", "setup"), phase("t", "call"), phase("t", "teardown", "failed")]),
        ("error", [*passing("t"), phase("t", "teardown", "failed")]),
        ("skipped", [phase("t", "setup", "skipped"), phase("t", "teardown")]),
        ("skipped", [phase("t", "setup"), phase("t", "call", "skipped"), phase("t", "teardown")]),
        ("xfailed", [*passing("t"), phase("t", "call", "skipped", wasxfail=True)]),
        ("xpassed", [phase("t", "setup"), phase("t", "call", wasxfail=True)]),
        ("failed", [*passing("t"), phase("t", "call", "failed", wasxfail=True)]),
        ("failed", [phase("t", "setup"), phase("t", "call", "rerun"), *passing("t")]),
        ("error", [*passing("t"), phase("t", "???")]),
        ("failed", [*passing("t"), phase("t", "subtest", "failed")]),
        ("skipped", [*passing("t"), phase("t", "subtest", "skipped")]),
        ("passed", [*passing("t"), phase("t", "subtest"), phase("t", "subtest")]),
    ],
)
def test_outcome_over_all_phases(expected: str, reports: list[dict[str, Any]]) -> None:
    assert expected == outcome_of(*reports)


@pytest.mark.parametrize(
    "odd",
    [
        {"frame": ["shop.py", 3, "load"]},
        {"frame": ["/top/shop.py", True, "load"]},
        {"frame": ["/top/shop.py", -1, "load"]},
        {"frame": ["/top/shop.py", 10**100, "load"]},
        {"frame": ["/top/shop.py", 3]},
        {"frame": {"path": 1}},
        {"want": ["wish", "MODE"]},
        {"want": [["file"], "MODE"]},
        {"want": "file"},
        {"want": None},
    ],
    ids=repr,
)
def test_facts_that_make_no_sense_are_not_known(odd: dict[str, Any]) -> None:
    report = parse(session(phase("t", "call", "failed", **{**FACTS, **odd}), ids=["t"], code=1))
    outcome = report.outcome_of("t")
    assert getattr(outcome, *odd) is None
    assert (outcome.exception, report.is_consistent) == ("KeyError", True)


def test_texts_of_facts_are_limited() -> None:
    long = "\ud800" + "x" * 10_000
    facts = {
        "exception": long,
        "message": long,
        "frame": [f"/{long}", 3, long],
        "want": ["file", long],
    }
    report = parse(session(phase("t", "call", "failed", **facts), ids=["t"], code=1))
    outcome = report.outcome_of("t")
    assert outcome.frame is not None
    assert outcome.want is not None
    texts = (outcome.exception, outcome.message, str(outcome.frame.path), outcome.want.name)
    assert [len(text) for text in texts] == [205, 505, 4101, 505]
    assert outcome.frame.function.startswith("\\ud800xx")


def test_missing_test_is_explained_by_the_error_above_it() -> None:
    error = {
        "kind": "collect_error",
        "id": "a/t.py",
        "exception": "ModuleNotFoundError",
        "message": "No module named 'x'",
        "detail": "long text",
    }
    report = parse(session(error, *passing("b.py::t"), ids=["b.py::t"], code=1))
    expected = CollectError(
        nodeid="a/t.py",
        exception="ModuleNotFoundError",
        message="No module named 'x'",
        detail="long text",
    )
    assert (expected,) == report.collect_errors == report.errors_in("a")
    hidden = TestOutcome(
        nodeid="a/t.py::u",
        outcome="missing",
        detail="long text",
        exception="ModuleNotFoundError",
        message="No module named 'x'",
    )
    assert hidden == report.outcome_of("a/t.py::u")
    assert report.error_above("a/t.pyx::u") is None
    assert expected.summary == "ModuleNotFoundError: No module named 'x'"
    assert report.is_consistent


def test_items_below_a_collector() -> None:
    report = parse(session(*passing("a/t.py::x"), ids=["a/t.py::x", "a/t.py::y", "b.py::z"]))
    assert [(item.nodeid, item.outcome) for item in report.items_below("a/t.py")] == [
        ("a/t.py::x", "passed"),
        ("a/t.py::y", "missing"),
    ]


@pytest.mark.parametrize(
    ("expected", "nodeid", "collector"),
    [
        (True, "a/t.py::x", "a/t.py"),
        (True, "a/t.py::x", "a"),
        (True, "a/t.py::K::x", "a/t.py::K"),
        (True, "a/t.py", "a/t.py"),
        (True, "a/t.py::x", ""),
        (True, "a/t.py::x", "."),
        (False, "a/t.py::x", "a/t"),
        (False, "ab/t.py::x", "a"),
        (False, "a/t.py", "a/t.py::x"),
    ],
)
def test_is_below(expected: bool, nodeid: str, collector: str) -> None:  # noqa: FBT001
    assert expected is is_below(nodeid, collector)


CALL = [1, False, "0a", "f", 2]
TRACED = {"calls": [CALL], "entered": True, "outside": False, "gap": ""}
BAD_TRACES: list[object] = [
    None,
    [],
    {**TRACED, "more": 1},
    {"calls": [CALL]},
    {**TRACED, "entered": 1},
    {**TRACED, "outside": None},
    {**TRACED, "gap": None},
    {**TRACED, "calls": {}},
    {**TRACED, "calls": [CALL] * 1_001},
    *(
        {**TRACED, "calls": [call]}
        for call in (
            None,
            CALL[:-1],
            [True, *CALL[1:]],
            [0, *CALL[1:]],
            [10**9, *CALL[1:]],
            [1, 0, *CALL[2:]],
            [1, False, "0A", "f", 2],
            [1, False, "0" * 17, "f", 2],
            [1, False, "0a", "", 2],
            [*CALL[:-1], 0],
            [*CALL[:-1], 10**9],
            [*CALL[:-1], "2"],
        )
    ),
]


def test_recorded_calls_are_read() -> None:
    gap = {**TRACED, "gap": "it\0" + "x" * 1_000}
    line = {"kind": "traced", "tests": {"t": TRACED, "u": gap}, "problem": "broken"}
    report = parse(session(*passing("t"), line, ids=["t"]))
    assert report.is_consistent
    assert report.traced["t"] == TracedTest(
        calls={TracedCall(1, is_nested=False, end="0a", path="f"): 2}, has_entered=True
    )
    assert report.traced["u"].gap == "it\\x00" + "x" * 497
    assert report.trace_problem == "broken"


def test_entered_functions_are_read() -> None:
    """A function whose place makes no sense is left out, as it is only for a guess."""
    rows = [["/top/calc.py", 3, "add"], ["calc.py", 3, "add"], ["/top/calc.py", "3", "add"], 7]
    line = {"kind": "entered", "tests": {"t": rows}}
    report = parse(session(*passing("t"), line, ids=["t"]))
    assert report.is_consistent
    assert report.entered == {"t": (Frame(Path("/top/calc.py"), 3, "add"),)}


LINES = list_lines(*passing("t"), ids=["t"])
GOOD = encode(*LINES)


@pytest.mark.parametrize(
    "extra",
    [
        b"\xff\xfe\n",
        b"\0\n",
        b"[]\n",
        b"null\n",
        b"7\n",
        b"{}\n",
        b"\n",
        b"[" * 200_000 + b"\n",
        b'{"a":' * 200_000 + b"\n",
        b'{"exit": ' + b"9" * 10_000 + b"}\n",
        {"kind": "report", "id": "t"},
        {"kind": "report", "id": 3, "when": "call", "outcome": "passed"},
        {"kind": "report", "id": "x" * 20_000, "when": "call", "outcome": "passed"},
        {"kind": "report", "id": "nobody collected it", "when": "call", "outcome": "passed"},
        {"kind": ["report"]},
        {"kind": "surprise"},
        {"kind": "start"},
        {"kind": "collected", "ids": ["u"], "sys_path": []},
        {"kind": "collected", "ids": "u", "sys_path": []},
        {"kind": "covered", "ids": [1], "around": []},
        {"kind": "covered", "ids": [], "around": "t"},
        {"kind": "entered", "tests": []},
        {"kind": "entered", "tests": {"x" * 20_000: []}},
        {"kind": "entered", "tests": {"t": {}}},
        {"kind": "entered", "tests": {"t": [[]] * 5_001}},
        {"kind": "entered", "tests": {str(number): [] for number in range(5_001)}},
        {"kind": "traced", "tests": []},
        {"kind": "traced", "tests": {"x" * 20_000: TRACED}},
        {"kind": "traced", "tests": {str(number): TRACED for number in range(1_001)}},
        *({"kind": "traced", "tests": {"t": one}} for one in BAD_TRACES),
        {"kind": "finish", "exit": 0, "counts": {}},
        {"kind": "collect_error"},
        ["kind"],
        encode(phase("t", "call"), key="0b" * 32),
        encode(phase("t", "call")),
        GOOD.splitlines(keepends=True)[2],
        b"no newline at the end",
    ],
    ids=itertools.count(),
)
def test_nonsense_makes_a_report_inconsistent(extra: object) -> None:
    assert parse(GOOD).is_consistent
    after = parse(encode(*LINES, extra))
    assert (after.is_consistent, after.is_complete) == (False, False)
    if extra != b"no newline at the end":
        assert not parse(encode(LINES[0], extra, *LINES[1:])).is_consistent


@pytest.mark.parametrize("number", range(len(LINES)))
def test_a_line_that_was_taken_away_is_missed(number: int) -> None:
    lines = GOOD.splitlines(keepends=True)
    assert not parse(b"".join(lines[:number] + lines[number + 1 :])).is_consistent


def test_lines_that_changed_places_are_noticed() -> None:
    lines = GOOD.splitlines(keepends=True)
    lines[2], lines[3] = lines[3], lines[2]
    assert not parse(b"".join(lines)).is_consistent


def test_forged_lines_do_not_count() -> None:
    forged = encode(*passing("t"), key="0b" * 32)
    report = parse(encode({"kind": "start"}, LINES[1], forged))
    assert report.outcome_of("t").outcome == "missing"
    assert not report.is_consistent


def test_right_lines_after_a_forged_one_are_read() -> None:
    report = parse(encode(*LINES[:2], b"forged\n", *LINES[2:]))
    assert report.outcome_of("t").outcome == "passed"
    assert (report.is_complete, report.is_consistent) == (True, False)


def test_cut_report_is_not_complete() -> None:
    for end in range(0, len(GOOD) - 1, 7):
        report = parse(GOOD[:end])
        assert not report.is_complete
        assert not report.is_consistent


def test_wrong_counts_are_inconsistent() -> None:
    data = encode(*LINES[:-1], {**LINES[-1], "counts": {"start": 1, "report": 2}})
    assert (parse(data).is_complete, parse(data).is_consistent) == (True, False)


def test_exit_status_has_to_be_a_number() -> None:
    assert parse(session(*passing("t"), ids=["t"], code=True)).exit_code is None
    assert parse(session(*passing("t"), ids=["t"], code="0")).exit_code is None


def test_details_are_cut_and_can_be_encoded() -> None:
    bad = phase("t", "call", "failed", detail="\ud800\0" + "x" * 100_000)
    detail = parse(session(bad, ids=["t"], code=1)).outcome_of("t").detail
    assert detail.startswith("\\ud800\\x00xxx")
    assert len(detail.encode()) < report_parser.DETAIL_LIMIT + 100


def test_details_share_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_parser, "DETAILS_LIMIT", 150)
    reds = [phase(f"t{n}", "call", "failed", detail="x" * 100) for n in range(3)]
    report = parse(session(*reds, ids=["t0", "t1", "t2"], code=1))
    assert [len(report.outcome_of(f"t{n}").detail) for n in range(3)] == [100, 50, 0]


def test_number_of_tests_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_parser, "TESTS_LIMIT", 2)
    report = parse(session(ids=["t0", "t1", "t2"]))
    assert (report.is_consistent, report.is_cut) == (False, True)


def test_number_of_collection_errors_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_parser, "ERRORS_LIMIT", 2)
    errors = [{"kind": "collect_error", "id": f"{n}.py"} for n in range(5)]
    report = parse(session(*errors, ids=[], code=1))
    assert (len(report.collect_errors), report.is_consistent) == (2, True)


def test_overlong_lines_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_parser, "LINE_LIMIT", 300)
    long = phase("u", "call", "failed", detail="x" * 1000)
    report = parse(session(*passing("t"), long, ids=["t"]))
    assert (list(report.outcomes), report.is_consistent) == (["t"], False)
    assert report.is_cut


def test_a_suite_that_is_too_large_has_forged_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in such a session counts, and nobody is accused of it."""
    completed = Completed(code=0, stdout=b"", stderr=b"")
    data = session(*passing("t"), phase("u", "call"), ids=["t"])
    forged = SessionResult(completed=completed, report=parse(data), limit=1.0)
    assert (forged.is_forged, forged.trouble) == (True, "the report does not add up")
    monkeypatch.setattr(report_parser, "TESTS_LIMIT", 0)
    large = SessionResult(completed=completed, report=parse(data), limit=1.0)
    assert (large.is_forged, large.trouble) == (False, "reported more than anybody can read")


def test_many_lines() -> None:
    report = parse(encode(*LINES[:2], *[phase("t", "call")] * 100_000))
    assert report.outcome_of("t").outcome == "error"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
fields = st.fixed_dictionaries(
    {},
    optional={
        "kind": st.sampled_from(
            ["start", "collected", "collect_error", "report", "covered", "traced", "finish"]
        ),
        "id": json_values,
        "ids": st.lists(st.text(max_size=5)) | json_values,
        "when": st.sampled_from(["setup", "call", "teardown", "subtest", "", 1]),
        "outcome": st.sampled_from(["passed", "failed", "skipped", "rerun", "", 1]),
        "wasxfail": json_values,
        "detail": json_values,
        "exception": json_values,
        "message": json_values,
        "frame": st.tuples(json_values, json_values, json_values) | json_values,
        "want": st.tuples(st.sampled_from(["file", ""]), json_values) | json_values,
        "exit": json_values,
        "counts": json_values,
        "sys_path": st.lists(st.text(max_size=5)) | json_values,
        "problem": json_values,
        "around": st.lists(st.text(max_size=5)) | json_values,
        "gap": json_values,
        "tests": st.dictionaries(st.text(max_size=5), st.just(TRACED) | json_values) | json_values,
    },
)
signed: st.SearchStrategy[object] = fields
raw = st.binary(max_size=50).map(lambda text: text + b"\n")


@settings(deadline=None)
@given(st.lists(signed | raw, max_size=20))
def test_any_lines_are_read(chosen: list[object]) -> None:
    report = parse(encode(*chosen))
    for nodeid in report.outcomes:
        report.outcome_of(nodeid)
    report.items_below("")
    assert report.expected_exit in (0, 1, 5)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read(data: bytes) -> None:
    assert not parse(data).outcomes


@settings(deadline=None)
@given(st.lists(raw, max_size=5, min_size=1), st.integers(0, 6))
def test_nothing_foreign_goes_unnoticed(foreign: list[bytes], place: int) -> None:
    report = parse(encode(*LINES[:place], *foreign, *LINES[place:]))
    assert not report.is_consistent or not report.is_complete


def tally(key: str = KEY, **numbers: object) -> bytes:
    text = json.dumps({"collected": 1, "failed": 0, "exit": 0, **numbers}).encode()
    tag = hmac.new(bytes.fromhex(key), text, hashlib.sha256).hexdigest().encode()
    return b"agentfix-tally " + tag + b" " + text + b"\n"


def test_tally_is_found_behind_whatever_was_printed() -> None:
    noise = b"agentfix-tally\nagentfix-tally nonsense {}\n.....\n"
    assert Tally(1, 0, 0) == parse_tally(noise + tally() + b"1 passed\n", key=KEY)


@pytest.mark.parametrize(
    "stdout",
    [
        b"",
        tally(key="0b" * 32),
        tally(collected="1"),
        tally(failed=None),
        tally(exit=True),
        tally().replace(b'"failed": 0', b'"failed": 1'),
        tally() + b"agentfix-tally nonsense {}\n",
    ],
)
def test_no_tally_is_taken_from_nonsense(stdout: bytes) -> None:
    assert parse_tally(stdout, key=KEY) is None


@settings(deadline=None)
@given(st.binary())
def test_any_output_is_searched(data: bytes) -> None:
    assert parse_tally(data, key=KEY) is None
