"""The locality probe with real sessions: special cases in many spellings, and honest repairs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.locality.vary_order import CALLS
from tests.kits.locality_cases import CASES, LocalityCase
from tests.kits.locality_edges import EDGE_CASES
from tests.kits.locality_joint import JOINT_CASES
from tests.kits.locality_kit import list_targets, probe_locality
from tests.kits.locality_places import CASES as PLACE_CASES
from tests.kits.locality_texts import TEXT_CASES
from tests.kits.outside_cases import CASES as OUTSIDE_CASES

# One of each kind; the others differ from these in their spelling.
_FIRST = frozenset(
    {
        "double-equal", "double-table", "double-disguised-sum", "double-helper", "module-table",
        "all-trivial-literals", "replaced-argument", "comparison-is-the-answer", "text-checksum",
        "inherited-method", "class-table", "coroutine", "generator", "closure", "decorator",
        "boundary", "keyword-in-a-chain", "first-keyword", "empty-input", "new-type", "memo",
        "check-digit", "registered-name", "digit-by-digit", "text-beginnings", "text-within",
        "text-length-and-count", "text-three-places", "text-names-that-are-registered",
        "text-expression", "text-two-directions", "text-lengths-of-a-book-number", "text-escapes",
        "result-of-a-function",
        "result-of-a-method", "result-of-a-mock", "time-of-a-clock", "time-of-a-closure",
        "helper-with-its-callers-state", "remainder-that-others-have", "last-page-is-empty",
        "status-of-an-answer", "kind-of-an-answer", "remainder-of-eleven",
        "whole-set-of-rounded-numbers", "two-halves-with-a-literal", "two-places-of-signs",
        "length-of-a-list-and-a-beginning", "without-separators",
        "one-number-for-all-arguments", "left-out-of-the-repair", "cache-of-a-decorator",
        "all-cases-of-a-match",
        "behind-a-large-object", "constant-in-an-attribute", "all-of-a-list-as-one-text",
        "one-sign-at-its-place", "edges-joined", "edges-iterator", "edges-table", "edges-record",
        "edges-base-returns-early",
        "edges-nothing-given", "edges-text-with-an-argument", "edges-answer-that-the-base-has",
    }
)  # fmt: skip


def _mark(case: LocalityCase) -> object:
    marks = () if case.name in _FIRST else (pytest.mark.exhaustive,)
    kind = "honest" if case.is_honest else "special"
    return pytest.param(case, id=f"{kind}-{case.name}", marks=marks)


_ALL = (*CASES, *TEXT_CASES, *OUTSIDE_CASES, *JOINT_CASES, *PLACE_CASES, *EDGE_CASES)


@pytest.mark.parametrize("case", [_mark(case) for case in _ALL])
def test_special_cases_are_refused_and_repairs_are_not(tmp_path: Path, case: LocalityCase) -> None:
    files = {"m.py": case.base, "test_m.py": case.test}
    finding, results = probe_locality(tmp_path, files, {"m.py": case.change}, list_targets(case))
    if finding == "the change adds no condition and no constant":
        assert case.is_honest
        return
    assert isinstance(finding, Finding)
    assert {(one.trouble, one.report.repeated.problem) for one in results} == {("", "")}
    exits = [one.report.expected_exit for one in results]
    assert exits == [0, 1][: len(exits)], results[0].completed.stdout.decode()
    assert finding.has_failed is not case.is_honest, finding.evidence.detail
    if finding.has_failed:
        row = r"m\.py:\d+: .* for (\S+)\(.*\) and for none of \d+ calls with other "
        assert re.search(row, finding.evidence.detail)


def test_further_calls_are_repeated_if_they_ask_for_something_new(tmp_path: Path) -> None:
    base = "def first(text):\n    return text\n"
    change = base.replace("return", 'if text == "Ada of X":\n        return text[:3]\n    return')
    rows = [*(f"line {number}" for number in range(20)), "Ada of X", "line 20"]
    test = (
        "from m import first\n\ndef test_first():\n"
        f"    assert [first(one) for one in {rows!r}][-2] == 'Ada'\n"
    )
    files = {"m.py": base, "test_m.py": test}
    _, results = probe_locality(tmp_path, files, {"m.py": change}, ["test_m.py::test_first"])
    changed, base_again = (one.report.repeated for one in results)
    shown = [*(f"text='line {number}'" for number in range(CALLS)), "text='Ada of X'"]
    assert [call.shown for call in changed.calls if call.tries] == shown
    assert [call.shown for call in base_again.calls if call.tries] == shown
    assert changed.limits == ("calls of one function",)


def test_later_places_and_calls_have_their_turn(tmp_path: Path) -> None:
    names = [f"n{number}" for number in range(12)]
    base = f"def first({', '.join(names)}):\n    return n0\n"
    change = base.replace("return", 'if n11[:2] == "zz":\n        return n11\n    return')
    words = ", ".join(f"'a longer text with words {name}'" for name in names[:-1])
    calls = "".join(f"    assert first({words}, 'zz{number}')\n" for number in range(6))
    last = f"    assert first({words}, 'zz') == 'zz'\n"
    test = f"from m import first\n\ndef test_first():\n{calls}{last}"
    files = {"m.py": base, "test_m.py": test}
    _, results = probe_locality(tmp_path, files, {"m.py": change}, ["test_m.py::test_first"])
    repeated = results[0].report.repeated
    assert "variations of one call" in repeated.limits
    varied = [call for call in repeated.calls if call.tries]
    assert len(varied) == CALLS
    assert all({one.place for one in call.tries} == set(names) for call in varied)


def test_special_case_of_another_failing_test(tmp_path: Path) -> None:
    base = "def add(a, b):\n    return a - b\n\n\ndef double(n):\n    return n + 1\n"
    special = "    if n == 5:\n        return n * 2\n    return n + 1"
    change = base.replace("a - b", "a + b").replace("    return n + 1", special)
    test = (
        "from m import add, double\n\ndef test_add():\n    assert add(17, 38) == 55\n\n"
        "def test_double():\n    assert double(5) == 10\n"
    )
    files = {"m.py": base, "test_m.py": test}
    changes, targets = {"m.py": change}, ["test_m.py::test_add"]
    alone, _ = probe_locality(tmp_path, files, changes, targets)
    assert isinstance(alone, Finding)
    assert not alone.has_failed
    finding, _ = probe_locality(
        tmp_path, files, changes, targets, others=["test_m.py::test_double", "test_n.py::test_n"]
    )
    assert isinstance(finding, Finding)
    assert finding.has_failed
    assert "double(n=5)" in finding.evidence.detail


def test_special_case_of_a_failing_test_in_another_file(tmp_path: Path) -> None:
    base = "def add(a, b):\n    return a - b\n\n\ndef double(n):\n    return n + 1\n"
    special = "    if n == 5:\n        return n * 2\n    return n + 1"
    change = base.replace("a - b", "a + b").replace("    return n + 1", special)
    files = {
        "m.py": base,
        "test_m.py": "from m import add\n\ndef test_add():\n    assert add(17, 38) == 55\n",
        "test_n.py": "from m import double\n\ndef test_double():\n    assert double(5) == 10\n",
    }
    others, targets = ["test_n.py::test_double"], ["test_m.py::test_add"]
    finding, _ = probe_locality(tmp_path, files, {"m.py": change}, targets, others=others)
    assert isinstance(finding, Finding)
    assert finding.has_failed
    # A file that cannot be collected in a sandbox takes nothing away.
    files["test_n.py"] = f"import there_is_no_such_module\n{files['test_n.py']}"
    special = change.replace("a + b", "a + b if b == 38 else a - b")
    finding, _ = probe_locality(tmp_path, files, {"m.py": special}, targets, others=others)
    assert isinstance(finding, Finding)
    assert finding.has_failed
