"""What the host makes of a report that may hold anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_agentfix.judge import parsing
from pytest_agentfix.judge.parsing import parse_report
from pytest_agentfix.judge.results import CollectError, RunReport, is_below
from pytest_agentfix.model import TestOutcome

NONCE = "n0"


def encode(*lines: object, nonce: str = NONCE) -> bytes:
    return b"".join(
        json.dumps({"nonce": nonce, **line} if isinstance(line, dict) else line).encode() + b"\n"
        for line in lines
    )


def phase(nodeid: str, when: str, outcome: str = "passed", **more: object) -> dict[str, Any]:
    return {"kind": "report", "id": nodeid, "when": when, "outcome": outcome, **more}


def passing(nodeid: str) -> list[dict[str, Any]]:
    return [phase(nodeid, when) for when in ("setup", "call", "teardown")]


def session(*reports: Mapping[str, Any], ids: list[str], code: int = 0) -> bytes:
    lines: list[Mapping[str, Any]] = [
        {"kind": "start"},
        {"kind": "collected", "ids": ids},
        *reports,
    ]
    counts: dict[str, int] = {}
    for line in lines:
        counts[str(line["kind"])] = counts.get(str(line["kind"]), 0) + 1
    return encode(*lines, {"kind": "finish", "exit": code, "counts": counts})


def parse(data: bytes) -> RunReport:
    return parse_report(data, nonce=NONCE)


def outcome_of(*reports: dict[str, Any]) -> str:
    return parse(session(*reports, ids=["t"])).outcome_of("t").outcome


def test_whole_report() -> None:
    expected = RunReport(
        has_started=True,
        collected=("a", "b"),
        outcomes={
            "a": TestOutcome(nodeid="a", outcome="passed"),
            "b": TestOutcome(nodeid="b", outcome="failed", detail="boo"),
        },
        exit_code=1,
        is_complete=True,
        is_consistent=True,
    )
    red = [phase("b", "setup"), phase("b", "call", "failed", detail="boo"), phase("b", "teardown")]
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
    assert TestOutcome(nodeid="a/t.py::u", outcome="missing", detail="long text") == (
        report.outcome_of("a/t.py::u")
    )
    assert report.error_above("a/t.pyx::u") is None
    assert expected.summary == "No module named 'x'"
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


GOOD = session(*passing("t"), ids=["t"])


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
        encode({"kind": "report", "id": "t"}),
        encode({"kind": "report", "id": 3, "when": "call", "outcome": "passed"}),
        encode({"kind": "report", "id": "x" * 20_000, "when": "call", "outcome": "passed"}),
        encode({"kind": ["report"]}),
        encode({"kind": "surprise"}),
        encode({"kind": "start"}),
        encode({"kind": "collected", "ids": ["u"]}),
        encode({"kind": "collected", "ids": "u"}),
        encode({"kind": "finish", "exit": 0, "counts": {}}),
        encode({"kind": "collect_error"}),
        encode(phase("t", "call"), nonce="forged"),
        b"no newline at the end",
        encode(*passing("t"))[:-1],
    ],
    ids=range(23),
)
def test_nonsense_makes_a_report_inconsistent(extra: bytes) -> None:
    first = GOOD.index(b"\n") + 1
    assert parse(GOOD).is_consistent
    after = parse(GOOD + extra)
    assert (after.is_consistent, after.is_complete) == (False, False)
    assert not parse(GOOD[:first] + extra + GOOD[first:]).is_consistent


def test_forged_lines_do_not_count() -> None:
    forged = encode(*passing("t"), nonce="forged")
    report = parse(encode({"kind": "start"}) + forged)
    assert report.outcome_of("t").outcome == "missing"
    assert not report.is_consistent


def test_cut_report_is_not_complete() -> None:
    for end in range(0, len(GOOD) - 1, 7):
        report = parse(GOOD[:end])
        assert not report.is_complete
        assert not report.is_consistent


def test_wrong_counts_are_inconsistent() -> None:
    data = GOOD.replace(b'"report": 3', b'"report": 2')
    assert (parse(data).is_complete, parse(data).is_consistent) == (True, False)


def test_exit_status_has_to_be_a_number() -> None:
    assert parse(GOOD.replace(b'"exit": 0', b'"exit": true')).exit_code is None
    assert parse(GOOD.replace(b'"exit": 0', b'"exit": "0"')).exit_code is None


def test_details_are_cut_and_can_be_encoded() -> None:
    bad = phase("t", "call", "failed", detail="\ud800\0" + "x" * 100_000)
    detail = parse(session(bad, ids=["t"], code=1)).outcome_of("t").detail
    assert detail.startswith("\\ud800\\x00xxx")
    assert len(detail.encode()) < parsing.DETAIL_LIMIT + 100


def test_details_share_their_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "DETAILS_LIMIT", 150)
    reds = [phase(f"t{n}", "call", "failed", detail="x" * 100) for n in range(3)]
    report = parse(session(*reds, ids=["t0", "t1", "t2"], code=1))
    assert [len(report.outcome_of(f"t{n}").detail) for n in range(3)] == [100, 50, 0]


def test_number_of_tests_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "TESTS_LIMIT", 2)
    report = parse(session(*(phase(f"t{n}", "call") for n in range(5)), ids=["t0"]))
    assert (len(report.outcomes), report.is_consistent) == (2, False)
    assert not parse(session(ids=["t0", "t1", "t2"])).is_consistent


def test_number_of_collection_errors_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "ERRORS_LIMIT", 2)
    errors = [{"kind": "collect_error", "id": f"{n}.py"} for n in range(5)]
    report = parse(session(*errors, ids=[], code=1))
    assert (len(report.collect_errors), report.is_consistent) == (2, True)


def test_overlong_lines_are_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "LINE_LIMIT", 300)
    long = phase("u", "call", "failed", detail="x" * 1000)
    report = parse(session(*passing("t"), long, ids=["t"]))
    assert (list(report.outcomes), report.is_consistent) == (["t"], False)


def test_many_lines() -> None:
    lines = encode(phase("t", "call")) * 100_000
    report = parse(encode({"kind": "start"}) + lines)
    assert report.outcome_of("t").outcome == "error"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
fields = st.fixed_dictionaries(
    {"nonce": st.sampled_from([NONCE, "", 1])},
    optional={
        "kind": st.sampled_from(["start", "collected", "collect_error", "report", "finish", "x"]),
        "id": json_values,
        "ids": st.lists(st.text(max_size=5)) | json_values,
        "when": st.sampled_from(["setup", "call", "teardown", "subtest", "", 1]),
        "outcome": st.sampled_from(["passed", "failed", "skipped", "rerun", "", 1]),
        "wasxfail": json_values,
        "detail": json_values,
        "exit": json_values,
        "counts": json_values,
    },
)
lines = fields.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=50)


@settings(deadline=None)
@given(st.lists(lines, max_size=20))
def test_any_lines_are_read(chosen: list[bytes]) -> None:
    report = parse(b"\n".join(chosen))
    for nodeid in report.outcomes:
        report.outcome_of(nodeid)
    report.items_below("")
    assert report.expected_exit in (0, 1, 5)


@settings(deadline=None)
@given(st.binary())
def test_any_bytes_are_read(data: bytes) -> None:
    assert not parse(data).outcomes


@settings(deadline=None)
@given(st.lists(lines, max_size=5), st.integers(0, 6))
def test_nothing_foreign_goes_unnoticed(foreign: list[bytes], place: int) -> None:
    good = GOOD.splitlines(keepends=True)
    for line in foreign:
        good.insert(min(place, len(good)), line + b"\n")
    report = parse(b"".join(good))
    assert not foreign or not report.is_consistent or not report.is_complete
