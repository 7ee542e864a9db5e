"""Failures that only an edit of the tests can end: told at once, and no model is asked."""

from __future__ import annotations

from tests.kits.loop_kit import StartModel, by_test, once, refill
from tests.kits.project_kit import CALC, Project

STRICT = """\
import pytest

from calc import add


@pytest.mark.xfail(strict=True, reason="bug 12")
def test_strict():
    assert add(1, 0) == 1
"""
BOTH = """\
import pytest

from calc import add


def test_add():
    assert add(2, 3) == 5


@pytest.mark.xfail(raises=KeyError, strict=True)
def test_known_bug():
    assert add(1, 3) == 4
"""
# As Syrupy explains a comparison in a test's ``assert``.
SNAPSHOT = """\
import pytest

class Snapshot:
    def __eq__(self, other):
        return other == 5

def pytest_assertrepr_compare(op, left, right):
    if isinstance(right, Snapshot):
        return ["[+ received] == [- snapshot]"]

@pytest.fixture
def snapshot():
    return Snapshot()
"""
WITH_SNAPSHOT = """\
from calc import add


def test_a(snapshot):
    assert add(2, 3) == snapshot


def test_b():
    assert add(2, 3) == 5
"""
REMOVE = "it passes and is marked xfail with strict=True: remove the mark"


def test_nothing_is_paid(project: Project, start_model: StartModel) -> None:
    refill(project, {"calc.py": CALC, "test_calc.py": STRICT})
    model = start_model(by_test({}))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.reasons, model.requests) == (["test-suspect"], [REMOVE], [])
    assert (ran.status, project.log(), project.status()) == (1, ["start"], "")


def test_others_of_the_cluster_are_repaired(project: Project, start_model: StartModel) -> None:
    """An earlier fix mends what the strict test waits for: that is told, not held against it."""
    refill(project, {"calc.py": CALC, "test_calc.py": BOTH})
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("--agent-fix-jobs=1", url=model.base_url)
    assert sorted(ran.verdicts) == ["fixed", "test-suspect"]
    [reason] = [one for one in ran.reasons if one.startswith(REMOVE)]
    assert reason.endswith("(an earlier fix of this run mended what it was expected to fail for)")


def test_a_snapshot_that_another_fix_turns_green(project: Project, start_model: StartModel) -> None:
    files = {"calc.py": CALC, "conftest.py": SNAPSHOT, "test_calc.py": WITH_SNAPSHOT}
    refill(project, files)
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("--agent-fix-jobs=2", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0)
