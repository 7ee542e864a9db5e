"""A base with fixes of this run asks more of a test: to pass, and to stay green."""

from __future__ import annotations

import pytest

from pytest_agentfix.core.model import Cluster, Phase
from tests.kits.judge_project import (
    FIXED,
    TEST_ADD,
    MakeProject,
    change,
    cluster,
    failure,
    find,
    tell_red,
)

MODULE = "test_calc.py"
ADD = "test_calc.py::test_add"


def uncollected() -> Cluster:
    return cluster(failure(MODULE, phase=Phase.COLLECT, exception="ImportError"))


SKIPPING = "import pytest\n\ndef add(a, b):\n    pytest.skip('later')\n"


@pytest.mark.parametrize(("is_on_top", "red"), [(False, []), (True, [(ADD, "skipped")])])
def test_a_test_that_a_fix_has_skipped(
    make_project: MakeProject, *, is_on_top: bool, red: list[tuple[str, str]]
) -> None:
    project = make_project({"calc.py": SKIPPING}, is_on_top=is_on_top)
    assert tell_red(project.reproduce(cluster(ADD)).judgement) == red


@pytest.mark.parametrize(("is_on_top", "red"), [(False, []), (True, [(MODULE, "failed")])])
def test_a_module_that_a_fix_has_collected(
    make_project: MakeProject, *, is_on_top: bool, red: list[tuple[str, str]]
) -> None:
    """It failed at its import, and has failed in its tests since."""
    project = make_project(is_on_top=is_on_top)
    assert tell_red(project.reproduce(uncollected()).judgement) == red
    project.files = {"calc.py": FIXED, MODULE: TEST_ADD}
    assert tell_red(project.reproduce(uncollected()).judgement) == []


def test_such_a_module_can_be_repaired(make_project: MakeProject) -> None:
    project = make_project(is_on_top=True)
    judgement = project.judge(uncollected(), change(calc=FIXED))
    assert judgement.is_accepted, judgement.probes


TWO = "def half(n):\n    return n * 2\n\n\ndef seven():\n    return 7\n"
TEST_SEVEN = "from two import seven\n\ndef test_seven():\n    assert seven() == 7\n"
TEST_HALF = "from two import half\n\ndef test_half():\n    assert half(4) == 2\n"
HALF = "test_half.py::test_half"


def test_a_module_that_was_repaired_has_to_stay_green(make_project: MakeProject) -> None:
    files = {"two.py": TWO, MODULE: TEST_SEVEN, "test_half.py": TEST_HALF}
    project = make_project(files, passed=[f"{MODULE}::test_seven", MODULE])
    good = TWO.replace("n * 2", "n // 2")
    judgement = project.judge(cluster(HALF), change(two=good))
    assert find(judgement, "pass-to-pass") == ("passed", "1 test still passed")
    bad = good.replace("return 7", "return 8")
    judgement = project.judge(cluster(HALF), change(two=bad))
    assert find(judgement, "pass-to-pass") == (
        "failed",
        f"1 failed with the change, in the suite's own order: {MODULE}",
    )
    assert tell_red(judgement) == [(MODULE, "failed")]


def test_who_runs_a_change_is_known_inside_of_such_a_module(make_project: MakeProject) -> None:
    files = {"two.py": TWO, MODULE: TEST_HALF.replace("== 2", "!= 3"), "test_half.py": TEST_HALF}
    project = make_project(files, passed=[MODULE])
    judgement = project.judge(cluster(HALF), change(two=TWO.replace("n * 2", "n // 2")))
    assert judgement.covering == (f"{MODULE}::test_half",)
    assert judgement.is_covering_known
