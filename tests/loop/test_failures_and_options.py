"""What can be repaired, and under which options: every kind of failure through the whole loop."""

from __future__ import annotations

from typing import Any

from pytest_agentfix.testing.scripted_model.replies import Script, Turns
from tests.kits.loop_kit import (
    StartModel,
    by_test,
    edit,
    once,
    probes,
    prompts_of,
    refill,
    run_by_ini,
    run_plainly,
)
from tests.kits.project_kit import CALC, TEST_CALC, Project

SHOP = '''\
import unittest


def add(left, right):
    return left - right


def total(prices):
    amount = 1
    for price in prices:
        amount = add(amount, price)
    return amount


def shout(text):
    """Say it loud.

    >>> shout("hey")
    'HEY!'
    """
    return text.upper()


def parse(text):
    return int(text) + 1


def connect():
    raise ConnectionError("no such shop")


def disconnect():
    raise ConnectionError("not connected")
'''
TEST_SHOP = """\
import unittest

import pytest

import shop


@pytest.mark.parametrize("right", [0, 3, 4])
def test_add(right):
    assert shop.add(2, right) == 2 + right


class TestTotal:
    def test_of_three(self):
        assert shop.total([1, 2, 3]) == 6


class ParseCase(unittest.TestCase):
    def test_parse(self):
        self.assertEqual(shop.parse("4"), 4)


@pytest.fixture
def connected():
    shop.connect()


@pytest.fixture
def disconnected():
    yield
    shop.disconnect()


def test_in_connection(connected):
    assert shop


def test_before_the_end(disconnected):
    assert shop
"""
KINDS = {"shop.py": SHOP, "test_shop.py": TEST_SHOP, ".gitignore": "*.pyc\n"}
KIND_EDITS = {
    "test_shop.py::test_add": ("return left - right", "return left + right"),
    "test_shop.py::TestTotal::test_of_three": ("amount = 1", "amount = 0"),
    "test_shop.py::ParseCase::test_parse": ("int(text) + 1", "int(text)"),
    "test_shop.py::test_in_connection": ('    raise ConnectionError("no such shop")', "    pass"),
    "test_shop.py::test_before_the_end": (
        '    raise ConnectionError("not connected")',
        "    pass",
    ),
    "shop.py::shop.shout": ("return text.upper()", 'return text.upper() + "!"'),
}


OTHER = "def test_other():\n    assert True\n"
BAD_TEST = """

def test_never():
    assert double(1) == 5
"""


def right(project: Project) -> Script:
    return once(project, "calc.py", "left - right", "left + right")


def test_every_kind_of_failure_in_one_run(project: Project, start_model: StartModel) -> None:
    refill(project, KINDS)
    script = by_test({test: once(project, "shop.py", *edit) for test, edit in KIND_EDITS.items()})
    model = start_model(script)
    ran = project.run("--doctest-modules", "--agent-fix-jobs=1", url=model.base_url)
    clusters = {tuple(cluster["tests"]): cluster for cluster in ran.report["clusters"]}
    assert clusters.keys() == {
        ("test_shop.py::test_add[3]", "test_shop.py::test_add[4]"),
        *((test,) for test in KIND_EDITS if test != "test_shop.py::test_add"),
    }
    assert ran.verdicts == ["fixed"] * 6
    assert (ran.status, ran.counts()) == (0, "2 passed, 7 fixed")
    assert project.status() == ""
    # One commit each, one on top of the other, in the order they were tried.
    commits = [cluster["commit"] for cluster in ran.report["clusters"]]
    assert project.git("rev-list", "--reverse", "HEAD").split()[1:] == commits
    assert project.git("rev-list", "--min-parents=2", "HEAD") == ""
    # What was fixed before has to stay green: each is judged against more than the one before.
    kept = [_find_kept(cluster) for cluster in ran.report["clusters"]]
    assert kept == ["1 test", "2 tests", "4 tests", "5 tests", "6 tests", "7 tests"]
    assert run_plainly(project, "--doctest-modules").status == 0


def _find_kept(cluster: dict[str, Any]) -> str:
    """How many tests still passed, as the report has it."""
    details = {probe["name"]: probe["detail"] for probe in cluster["probes"]}
    count, _, rest = details["pass-to-pass"].partition(" still passed, in the suite's own order ")
    assert rest.endswith(")")
    return str(count)


def test_module_that_cannot_be_collected(project: Project, start_model: StartModel) -> None:
    broken = CALC.replace("def add(left, right):", "def add(left, right)")
    refill(project, {"calc.py": broken, "test_calc.py": TEST_CALC, "test_other.py": OTHER})
    both = [edit(project, "calc.py", "right)\n    return left -", "right):\n    return left +")]
    model = start_model(Turns(both))
    ran = project.run(url=model.base_url)
    # pytest ran nothing, as it does with errors in collection; all that was red is repaired.
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 fixed")
    assert ran.report["clusters"][0]["tests"] == ["test_calc.py"]
    # The test that could be collected and never ran counts as one to keep green.
    assert _find_kept(ran.report["clusters"][0]) == "1 test"
    assert run_plainly(project).counts() == "3 passed"


