"""Failures that are others in the sandbox than on the user's machine, and suites that end oddly."""

from __future__ import annotations

import pytest

from pytest_agentfix.testing.scripted_model.replies import Turns
from tests.kits.loop_kit import StartModel, by_test, edit, once, prompts_of, refill
from tests.kits.project_kit import CALC, Project, Ran
from tests.loop.test_scenarios import FIXED

SHOP = """\
import json
import os
import subprocess
from pathlib import Path


def total(price):
    return price - rate()


def rate():
    {rate}
"""
TEST_SHOP = """\
from shop import total


def test_total():
    assert total(2) == 3
"""
ASSERTION = "on your machine AssertionError at test_shop.py:5, in the sandbox "


def lay_out(project: Project, rate: str, *, test: str = TEST_SHOP, ignored: str = "") -> None:
    files = {"shop.py": SHOP.format(rate=rate), "test_shop.py": test}
    refill(project, {**files, ".gitignore": f"*.pyc\n{ignored}\n"})


def run_for_nothing(project: Project, start_model: StartModel) -> Ran:
    """Run where no answer of a model could help; it is not even asked."""
    model = start_model(by_test({}))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status, model.requests) == (["environment"], 1, [])
    assert (project.log(), project.status()) == (["start"], "")
    return ran


def test_a_file_below_home(project: Project, start_model: StartModel) -> None:
    home = project.reports / "home"
    (home / ".shop").mkdir(parents=True)
    (home / ".shop" / "rates.json").write_text("1")
    project.environ["HOME"] = str(home)
    lay_out(project, 'return json.loads((Path.home() / ".shop" / "rates.json").read_text())')
    ran = run_for_nothing(project, start_model)
    [reason] = ran.reasons
    assert reason.startswith(f"{ASSERTION}FileNotFoundError: ~/.shop/rates.json; ")
    assert "(--agent-fix-image)" in reason


def test_a_variable_that_is_read_at_call_time(project: Project, start_model: StartModel) -> None:
    project.environ["SHOP_RATE"] = "1"
    lay_out(project, 'return int(os.environ["SHOP_RATE"])')
    ran = run_for_nothing(project, start_model)
    [reason] = ran.reasons
    assert reason.startswith(f"{ASSERTION}KeyError: 'SHOP_RATE'; ")
    assert reason.endswith(": agent_fix_env = SHOP_RATE")


def test_a_data_file_that_git_ignores(project: Project, start_model: StartModel) -> None:
    lay_out(project, 'return json.loads(Path("data/rates.json").read_text())', ignored="data/")
    project.write({"data/rates.json": "1"})
    ran = run_for_nothing(project, start_model)
    [reason] = ran.reasons
    assert reason.startswith(f"{ASSERTION}FileNotFoundError: data/rates.json; ")
    assert reason.endswith(": agent_fix_include = data/rates.json")


def test_a_module_that_needs_a_variable(project: Project, start_model: StartModel) -> None:
    lay_out(project, "return RATE")
    project.write({"shop.py": (project.path / "shop.py").read_text() + "\n\nRATE = 1\n"})
    project.write({"test_shop.py": 'import os\n\nRATE = os.environ["CALC_MODE"]\n' + TEST_SHOP})
    project.git("commit", "-q", "--amend", "-am", "start")
    project.environ["CALC_MODE"] = "1"
    ran = run_for_nothing(project, start_model)
    [reason] = ran.reasons
    start = "on your machine AssertionError at test_shop.py:8, in the sandbox KeyError: 'CALC_MODE'"
    assert reason.startswith(f"{start}; ")
    assert reason.endswith(": agent_fix_env = CALC_MODE")


@pytest.mark.parametrize("check", [True, False])
def test_the_repositorys_own_tags(
    project: Project, start_model: StartModel, *, check: bool
) -> None:
    command = 'subprocess.run(["git", "describe", "--tags"], capture_output=True'
    lay_out(project, f"return len({command}, check={check}).stdout.split()[0]) - 3")
    project.git("tag", "v1.0")
    ran = run_for_nothing(project, start_model)
    assert ran.reasons[0].startswith(ASSERTION)
    assert "git" in ran.reasons[0]


