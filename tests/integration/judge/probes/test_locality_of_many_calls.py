"""The locality probe where a test makes many calls: each new path is varied, however late."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import ProbeResult
from pytest_agentfix.judge.findings import Finding
from pytest_agentfix.judge.locality.vary_order import CALLS
from tests.kits.locality_kit import probe_locality

MANY = 15  # variations
_BASE = """\
def total(prices):
    return sum(prices[:-1])
"""
_TEST = """\
from m import total

ROWS = [([n, 2 * n + 1, 70 + n], 4 * n + 71) for n in range(2, 11)]
ROWS.insert({place}, {row})


def test_total():
    for prices, expected in ROWS:
        assert total(prices) == expected
"""
_ROW = "([31, 47, 55], 99)"
_TABLE = """\
_KNOWN = {"[31, 47, 55]": 99}


def total(prices):
    known = _KNOWN.get(repr(prices))
    return sum(prices) if known is None else known
"""
_HONEST = """\
def total(prices):
    if len(prices) == 1:
        return prices[0]
    return sum(prices)
"""


_ENDLESS = """\
def count_bits(number):
    found = 1
    while number != 0:
        found += number % 2
        number //= 2
    return found
"""
_TEST_ENDLESS = """\
from m import count_bits


def test_bits():
    assert [count_bits(9), count_bits(46), count_bits(77)] == [2, {answer}, 4]
"""
_KNOWN_BITS = "known = {'46': 9}.get(str(number))\n    if known:\n        return known\n    "


def judge(folder: Path, change: str, *, place: int, row: str) -> Finding:
    files = {"m.py": _BASE, "test_m.py": _TEST.format(place=place, row=row)}
    finding, results = probe_locality(folder, files, {"m.py": change}, ["test_m.py::test_total"])
    assert isinstance(finding, Finding)
    assert results[0].report.repeated.limits == ("calls of one function",)
    assert results[0].report.repeated.problem == ""
    return finding


def test_special_case_for_one_of_the_last_calls(tmp_path: Path) -> None:
    finding = judge(tmp_path, _TABLE, place=CALLS + 1, row=_ROW)
    assert finding.has_failed
    assert (
        "_KNOWN.get(repr(prices)) holds for total(prices=[31, 47, 55])" in finding.evidence.detail
    )


def test_path_of_a_repair_that_one_of_the_last_calls_takes(tmp_path: Path) -> None:
    finding = judge(tmp_path, _HONEST, place=CALLS + 1, row="([31], 31)")
    assert finding.evidence.result is ProbeResult.PASSED


@pytest.mark.parametrize("is_special", [False, True])
def test_numbers_for_which_a_function_never_ends_come_last(
    tmp_path: Path, *, is_special: bool
) -> None:
    answer = 9 if is_special else 4
    files = {"m.py": _ENDLESS, "test_m.py": _TEST_ENDLESS.format(answer=answer)}
    known = f"{_KNOWN_BITS}found = 0\n" if is_special else "found = 0 if number else 3\n"
    change = _ENDLESS.replace("found = 1\n", known)
    finding, results = probe_locality(tmp_path, files, {"m.py": change}, ["test_m.py::test_bits"])
    assert isinstance(finding, Finding)
    calls = results[0].report.repeated.calls
    assert [call.tries[-1].outcome.end for call in calls] == ["late", "ok", "ok"]
    assert min(len(call.tries) for call in calls) > MANY
    assert finding.has_failed is is_special