def test_stop_at_the_first_failure(project: Project, start_model: StartModel) -> None:
    project.write({"test_calc.py": TEST_CALC + BAD_TEST})
    project.commit_all("more tests")
    model = start_model(right(project))
    ran = project.run("-x", url=model.base_url)
    # What pytest did not come to run is not known to be red, and nobody claims it is green.
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 fixed")
    assert ran.report["clusters"][0]["tests"] == ["test_calc.py::test_add"]


def test_under_xdist_with_two_functions(project: Project, start_model: StartModel) -> None:
    project.write({"test_calc.py": TEST_CALC + BAD_TEST})
    project.commit_all("more tests")
    script = by_test(
        {
            "test_calc.py::test_add": right(project),
            "test_calc.py::test_never": once(project, "calc.py", "value * 2", "value * 3"),
        }
    )
    model = start_model(script)
    ran = project.run("-pxdist", "-n2", "--agent-fix-max-attempts=1", url=model.base_url)
    found = {cluster["tests"][0]: cluster["verdict"] for cluster in ran.report["clusters"]}
    assert found == {"test_calc.py::test_add": "fixed", "test_calc.py::test_never": "unfixed"}
    assert (ran.status, ran.counts()) == (1, "1 failed, 1 passed, 1 fixed")
    assert len(project.log()) == 3
    assert project.status() == ""


def test_more_clusters_than_allowed(project: Project, start_model: StartModel) -> None:
    project.write({"test_calc.py": TEST_CALC + BAD_TEST})
    project.commit_all("more tests")
    model = start_model(right(project))
    ran = project.run("--agent-fix-max-clusters=1", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "skipped"], 1)
    assert ran.reasons[1] == "over the limit of --agent-fix-max-clusters 1"
    assert ran.reasons[1] in ran.output
    assert ran.counts() == "1 failed, 1 passed, 1 fixed"
    assert len(prompts_of(model)) == 1


def test_last_failed_from_an_ini_file_and_a_src_layout(
    project: Project, start_model: StartModel
) -> None:
    settings = '[tool.pytest.ini_options]\npythonpath = "src"\nagent_fix = true\n'
    files = {
        "pyproject.toml": settings,
        "src/calc.py": CALC,
        "tests/test_calc.py": TEST_CALC,
        "tests/test_other.py": OTHER,
        ".gitignore": "*.pyc\n.pytest_cache/\n",
    }
    refill(project, files)
    off = ("-pno:agentfix", "-pno:pytest_agentfix.plugin")  # by either of its names
    assert run_plainly(project, *off).status == 1
    model = start_model(once(project, "src/calc.py", "left - right", "left + right"))
    ran = run_by_ini(project, "--lf", url=model.base_url)
    # Only the test that failed last time was run, so it is the only one the report speaks of.
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 fixed")
    assert ran.report["clusters"][0]["tests"] == ["tests/test_calc.py::test_add"]
    assert ran.report["clusters"][0]["files"] == ["src/calc.py"]
    assert probes(ran.report["clusters"][0])["pass-to-pass"] == "not-applicable"


def test_hides_the_failure_instead(project: Project, start_model: StartModel) -> None:
    skips = "import unittest; raise unittest.SkipTest"
    expects = "import pytest; pytest.xfail()"
    model = start_model(
        Turns(
            [
                edit(project, "calc.py", "return left - right", skips),
                edit(project, "calc.py", skips, expects),
            ]
        )
    )
    ran = project.run("--agent-fix-max-attempts=2", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["refused"], 1)
    assert ran.reasons[0].startswith("lint: calc.py:2: ")
    assert "(test-outcome)" in ran.reasons[0]
    assert "unittest.SkipTest (test-outcome)" in str(model.requests[-1].body)
    assert project.log() == ["start"]
    assert project.status() == ""


def test_examples_of_a_doctest_are_not_edited(project: Project, start_model: StartModel) -> None:
    refill(project, KINDS)
    script = Turns([edit(project, "shop.py", "    'HEY!'", "    'HEY'")])
    model = start_model(script)
    ran = project.run(
        "--doctest-modules", "shop.py", "--agent-fix-max-attempts=1", url=model.base_url
    )
    (cluster,) = ran.report["clusters"]
    assert cluster["verdict"] == "refused"
    assert cluster["dropped"] == [{"path": "shop.py", "reason": "a doctest's examples"}]
    assert project.status() == ""
