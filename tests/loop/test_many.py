"""Many failures: one repair per cause, side by side, one commit after another.

What every test looks at besides: the history is linear, each
commit is green for its targets, and the tree is clean.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from pytest_agentfix.testing.scripted_model.replies import Hang, Script, Turns, shell
from tests.kits.loop_kit import DONE, StartModel, by_test, once, prompts_of, refill
from tests.kits.project_kit import Project, Ran, end, wait_for

BOTH = ("--agent-fix-jobs", "2")
IGNORE = {".gitignore": "*.pyc\n__pycache__/\n"}


def fixes_of(project: Project) -> list[str]:
    """The commits on top of the first one, oldest first; the history has to be a line."""
    lines = project.git("log", "--reverse", "--format=%H %P").splitlines()[1:]
    assert all(len(line.split()) == 2 for line in lines)
    assert project.status() == ""
    return [line.split()[0] for line in lines]


def assert_green_step_by_step(project: Project, ran: Ran) -> None:
    """At each commit its own tests and those of the commits before it pass, and nothing breaks."""
    by_commit: dict[str, list[str]] = {}
    for cluster in ran.report["clusters"]:
        by_commit.setdefault(cluster["commit"], []).extend(cluster["tests"])
    seen: list[str] = []
    for commit in fixes_of(project):
        seen += by_commit[commit]
        project.git("checkout", "-q", commit)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *seen],
            cwd=project.path,
            # Bytecode of the commit before might be taken for this one's: same size, same second.
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
    project.git("checkout", "-q", "main")


SHOP = {
    "price.py": "def price(value):\n    return value - 1\n",
    "tax.py": "def tax(value):\n    return value / 5\n",
    "test_price.py": (
        "import pytest\nfrom price import price\n\n\n"
        '@pytest.mark.parametrize("value", [1, 2, 3, 4])\n'
        "def test_price(value):\n    assert price(value) == value + 1\n"
    ),
    "test_tax.py": "from tax import tax\n\n\ndef test_tax():\n    assert tax(10) == 50\n",
    **IGNORE,
}


def read_beginning(body: Any) -> str:
    """Return what comes before a request's first prompt, byte by byte: tools and system prompt."""
    return json.dumps([body["tools"], body["messages"][0]])


