"""The tests beside a failure: none is lost silently, and none is blamed without a reason."""

from __future__ import annotations

import json

import pytest

from pytest_agentfix.testing.scripted_model.replies import Script
from tests.kits.loop_kit import StartModel, once, prompts_of
from tests.kits.project_kit import CALC, Project

RATES = '{"eur": 1}\n'
TEST_RATES = """\
import json
from pathlib import Path

import pytest

FILE = Path(__file__).parents[1] / "data" / "rates.json"


@pytest.mark.parametrize("number", range(7))
def test_rates(number):
    assert json.loads(FILE.read_text())["eur"] == 1
"""
FIXED = CALC.replace("left - right", "left + right")
ORDERED = """\
seen = []


def test_first():
    seen.append(1)


def test_second():
    assert seen
"""


@pytest.fixture
def script(project: Project) -> Script:
    """The right edit at once."""
    return once(project, "calc.py", "left - right", "left + right")


@pytest.fixture
def incomplete(project: Project) -> Project:
    """A project of which git ignores a file that seven tests read."""
    project.write({".gitignore": "data/\n", "tests/test_rates.py": TEST_RATES})
    project.commit_all("rates")
    project.write({"data/rates.json": RATES})
    return project


def test_tests_that_the_sandbox_cannot_run_hold_the_fix_back(
    incomplete: Project, start_model: StartModel, script: Script
) -> None:
    project = incomplete
    head = project.git("rev-parse", "HEAD")
    ran = project.run(url=start_model(script).base_url)
    (cluster,) = ran.report["clusters"]
    assert (ran.verdicts, ran.status) == (["fixed"], 1)
    assert project.git("rev-parse", "HEAD") == head
    assert (project.path / "calc.py").read_text() == CALC
    assert cluster["branch"].startswith("agent-fix/")
    assert (cluster["held_back"], ran.report["totals"]["held_back"]) == (True, 1)
    found = cluster["neighbours"]
    assert (found["total"], found["judged"], found["broken"], found["excused"]) == (8, 1, [], [])
    (group,) = found["unjudged"]
    assert group["tests"] == [f"tests/test_rates.py::test_rates[{n}]" for n in range(7)]
    assert group["error"].startswith("FileNotFoundError: ")
    details = {probe["name"]: probe["detail"] for probe in cluster["probes"]}
    assert details["pass-to-pass"].endswith("; 1 of 8 judged")
    assert "not judged: 7 of 8 tests that passed for you" in ran.output
    assert "tests/test_rates.py::test_rates[4] and 2 more" in ran.output
    assert "1 failed" in ran.counts()
    assert project.git("show", f"{cluster['branch']}:calc.py").strip() == FIXED.strip()


@pytest.mark.parametrize("option", ["max_unjudged = 90 %", "include = data/rates.json"])
def test_settings_that_let_it_land(
    incomplete: Project, start_model: StartModel, script: Script, option: str
) -> None:
    project = incomplete
    project.write({"pytest.ini": f"[pytest]\nagent_fix_{option}\n"})
    project.commit_all("ini")
    ran = project.run(url=start_model(script).base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    assert (project.path / "calc.py").read_text() == FIXED
    judged = 8 if "include" in option else 1
    assert ran.report["clusters"][0]["neighbours"]["judged"] == judged


def test_a_test_that_leans_on_another_is_excused_by_name(
    project: Project, start_model: StartModel, script: Script
) -> None:
    project.write({"tests/test_ordered.py": ORDERED})
    project.commit_all("ordered")
    ran = project.run(url=start_model(script).base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    found = ran.report["clusters"][0]["neighbours"]
    assert (found["total"], found["judged"], found["unjudged"]) == (3, 3, [])
    (excuse,) = found["excused"]
    assert excuse["test"] == "tests/test_ordered.py::test_second"
    assert f"excused: {excuse['test']} ({excuse['reason']})" in ran.output


def test_a_neighbour_that_a_change_breaks_is_named_to_user_and_agent(
    project: Project, start_model: StartModel
) -> None:
    text = "from calc import double\n\n\ndef test_twice():\n    assert double.__doc__ is None\n"
    project.write({"tests/test_twice.py": text})
    project.commit_all("twice")
    documented = FIXED.replace("def double(value):", 'def double(value):\n    """Double it."""')
    model = start_model(once(project, "calc.py", CALC.strip(), documented.strip()))
    ran = project.run("--agent-fix-max-attempts=2", url=model.base_url)
    name = "tests/test_twice.py::test_twice"
    assert (ran.verdicts, ran.status) == (["unfixed"], 1)
    assert ran.report["clusters"][0]["neighbours"]["broken"] == [name]
    assert name in ran.reasons[0]
    assert name not in prompts_of(model)[0]
    assert name in json.dumps(model.requests[-1].body)
