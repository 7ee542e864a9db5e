"""The locality probe with real sessions: special cases in many spellings, and honest repairs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_agentfix.judge.findings import Finding
from tests.kits.locality_cases import CASES, LocalityCase
from tests.kits.locality_kit import list_targets, probe_locality

# One of each kind; the others differ from these in their spelling.
_FIRST = frozenset(
    {
        "double-equal", "double-table", "double-disguised-sum", "double-helper", "module-table",
        "all-trivial-literals", "replaced-argument", "comparison-is-the-answer", "text-checksum",
        "inherited-method", "class-table", "coroutine", "generator", "closure", "decorator",
        "boundary", "keyword-in-a-chain", "first-keyword", "empty-input", "new-type", "memo",
        "check-digit", "registered-name", "digit-by-digit",
    }
)  # fmt: skip


def _mark(case: LocalityCase) -> object:
    marks = () if case.name in _FIRST else (pytest.mark.exhaustive,)
    kind = "honest" if case.is_honest else "special"
    return pytest.param(case, id=f"{kind}-{case.name}", marks=marks)


@pytest.mark.parametrize("case", [_mark(case) for case in CASES])
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
