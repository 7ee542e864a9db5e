"""Choices of plugins in the user's run are made in sandboxes too: seeds, workers, ids."""

from __future__ import annotations

from tests.kits.loop_kit import StartModel, once, refill
from tests.kits.project_kit import CALC, Project

# As pytest-randomly: draws a seed where none was given, and seeds ``random`` for every test. What
# is drawn on the host is not what a sandbox would draw.
RANDOMLY = """\
import os
import random

def pytest_addoption(parser):
    parser.getgroup("randomly").addoption("--randomly-seed", default="default")

def pytest_configure(config):
    if config.option.randomly_seed == "default":
        config.option.randomly_seed = int(os.environ.get("DRAWN", "1"))

def pytest_runtest_setup(item):
    random.seed(int(item.config.option.randomly_seed))
"""
RANDOM_TEST = """\
import random

from calc import add

def test_add():
    unlucky = random.Random(77).random()
    assert random.random() != unlucky or add(2, 3) == 5
"""
# As pytest-repeat.
REPEAT = """\
import pytest

def pytest_addoption(parser):
    parser.addoption("--count", type=int, default=1)

@pytest.fixture
def step(request):
    return request.param

def pytest_generate_tests(metafunc):
    count = metafunc.config.option.count
    if count > 1:
        metafunc.fixturenames.append("step")
        ids = [f"{number + 1}-{count}" for number in range(count)]
        metafunc.parametrize("step", range(count), indirect=True, ids=ids)
"""
PLAIN_TEST = """\
from calc import add

def test_add():
    assert add(2, 3) == 5
"""
WORKER_TEST = """\
import os

from calc import add

NUMBER = int(os.environ["PYTEST_XDIST_WORKER"][2:])

def test_add(worker_id):
    assert int(worker_id[2:]) == NUMBER
    assert add(2, 3) == 5
"""


def run_and_fix(project: Project, start_model: StartModel, *arguments: str) -> list[str]:
    model = start_model(once(project, "calc.py", "left - right", "left + right"))
    return project.run(*arguments, url=model.base_url).verdicts


def test_a_seed_that_a_plugin_drew(project: Project, start_model: StartModel) -> None:
    refill(project, {"calc.py": CALC, "conftest.py": RANDOMLY, "test_calc.py": RANDOM_TEST})
    project.environ["DRAWN"] = "77"
    assert run_and_fix(project, start_model) == ["fixed"]


def test_an_option_that_makes_ids(project: Project, start_model: StartModel) -> None:
    refill(project, {"calc.py": CALC, "conftest.py": REPEAT, "test_calc.py": PLAIN_TEST})
    assert run_and_fix(project, start_model, "--count", "2") == ["fixed"]


def test_the_worker_that_a_test_reads(project: Project, start_model: StartModel) -> None:
    refill(project, {"calc.py": CALC, "test_calc.py": WORKER_TEST})
    arguments = ["-p", "xdist", "-n1"]
    assert run_and_fix(project, start_model, *arguments) == ["fixed"]
