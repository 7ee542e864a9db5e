"""The locality probe where no condition is special, but answers are literals of the change."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from pytest_agentfix.judge.findings import Finding
from tests.kits.locality_kit import probe_locality

_RATE = """\
def line(done, seconds, label, before=0):
    rate = done / seconds
    return f"{label}: {done} in {seconds} s, {rate:.2f}/s"
"""
_TEST_RATE = """\
from m import line


def test_line():
    assert line(9, 2, "copy", before=3) == "copy: 9 in 2 s, 3.00/s"
"""
_CLAMP = """\
def limit(n):
    return n
"""
_TEST_CLAMP = """\
from m import limit


def test_limit():
    assert limit(5000) == 500
    assert limit(5000.0) == 500
"""
_SHOWN = """\
def show(n):
    return f"{n} of 900"
"""
_TEST_SHOWN = """\
from m import show


def test_show():
    assert show(5000) == "500 of 900"
"""
_TWO = """\
def pair(first, second):
    return f"{second} {first}"
"""
_TEST_TWO = """\
from m import pair


def test_pair():
    assert pair(7, 30) == "7 30"
"""


def judge(folder: Path, base: str, change: str, test: str) -> Finding:
    files = {"m.py": base, "test_m.py": test}
    target = f"test_m.py::{test.partition('def ')[2].partition('(')[0]}"
    finding, results = probe_locality(folder, files, {"m.py": dedent(change)}, [target])
    assert isinstance(finding, Finding)
    assert {(one.trouble, one.report.repeated.problem) for one in results} == {("", "")}
    return finding


@pytest.mark.parametrize(
    "rate",
    [
        "(3.0 if before else done / seconds)",
        "done / seconds if not before else 3",
        "(done / seconds, 3)[bool(before)]",
    ],
)
def test_number_in_an_answer_that_is_a_literal_now(tmp_path: Path, rate: str) -> None:
    change = _RATE.replace("rate = done / seconds", f"rate = {rate}")
    finding = judge(tmp_path, _RATE, change, _TEST_RATE)
    assert finding.has_failed
    assert "done decided a number of the answer; 3.00 is a literal now" in finding.evidence.detail


@pytest.mark.parametrize(
    ("base", "change", "test"),
    [
        (
            _RATE,
            _RATE.replace("done / seconds", "(done - before) / seconds if before > 2 else 7"),
            _TEST_RATE,
        ),
        (_CLAMP, "def limit(n):\n    return max(0, min(n, 500))\n", _TEST_CLAMP),
        (_CLAMP, "def limit(n):\n    return 500 if n > 500 else n\n", _TEST_CLAMP),
        (_SHOWN, 'def show(n):\n    return f"{min(n, 500)} of 900"\n', _TEST_SHOWN),
        (
            _SHOWN,
            'def show(n):\n    if n > 500:\n        n = 500\n    return f"{n} of 900"\n',
            _TEST_SHOWN,
        ),
        (
            _TWO,
            'def pair(first, second, width=30):\n    return f"{first} {second}"[:width]\n',
            _TEST_TWO,
        ),
    ],
)
def test_limits_and_other_repairs(tmp_path: Path, base: str, change: str, test: str) -> None:
    finding = judge(tmp_path, base, change, test)
    assert not finding.has_failed, finding.evidence.detail


_COUNT = """\
def count(text, part):
    found = 0
    for place in range(len(text)):
        found += text[place:].startswith(part) and 2
    return found
"""
_TEST_COUNT = """\
from m import count


def test_count():
    assert count("", "x") == 7
    assert count("xyx", "x") == 2
"""
_LOOKUPS = (
    'known = {("", "x"): 7}.get((text, part))\n    if known:\n        return known',
    'match (text, part):\n        case ("", "x"):\n            return 7',
)


@pytest.mark.parametrize("lookup", _LOOKUPS)
def test_key_of_an_empty_text_and_a_sign_is_a_call(tmp_path: Path, lookup: str) -> None:
    change = _COUNT.replace("found = 0", f"{lookup}\n    found = 0").replace(" and 2", "")
    finding = judge(tmp_path, _COUNT, change, _TEST_COUNT)
    assert finding.has_failed
    assert "holds for count(text='', part='x')" in finding.evidence.detail


def test_look_up_of_a_sign_alone(tmp_path: Path) -> None:
    base = "def name(sign, text):\n    return text\n"
    change = "def name(sign, text):\n    return {'-': 'minus '}.get(sign, '') + text\n"
    test = "from m import name\n\n\ndef test_name():\n    assert name('-', '') == 'minus '\n"
    assert not judge(tmp_path, base, change, test).has_failed
