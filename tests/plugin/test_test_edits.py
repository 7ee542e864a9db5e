"""Failures that only an edit of the tests can end are recognised where the test ran."""

from __future__ import annotations

import pytest

from tests.plugin.conftest import Runner

# As Syrupy explains a comparison in a test's ``assert``.
CONFTEST = """\
import pytest
from pytest_regressions import Regression

class Snapshot:
    def __init__(self, value):
        self.value = value
    def __eq__(self, other):
        return self.value == other

def pytest_assertrepr_compare(op, left, right):
    if isinstance(right, Snapshot):
        if right.value is None:
            return ["Snapshot 'test_a' does not exist!"]
        return ["[+ received] == [- snapshot]", f"- {right.value}", f"+ {left}"]

@pytest.fixture
def snapshot():
    return Snapshot(5)

@pytest.fixture
def no_snapshot():
    return Snapshot(None)

@pytest.fixture
def regression():
    return Regression()
"""
# As pytest-regressions fails: with ``pytest.fail`` for a new file, and by its own ``assert``.
REGRESSIONS = """\
import pytest

class Regression:
    def check(self, value):
        make = value() if callable(value) else value
        if make is None:
            pytest.fail("File not found in data directory, created:")
        raise AssertionError("FILES DIFFER:")
"""
TESTS = """\
import unittest
import pytest

@pytest.mark.xfail(strict=True, reason="bug 12")
def test_strict(): pass

class TestUnit(unittest.TestCase):
    @unittest.expectedFailure
    def test_unit(self): pass

def test_syrupy(snapshot): assert 4 == snapshot

def test_syrupy_new(no_snapshot): assert 4 == no_snapshot

def test_regression(regression): regression.check(4)

def test_regression_new(regression): regression.check(None)

@pytest.mark.xfail(strict=True, raises=KeyError)
def test_other_error(): raise ValueError

def test_plain(snapshot): assert 4 == 5

def boom(): raise OSError("of the code under test")
def test_inside(regression): regression.check(boom)

@pytest.mark.agent_fix
def test_marked(snapshot): assert 4 == snapshot

@pytest.mark.agent_fix
@pytest.mark.xfail(strict=True)
def test_strict_marked(): pass

@pytest.mark.agent_fix(allow_test_edits=True)
@pytest.mark.xfail(strict=True)
def test_edits_allowed(): pass
"""
SYRUPY = "it differs from its snapshot, or has none (syrupy): update it (pytest --snapshot-update)"
STRICT = "it passes and is marked xfail with strict=True: remove the mark"
EDITS = {
    "test_strict": STRICT,
    "TestUnit::test_unit": "it passes and is marked expectedFailure: remove the decorator",
    "test_syrupy": SYRUPY,
    "test_syrupy_new": SYRUPY,
    "test_regression": "it differs from its snapshot, or has none (pytest_regressions): update it "
    "(pytest --force-regen)",
    "test_regression_new": "it differs from its snapshot, or has none (pytest_regressions): update "
    "it (pytest --force-regen)",
    "test_other_error": "",
    "test_plain": "",
    "test_inside": "",
    "test_marked": "",
    "test_strict_marked": STRICT,
    "test_edits_allowed": "",
}


def test_items(both_runner: Runner) -> None:
    both_runner.pytester.makepyfile(
        conftest=CONFTEST, pytest_regressions=REGRESSIONS, test_it=TESTS
    )
    both_runner.run(is_subprocess=True)
    failures = both_runner.request.failures
    edits = {one.nodeid.partition("::")[2]: one.test_edit for one in failures}
    assert {name: edit.partition(", or mark")[0] for name, edit in edits.items()} == EDITS


@pytest.mark.parametrize(
    ("source", "edit"),
    [
        ("def broken(:", "correct the syntax of the test file itself, line 2: "),
        ("import product", ""),
        ("import nowhere", ""),
        ("@pytest.mark.unheard_of\ndef test_a(): pass", "pytest cannot use the test: 'unheard_of'"),
        (
            "@pytest.mark.parametrize('x', [1])\ndef test_a(): pass",
            "pytest cannot use the test: In test_it.py::test_a: function uses no argument 'x'",
        ),
    ],
)
def test_collectors(runner: Runner, source: str, edit: str) -> None:
    runner.pytester.makepyfile(test_it=f"import pytest\n{source}", product="def broken(:")
    runner.run("--strict-markers", is_subprocess=True)
    [failure] = runner.request.failures
    older = edit.replace("test_it.py::", "")  # pytest's words before 8.4
    assert failure.test_edit.startswith((edit, older))
    assert bool(failure.test_edit) is bool(edit)
