"""An accepted change judged again, on top of fixes that have landed since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pytest_agentfix.core.model import ChangeSet, Judgement
from tests.kits.judge_project import Project, change, cluster, find, soon, tell_red

ADD, OTHER, SUB = "test_a.py::test_add", "test_b.py::test_other", "test_b.py::test_sub"
BASE = {
    "calc.py": "from more import sub\n\n\ndef add(a, b):\n    return a - b\n",
    "more.py": "def sub(a, b):\n    return a + b\n",
    "test_a.py": "from calc import add\n\n\ndef test_add():\n    assert add(1, 2) == 3\n",
    "test_b.py": "from calc import add, sub\n\n\ndef test_other():\n    assert add(0, 0) == 0\n"
    "\n\ndef test_sub():\n    assert sub(0, 0) == 0\n",
}
FIX = BASE["calc.py"].replace("a - b", "a + b")
ON_TOP = ", on top of the fixes before it"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Judgement:
    """Judge the fix before others have landed; the same for all tests."""
    return judge(make_project(tmp_path_factory.mktemp("first")), change(calc=FIX))


def make_project(folder: Path) -> Project:
    return Project(top=folder / "top", files=dict(BASE), passed=[OTHER, SUB])


def judge(project: Project, changes: ChangeSet) -> Judgement:
    judgement = project.judge(cluster(ADD), changes)
    assert judgement.is_accepted
    return judgement


def rejudge(
    project: Project, changes: ChangeSet, judgement: Judgement, also: list[str] | None
) -> Judgement:
    return project.make_judge().reverify(
        cluster(ADD), changes, judgement, also=also, deadline=soon()
    )


def land(project: Project, **files: str) -> None:
    """Make other fixes part of the base."""
    project.files = {**project.files, **{f"{name}.py": text for name, text in files.items()}}


def test_still_good(project: Project, first: Judgement) -> None:
    assert (first.covering, first.is_covering_known) == ((OTHER,), True)
    land(project, more="def sub(a, b):\n    return a - b\n")
    again = rejudge(project, change(calc=FIX), first, [ADD, SUB])
    assert again.is_accepted
    assert sorted(project.opened, key=len) == [ChangeSet(), change(calc=FIX)]
    assert find(again, "fail-before") == ("passed", "1 failed without the change" + ON_TOP)
    assert find(again, "target") == ("passed", "1 test passed with the change" + ON_TOP)
    detail = f"1 test still passed{ON_TOP}; without those fixes: 2 tests still passed"
    assert find(again, "pass-to-pass") == ("passed", detail)
    assert [probe.name for probe in again.probes] == [probe.name for probe in first.probes]
    assert find(again, "mutant") == find(first, "mutant")
    assert (again.covering, again.is_covering_known) == ((OTHER,), True)
    third = rejudge(project, change(calc=FIX), again, [SUB])
    assert find(third, "pass-to-pass") == ("passed", detail)


def test_everything_where_nobody_knows(project: Project, first: Judgement) -> None:
    again = rejudge(project, change(calc=FIX), first, None)
    assert again.is_accepted
    assert find(again, "pass-to-pass") == ("passed", f"2 tests still passed{ON_TOP}")
    assert (again.covering, again.is_covering_known) == ((OTHER,), True)
    assert sorted(map(len, project.opened)) == [0, 1, 1, 1, 1]


def test_nobody_else(project: Project, first: Judgement) -> None:
    again = rejudge(project, change(calc=FIX), first, [])
    detail = f"no other test runs lines of both{ON_TOP}; without those fixes: 2 tests still passed"
    assert find(again, "pass-to-pass") == ("passed", detail)
    assert (again.covering, again.is_covering_known) == ((OTHER,), True)


def test_a_test_that_comes_to_a_changed_line_by_another_fix(
    project: Project, first: Judgement
) -> None:
    land(project, more="def sub(a, b):\n    import calc\n    return calc.add(a, -b)\n")
    again = rejudge(project, change(calc=FIX), first, [SUB])
    assert again.is_accepted
    assert (again.covering, again.is_covering_known) == ((OTHER, SUB), True)


def test_not_needed_any_more(project: Project, first: Judgement) -> None:
    land(project, calc=FIX.replace("a + b", "b + a"))
    again = rejudge(project, change(calc=FIX), first, [OTHER])
    detail = f"1 passed in the sandbox without any change{ON_TOP}"
    assert find(again, "fail-before") == ("failed", detail)
    assert (again.red, again.is_accepted, again.is_refused) == ((), False, False)


def test_a_target_that_is_skipped_now_is_not_fixed(project: Project, first: Judgement) -> None:
    land(project, calc="import pytest\nfrom more import sub\ndef add(a, b):\n    pytest.skip('')\n")
    again = rejudge(project, change(calc=FIX), first, [])
    assert find(again, "fail-before")[0] == "failed"
    assert tell_red(again) == [(ADD, "skipped")]


def test_red_on_top_of_the_others(project: Project, first: Judgement) -> None:
    changes = change(calc=FIX.replace("a + b", "sub(a, -b) if b else a"))
    land(project, more="def sub(a, b):\n    return a - abs(b)\n")
    again = rejudge(project, changes, first, [OTHER, SUB])
    assert find(again, "target") == ("failed", f"1 failed with the change{ON_TOP}")
    assert tell_red(again) == [(ADD, "failed")]
    assert not again.is_refused


def test_another_test_that_fails_with_both_fixes(project: Project, first: Judgement) -> None:
    land(project, more="import calc\ndef sub(a, b):\n    return calc.add(1, 1)\n")
    again = rejudge(project, change(calc=FIX), first, [SUB])
    assert find(again, "pass-to-pass") == (
        "failed",
        f"1 failed with the change, in the suite's own order: {SUB}{ON_TOP}",
    )
    assert tell_red(again) == [(SUB, "failed")]


FORGING = """
import _pytest.reports as r
old = r.TestReport.from_item_and_call.__func__
def new(cls, item, call):
    call.excinfo = None
    return old(cls, item, call)
r.TestReport.from_item_and_call = classmethod(new)
"""


@pytest.mark.parametrize("where", ["the change", "a fix before it"])
def test_forged_reports(project: Project, first: Judgement, where: str) -> None:
    changes = change(calc=FIX)
    if where == "the change":
        changes = change(calc=BASE["calc.py"] + FORGING)
    else:
        land(project, calc=BASE["calc.py"] + FORGING)
    again = rejudge(project, changes, first, [OTHER])
    assert find(again, "canary")[0] == "failed"
    assert again.is_refused
    assert not again.is_accepted


def test_no_canaries_where_the_suite_did_not_take_them(project: Project, first: Judgement) -> None:
    land(
        project,
        conftest="import pytest\ndef pytest_collection_modifyitems(items):\n"
        "    if any(i.fspath.basename not in ('test_a.py', 'test_b.py') for i in items):\n"
        "        raise pytest.UsageError('no')\n",
    )
    probes = tuple(
        replace(one, result=type(one.result).NOT_APPLICABLE) if one.name == "canary" else one
        for one in first.probes
    )
    again = rejudge(project, change(calc=FIX), replace(first, probes=probes), [OTHER])
    assert again.is_accepted


def test_changes_outside_of_functions_concern_everybody(project: Project) -> None:
    first = judge(project, change(calc=FIX + "\n\nDONE = True\n"))
    assert (first.covering, first.is_covering_known) == ((OTHER,), False)
