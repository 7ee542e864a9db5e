"""One bug, one bill: tests that lead into the same function wait for the first one's fix."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_agentfix.testing.scripted_model.replies import Script, Turns
from tests.kits.loop_kit import DONE, StartModel, by_test, edit, once, prompts_of, refill
from tests.kits.project_kit import Project, Ran

JOBS = ("--agent-fix-jobs", "6")
PRODUCT = {
    "add.py": "import log\n\n\ndef add(left, right):\n    log.note()\n    return left - right\n",
    "mul.py": "import log\n\n\ndef mul(left, right):\n    log.note()\n    return left + right\n",
    "log.py": "def note():\n    return None\n",
    ".gitignore": "*.pyc\n__pycache__/\n",
}
ADD = ("left - right", "left + right")
MUL = ("left + right", "left * right")


def make_tests(module: str, *cases: tuple[int, int, int], mark: str = "") -> dict[str, str]:
    """Make a file with a plain test for each case; all tests call the helper ``note``."""
    text = f"import pytest\nfrom {module} import {module}\nfrom log import note\n"
    for number, (left, right, expected) in enumerate(cases):
        text += (
            f"\n\n{mark if number == 1 else ''}def test_{module}_{number}():\n"
            f"    note()\n    assert {module}({left}, {right}) == {expected}\n"
        )
    return {f"test_{module}.py": text}


ADD_TESTS = make_tests("add", (2, 3, 5), (1, 1, 2), (9, 4, 13))
MUL_TESTS = make_tests("mul", (2, 3, 6), (5, 4, 20), (7, 3, 21))


def by_attempts(ran: Ran) -> dict[str, list[int]]:
    """The attempts of each cluster, by the module of its tests."""
    found: dict[str, list[int]] = {}
    for cluster in ran.report["clusters"]:
        name = cluster["tests"][0].partition(".")[0]
        found.setdefault(name, []).append(cluster["attempts"])
    return found


def bills(ran: Ran) -> list[tuple[int, int]]:
    """The number of tests and of attempts of each bug."""
    return [(len(bug["tests"]), bug["attempts"]) for bug in ran.report["bugs"]]


def paid(ran: Ran) -> list[dict[str, Any]]:
    return [one for one in ran.report["clusters"] if one["tokens"]["input"]]


def test_two_bugs_and_six_plain_tests_are_two_sessions(
    project: Project, start_model: StartModel
) -> None:
    refill(project, {**PRODUCT, **ADD_TESTS, **MUL_TESTS})
    scripts: dict[str, Script] = {
        "test_add": once(project, "add.py", *ADD),
        "test_mul": once(project, "mul.py", *MUL),
    }
    model = start_model(by_test(scripts))
    ran = project.run(*JOBS, url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"] * 6, 0, "6 fixed"), ran.output
    assert by_attempts(ran) == {"test_add": [1, 0, 0], "test_mul": [1, 0, 0]}
    assert (len(prompts_of(model)), len(paid(ran)), len(project.log())) == (2, 2, 3)
    assert bills(ran) == [(3, 1), (3, 1)]
    assert "6 failures, 6 causes, 2 bugs: 6 fixed" in ran.output
    assert "green with it: test_add.py::test_add_1, test_add.py::test_add_2" in ran.output


def test_what_stays_red_is_paid_in_its_turn(project: Project, start_model: StartModel) -> None:
    """Two mistakes in one function: the first one's fix leaves the other one's test red."""
    tables = {
        "rates.py": "LOW = 1\nHIGH = 2\n\n\ndef rate(kind):\n    return HIGH if kind else LOW\n",
        "test_rates.py": (
            "from rates import rate\n\n\ndef test_low():\n    assert rate(0) == 7\n\n\n"
            "def test_low_again():\n    assert rate(0) + 1 == 8\n\n\n"
            "def test_high():\n    assert rate(1) == 9\n"
        ),
        ".gitignore": "*.pyc\n",
    }
    refill(project, tables)
    scripts: dict[str, Script] = {
        "test_high": once(project, "rates.py", "HIGH = 2", "HIGH = 9"),
        "test_low": once(project, "rates.py", "LOW = 1", "LOW = 7"),
    }
    model = start_model(by_test(scripts))
    ran = project.run(*JOBS, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"] * 3, 0), ran.output
    assert by_attempts(ran) == {"test_rates": [1, 0, 1]}
    assert bills(ran) == [(2, 1), (1, 1)]


@pytest.mark.parametrize("end", ["unfixed", "refused"])
def test_after_a_failure_one_more_is_tried(
    project: Project, start_model: StartModel, end: str
) -> None:
    refill(project, {**PRODUCT, **ADD_TESTS})
    cheat = edit(project, "test_add.py", "== 5", "== -1")
    scripts: dict[str, Script] = {
        "test_add_0": Turns([[DONE]] if end == "unfixed" else [cheat]),
        "test_add": once(project, "add.py", *ADD),
    }
    model = start_model(by_test(scripts))
    ran = project.run(*JOBS, "--agent-fix-max-attempts", "1", url=model.base_url)
    assert ran.verdicts == [end, "fixed", "fixed"], ran.output
    assert (by_attempts(ran), ran.status) == ({"test_add": [1, 1, 0]}, 1)


def test_the_limit_of_causes_does_not_count_what_is_not_paid(
    project: Project, start_model: StartModel
) -> None:
    refill(project, {**PRODUCT, **ADD_TESTS, **MUL_TESTS})
    model = start_model(once(project, "add.py", *ADD))
    ran = project.run(*JOBS, "--agent-fix-max-clusters", "1", url=model.base_url)
    assert ran.verdicts == ["fixed"] * 3 + ["skipped"] * 3, ran.output
    assert "over the limit of --agent-fix-max-clusters 1" in ran.reasons


def test_a_marker_of_its_own_changes_nothing(project: Project, start_model: StartModel) -> None:
    """Tests with other settings are no part of the cluster, and wait for its fix all the same."""
    mark = "@pytest.mark.agent_fix(max_attempts=2)\n"
    refill(project, {**PRODUCT, **make_tests("add", (2, 3, 5), (1, 1, 2), mark=mark)})
    model = start_model(once(project, "add.py", *ADD))
    ran = project.run(*JOBS, url=model.base_url)
    assert (ran.verdicts, by_attempts(ran)) == (["fixed"] * 2, {"test_add": [1, 0]}), ran.output


def test_patches_settle_kin_as_well(project: Project, start_model: StartModel) -> None:
    refill(project, {**PRODUCT, **ADD_TESTS})
    model = start_model(once(project, "add.py", *ADD))
    ran = project.run(*JOBS, "--agent-fix-no-commit", url=model.base_url)
    assert (ran.verdicts, by_attempts(ran)) == (["fixed"] * 3, {"test_add": [1, 0, 0]}), ran.output
    assert len({cluster["patch"] for cluster in ran.report["clusters"]}) == 1
    assert project.log() == ["start"]


@pytest.mark.exhaustive
def test_twenty_bugs_and_sixty_plain_tests(project: Project, start_model: StartModel) -> None:
    """All tests call the helper ``note`` as well, and three of each function stand side by side."""
    bugs = 20
    files = {"log.py": PRODUCT["log.py"], ".gitignore": PRODUCT[".gitignore"]}
    scripts: dict[str, Script] = {}
    for number in range(1, bugs + 1):
        name = f"part{number}x"
        files[f"{name}.py"] = f"def {name}(left, right):\n    return left - {number} * right\n"
        cases = [(left, 2, left + 2 * number) for left in (3, 5, 11)]
        files |= make_tests(name, *cases)
        scripts[f"test_{name}"] = once(project, f"{name}.py", "left - ", "left + ")
    refill(project, files)
    model = start_model(by_test(scripts))
    ran = project.run(*JOBS, "--agent-fix-max-clusters", "60", url=model.base_url, limit=3600)
    assert (ran.verdicts, ran.status) == (["fixed"] * 3 * bugs, 0), ran.output
    assert bills(ran) == [(3, 1)] * bugs
    assert len(prompts_of(model)) <= bugs + 2