def test_side_by_side_one_commit_for_each_cause(project: Project, start_model: StartModel) -> None:
    refill(project, SHOP)
    model = start_model(
        by_test(
            {
                "test_price": once(project, "price.py", "value - 1", "value + 1"),
                "test_tax": once(project, "tax.py", "value / 5", "value * 5"),
            }
        )
    )
    ran = project.run(*BOTH, url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed", "fixed"], 0, "5 fixed")
    assert "5 failures, 2 causes" in ran.output
    assert len(prompts_of(model)) == 2
    assert len({read_beginning(one.body) for one in model.requests}) == 1, "no cache could help"
    assert len(fixes_of(project)) == 2
    assert_green_step_by_step(project, ran)


ONE_FILE = {
    "calc.py": (
        "def add(left, right):\n    return left - right\n\n\n"
        "def half(value):\n    return value * 2\n"
    ),
    "test_add.py": "from calc import add\n\n\ndef test_add():\n    assert add(2, 3) == 5\n",
    "test_half.py": "from calc import half\n\n\ndef test_half():\n    assert half(8) == 4\n",
    **IGNORE,
}


def test_two_fixes_of_one_file_are_merged(project: Project, start_model: StartModel) -> None:
    refill(project, ONE_FILE)
    model = start_model(
        by_test(
            {
                "test_add": once(project, "calc.py", "left - right", "left + right"),
                "test_half": once(project, "calc.py", "value * 2", "value / 2"),
            }
        )
    )
    ran = project.run(*BOTH, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0)
    for commit in fixes_of(project):
        changed = project.git("show", "--format=", "--numstat", commit).split()
        assert changed == ["1", "1", "calc.py"]
    assert_green_step_by_step(project, ran)


RATES = {
    "rates.py": (
        "RATES = [0, 0]\n\n\ndef low():\n    return RATES[0]\n\n\n"
        "def high():\n    return RATES[1]\n"
    ),
    "test_low.py": "from rates import low\n\n\ndef test_low():\n    assert low() == 7\n",
    "test_high.py": "from rates import high\n\n\ndef test_high():\n    assert high() == 9\n",
    **IGNORE,
}


def replaced(pattern: str, text: str) -> Script:
    """A turn that replaces in the one line of rates.py, whatever stands there by now."""
    return Turns([[shell(f"sed -i '1s/{pattern}/{text}/' rates.py"), DONE]])


def test_the_same_line_goes_back_to_its_agent(project: Project, start_model: StartModel) -> None:
    """Each agent changes its number in one line; the later one does it again on the new base."""
    refill(project, RATES)
    model = start_model(
        by_test({"test_low": replaced(r"\[0", "[7"), "test_high": replaced(r"0\]", "9]")})
    )
    ran = project.run(*BOTH, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert sorted(cluster["attempts"] for cluster in ran.report["clusters"]) == [1, 2]
    assert (project.path / "rates.py").read_text().startswith("RATES = [7, 9]\n")
    [again] = [prompt for prompt in prompts_of(model) if "+RATES" in prompt]
    assert "both change rates.py" in again
    assert_green_step_by_step(project, ran)


def test_patches_in_the_order_in_which_they_were_made(
    project: Project, start_model: StartModel
) -> None:
    """Without commits a fix is a patch on top of those before it."""
    refill(project, RATES)
    model = start_model(
        by_test({"test_low": replaced(r"\[0", "[7"), "test_high": replaced(r"0\]", "9]")})
    )
    ran = project.run("--agent-fix-no-commit", *BOTH, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert (project.log(), project.status()) == (["start"], "")
    for cluster in sorted(ran.report["clusters"], key=lambda cluster: cluster["attempts"]):
        subprocess.run(cluster["advice"], shell=True, cwd=project.path, check=True)
    assert (project.path / "rates.py").read_text().startswith("RATES = [7, 9]\n")


TABLES = {
    "tables.py": (
        "LEFT = {}\nRIGHT = {}\n\n\ndef find(table, key):\n    return table[key]\n\n\n"
        "def left():\n    return find(LEFT, 1)\n\n\ndef right():\n    return find(RIGHT, 2)\n"
    ),
    "test_left.py": "from tables import left\n\n\ndef test_left():\n    assert left() == 10\n",
    "test_right.py": "from tables import right\n\n\ndef test_right():\n    assert right() == 20\n",
    **IGNORE,
}


def test_a_wrong_merge_is_taken_apart(project: Project, start_model: StartModel) -> None:
    """Both raise in one line, and have two causes: the first change helps only one of them."""
    refill(project, TABLES)
    model = start_model(
        by_test(
            {
                "test_left": once(project, "tables.py", "LEFT = {}", "LEFT = {1: 10}"),
                "test_right": once(project, "tables.py", "RIGHT = {}", "RIGHT = {2: 20}"),
            }
        )
    )
    ran = project.run(*BOTH, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    tests = [cluster["tests"] for cluster in ran.report["clusters"]]
    assert tests == [["test_left.py::test_left"], ["test_right.py::test_right"]]
    assert "2 failures, 2 causes" in ran.output
    first, second = prompts_of(model)
    assert "test_right" in first
    assert "test_left" not in second
    assert len(fixes_of(project)) == 2
    assert_green_step_by_step(project, ran)


# The functions are called in processes of their own: nothing says that there is one cause.
ASK = (
    "import subprocess\nimport sys\n\n\ndef ask(left, right):\n"
    "    code = f'import calc; print(calc.add({left}, {right}))'\n"
    "    return int(subprocess.check_output([sys.executable, '-c', code]))\n\n\n"
)
ONE_BUG = {
    "calc.py": "def add(left, right):\n    return left - right\n",
    "test_two.py": ASK + "def test_two():\n    assert ask(1, 1) == 2\n",
    "test_five.py": ASK + "def test_five():\n    assert ask(2, 3) == 5\n",
    **IGNORE,
}


@pytest.mark.parametrize(("jobs", "attempts"), [("1", [0, 1]), ("2", [1, 1])])
def test_a_wrong_split_makes_one_commit(
    project: Project, start_model: StartModel, jobs: str, attempts: list[int]
) -> None:
    """Two tests that nothing ties together, and one bug: whoever comes later is fixed by then."""
    refill(project, ONE_BUG)
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    ran = project.run("--agent-fix-jobs", jobs, url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed", "fixed"], 0), ran.output
    assert sorted(cluster["attempts"] for cluster in ran.report["clusters"]) == attempts
    [commit] = fixes_of(project)
    assert {cluster["commit"] for cluster in ran.report["clusters"]} == {commit}
    assert "2 failures, 2 causes, 1 bug" in ran.output
    assert_green_step_by_step(project, ran)


def test_interrupted_with_two_at_work(project: Project, start_model: StartModel) -> None:
    refill(project, SHOP)
    model = start_model(Turns([[Hang()]]))
    process = project.start(*BOTH, url=model.base_url)
    try:
        wait_for(lambda: len(prompts_of(model)) == 2 or process.poll() is not None)
    finally:
        status, output = end(process, signal.SIGINT)
    assert status == pytest.ExitCode.INTERRUPTED, output
    # Each while it is under way, and again in the summary.
    assert output.count("skipped: not finished: the run was interrupted") == 2
    assert output.count("not finished: the run was interrupted") == 4
    assert fixes_of(project) == []