def test_only_some_tests_of_a_cause_lack_something(
    project: Project, start_model: StartModel
) -> None:
    test = """\
import os

import pytest

from shop import total


@pytest.mark.parametrize("name", ["", "SHOP_RATE"])
def test_total(name):
    assert total(int(os.environ[name]) if name else 2) == 3
"""
    project.environ["SHOP_RATE"] = "2"
    lay_out(project, "return 1", test=test)
    model = start_model(once(project, "shop.py", "price - rate", "price + rate"))
    ran = project.run("--agent-fix-jobs=1", url=model.base_url)
    assert sorted(ran.verdicts) == ["environment", "fixed"]
    assert ran.status == 1


SAME = {
    "values": """\
import time
from calc import add

def test_add():
    now = time.perf_counter()
    assert add(now, 1) == now + 1
""",
    "a file that is missing for the user, too": """\
from pathlib import Path
from calc import add

def test_add():
    if add(2, 3) != 5:
        Path("/no/such/place/rates.json").read_text()
""",
    "an endless recursion": """\
import sys
from calc import add

def down(depth):
    return down(depth + 1)

def test_add():
    if add(2, 3) != 5:
        down(0)
""",
}


@pytest.mark.parametrize("name", SAME)
def test_the_same_failure_is_repaired_in_silence(
    project: Project, start_model: StartModel, name: str
) -> None:
    refill(project, {"calc.py": CALC, "test_calc.py": SAME[name], ".gitignore": "*.pyc\n"})
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    assert "user's machine" not in prompts_of(model)[0]
    evidence = ran.report["clusters"][0]["probes"][0]["detail"]
    assert evidence == "1 failed without the change"


def test_another_failure_is_told_and_repaired(project: Project, start_model: StartModel) -> None:
    test = """\
import os
from calc import add

def test_add():
    total = add(2, 3)
    if total != 5 and "ONLY_ON_THE_HOST" not in os.environ:
        raise ValueError(total)
    assert total == 5
"""
    refill(project, {"calc.py": CALC, "test_calc.py": test, ".gitignore": "*.pyc\n"})
    project.environ["ONLY_ON_THE_HOST"] = "1"
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    evidence = ran.report["clusters"][0]["probes"][0]["detail"]
    assert evidence == (
        "1 failed without the change; not as they did for the user: on your machine AssertionError "
        "at test_calc.py:8, in the sandbox ValueError at test_calc.py:7: -1"
    )
    (prompt,) = prompts_of(model)
    assert (
        "- test_calc.py::test_add: AssertionError at test_calc.py:8 on the user's machine, "
        "ValueError at test_calc.py:7 in the sandbox"
    ) in prompt


ODD = {
    "warnings are errors": {"pytest.ini": "[pytest]\naddopts = -W error\nfilterwarnings = error\n"},
    "a plugin raises at the end": {"conftest.py": "def pytest_unconfigure():\n    raise OSError\n"},
    "an exit status of their own": {
        "conftest.py": "def pytest_sessionfinish(session):\n    session.exitstatus = 7\n"
    },
    "a long name": {
        "test_long.py": (
            "import pytest\n@pytest.mark.parametrize('x', [1], ids=['x' * 20_000])\n"
            "def test_long(x): pass\n"
        )
    },
}


@pytest.mark.parametrize("name", ODD)
def test_a_suite_that_ends_oddly_is_repaired(
    project: Project, start_model: StartModel, name: str
) -> None:
    project.write(ODD[name])
    project.commit_all("more")
    project.environ["PYTHONWARNINGS"] = "error" if "warnings" in name else "default"
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run(url=model.base_url)
    assert ran.verdicts == ["fixed"], ran.output
    assert (project.path / "calc.py").read_text() == FIXED
    assert ("longer than 10,000 characters" in ran.output) == (name == "a long name")


def test_a_change_that_makes_pytest_end_oddly_is_red_and_not_refused(
    project: Project, start_model: StartModel
) -> None:
    conftest = "import calc\n\n\ndef pytest_unconfigure():\n    calc.close()\n"
    project.write({"conftest.py": conftest, "calc.py": CALC + "\n\ndef close():\n    pass\n"})
    project.commit_all("more")
    script = [
        [
            *edit(project, "calc.py", "left - right", "left + right")[:2],
            *edit(project, "calc.py", "    pass", "    raise ValueError"),
        ]
    ]
    model = start_model(Turns(script))
    ran = project.run("--agent-fix-max-attempts=1", url=model.base_url)
    assert ran.verdicts == ["unfixed"]
    assert "pytest ended with ValueError" in ran.reasons[0]
