"""Hooks of a project's conftest.py in a whole repair."""

from __future__ import annotations

from pytest_agentfix.testing.scripted_model.replies import Turns
from tests.kits.loop_kit import StartModel, edit, prompts_of
from tests.kits.places import REPOSITORY
from tests.kits.project_kit import CALC, TEST_CALC, Project

HOOKS = """
from pytest_agentfix.core.model import Cluster


def pytest_agentfix_cluster(failures):
    return [Cluster(slug="all", failures=tuple(failures), cause="one cause for all")]


def pytest_agentfix_prompt(cluster, prompt):
    assert cluster.slug == "all"
    return "Numbers are whole in this project."


def pytest_agentfix_policy(path, cluster):
    return {"calc.py": None, "other.py": False, "test_calc.py": True}[path]


def pytest_agentfix_commit_message(fix, message):
    return "fix: " + message.partition("\\n")[0] + "\\x1b[31m"


def pytest_agentfix_verdict(cluster, verdict, result):
    with open("verdicts.txt", "a") as log:
        log.write(f"{cluster.slug} {verdict.value}\\n")
"""
RAISING = """
def pytest_agentfix_cluster(failures): raise ValueError("no cluster")
def pytest_agentfix_prompt(cluster): raise ValueError("no prompt")
def pytest_agentfix_policy(path): raise ValueError("no policy")
def pytest_agentfix_commit_message(fix): raise ValueError("no message")
def pytest_agentfix_verdict(verdict): raise ValueError("no verdict")
"""
BOTH = CALC.replace("value * 2", "value * 3")


def test_hooks_take_part(project: Project, start_model: StartModel) -> None:
    project.write(
        {"calc.py": BOTH, "other.py": "A = 1\n", "conftest.py": HOOKS, ".gitignore": "*.txt\n"}
    )
    project.commit_all("hooks")
    turn = [
        *edit(project, "calc.py", "left - right", "left + right")[:-1],
        *edit(project, "calc.py", "value * 3", "value * 2")[:-1],
        *edit(project, "other.py", "A = 1", "A = 2")[:-1],
        *edit(project, "test_calc.py", "def test_double", "# seen\ndef test_double"),
    ]
    model = start_model(Turns([turn]))
    ran = project.run("-p", "no:cacheprovider", "--agent-fix-report=r.txt.json", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    [cluster] = ran.report["clusters"]
    assert cluster["tests"] == ["test_calc.py::test_add", "test_calc.py::test_double"]
    assert "Numbers are whole in this project." in prompts_of(model)[0]
    assert "closed by a pytest_agentfix_policy hook" in str(cluster)
    message = project.git("log", "-1", "--format=%B")
    assert message.startswith("fix: Fix test_add and 1 more")
    assert "\x1b" not in message
    assert "Agent-Fix-Test: test_calc.py::test_double\nAgent-Fix-Model: scripted/model-1" in message
    assert (project.path / "verdicts.txt").read_text() == "all fixed\n"
    assert "A = 1" in project.git("show", "HEAD:other.py")


SLOW_CHECK = """
from calc import add

def test_slow(): assert add(2, 2) == 4
"""


def test_a_probe_of_the_projects_own(project: Project, start_model: StartModel) -> None:
    text = (REPOSITORY / "docs" / "hooks.md").read_text("utf-8")
    [example] = [one for one in text.split("```") if "def pytest_agentfix_probes" in one]
    conftest = example.removeprefix("python\n")
    project.write({"conftest.py": conftest, "checks/slow.py": SLOW_CHECK})
    project.commit_all("a probe")
    special = edit(
        project, "calc.py", "left - right", "left + right if left < right else left - right"
    )
    honest = edit(
        project, "calc.py", "left + right if left < right else left - right", "left + right"
    )
    model = start_model(Turns([special, honest]))
    ran = project.run("-p", "no:cacheprovider", "test_calc.py", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    [cluster] = ran.report["clusters"]
    probes = {one["name"]: one for one in cluster["probes"]}
    assert (cluster["attempts"], probes["slow-checks"]["result"]) == (2, "passed")
    assert any("a slow check is red" in str(one.body) for one in model.requests)


def test_a_probe_that_raises_turns_no_verdict(project: Project, start_model: StartModel) -> None:
    conftest = """
class Broken:
    name = "broken"

    def plan(self, subject):
        return 1 / 0


class Talkative:
    name = "talkative"

    def plan(self, subject):
        from pytest_agentfix.judge.probe import ProbePlan
        return ProbePlan()

    def verdict(self, subject, results):
        return "all is well"


def pytest_agentfix_probes():
    return [Broken(), Talkative(), 3]
"""
    project.write({"conftest.py": conftest})
    project.commit_all("probes")
    model = start_model(Turns([edit(project, "calc.py", "left - right", "left + right")]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    assert "the probe broken of " in ran.output
    assert "raised ZeroDivisionError: division by zero; it is left out" in ran.output
    assert "the probe talkative of " in ran.output
    assert "returned str; it is left out" in ran.output
    assert "returned int, which is no probe; it is left out" in ran.output
    probes = {one["name"]: one for one in ran.report["clusters"][0]["probes"]}
    assert probes["broken"]["detail"] == "it raised ZeroDivisionError"


def test_a_probe_with_a_name_that_is_taken(project: Project, start_model: StartModel) -> None:
    conftest = """
class Clone:
    name = "clone"

def pytest_agentfix_probes():
    return [Clone()]
"""
    project.write({"conftest.py": conftest})
    project.commit_all("probes")
    ran = project.run(url=start_model(Turns([])).base_url)
    assert ran.status == 4
    assert "returns 'clone', which is there already" in ran.output


def test_hooks_that_raise_turn_no_verdict(project: Project, start_model: StartModel) -> None:
    project.write({"calc.py": CALC, "test_calc.py": TEST_CALC, "conftest.py": RAISING})
    project.commit_all("hooks")
    model = start_model(Turns([edit(project, "calc.py", "left - right", "left + right")]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0), ran.output
    for what in ("cluster", "prompt", "policy", "commit_message", "verdict"):
        assert f"pytest_agentfix_{what} of " in ran.output
        assert f"conftest.py raised ValueError: no {what.removeprefix('commit_')}" in ran.output
