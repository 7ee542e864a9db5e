"""A suite that only ever ran in a sandbox is judged as one that its owner ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_agentfix.core.model import Failure
from pytest_agentfix.sandbox.engine import Engine
from tests.cheats.judge_kit import JudgedProject
from tests.kits.truth_project import SandboxedProject, running_programs

FILES = {
    "solution.py": "def double(number):\n    return number * 3\n",
    "tests/test_solution.py": """\
import unittest

import pytest

from solution import double


@pytest.mark.parametrize(("given", "expected"), [(0, 0), (1, 2), (2, 4), (3, 6)])
def test_cases(given, expected):
    assert double(given) == expected


def test_zero():
    assert double(0) == 0


class TestDouble(unittest.TestCase):
    def test_table(self):
        for given, expected in [(0, 0), (1, 2)]:
            with self.subTest(given=given):
                self.assertEqual(double(given), expected)
""",
}
FIXED = "def double(number):\n    return number * 2\n"


def _tell(failure: Failure) -> tuple[object, ...]:
    return (failure.nodeid, failure.exception, sorted(set(failure.case.values())), failure.function)


def test_project_in_a_sandbox_is_that_of_the_host(engine: Engine, tmp_path: Path) -> None:
    projects = []
    for kind in (JudgedProject, SandboxedProject):
        (tmp_path / kind.__name__).mkdir()
        project = kind(tmp_path / kind.__name__, FILES, engine=engine)
        projects.append(project)
        project.close()
    plain, apart = projects
    assert [_tell(one) for one in apart.failures] == [_tell(one) for one in plain.failures]
    assert apart.passed == plain.passed
    assert apart.hold_out.withheld == plain.hold_out.withheld != ()


@pytest.mark.parametrize(
    ("text", "why"),
    [("import os\n\nos._exit(0)\n", "ended with exit status 0"), (FIXED, "no test fails")],
)
def test_project_without_failing_tests(engine: Engine, tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        SandboxedProject(tmp_path, {**FILES, "solution.py": text}, engine=engine)


def test_programs_are_run_in_a_sandbox(engine: Engine) -> None:
    where = "import os\n\n\ndef find(name):\n    return sorted(os.listdir('/sys/class/net'))\n"
    with running_programs(engine) as run:
        ((answer,),) = run([where], "find", [["x"]])
    assert answer.value in (["lo"], [])
