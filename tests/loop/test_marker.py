"""What the marker says about one test, and what the agent is told."""

from __future__ import annotations

import re

from pytest_agentfix.repair.prompts.prompt import PROMPT_BUDGET
from pytest_agentfix.testing import ScriptedModel
from pytest_agentfix.testing.scripted_model.replies import Hang, Say, Script, Turns
from tests.kits.loop_kit import StartModel, by_test, edit, once, probes, prompts_of, refill
from tests.kits.project_kit import Project

ONE = "def one():\n    return 0\n"
MARKED = """\
import pytest

from a import one as a
from b import one as b
from c import one as c
from d import one as d
from e import one as e
from f import one as f


@pytest.mark.agent_fix(paths=["lib/**"], max_attempts=1)
def test_a():
    assert a() == 1


@pytest.mark.agent_fix(enabled=False)
def test_b():
    assert b() == 1


@pytest.mark.agent_fix(allow_test_edits=True)
def test_c():
    assert c() == 2


@pytest.mark.agent_fix(max_attempts=1)
def test_d():
    assert d() == 1


@pytest.mark.agent_fix(timeout=8)
def test_e():
    assert e() == 1


@pytest.mark.agent_fix(model="scripted/other-model", reason="counts from ONE, says the contract")
def test_f():
    assert f() == 1


def test_g():
    assert False, "not marked"
"""
PRINTS = '''\
def test_loud():
    """A note that only the source has."""
    print("begin" + "x" * 1_000_000 + "end")
    assert "y" * 500_000 == "z" * 500_000
'''


def ids_of(model: ScriptedModel, word: str) -> set[str]:
    """The model ids of all requests of conversations with ``word`` in them."""
    return {one.body["model"] for one in model.requests if word in str(one.body["messages"])}


def test_each_marker_counts_for_its_own_test(project: Project, start_model: StartModel) -> None:
    sources = {f"{name}.py": ONE for name in "abcdef"}
    refill(project, {**sources, "test_marked.py": MARKED})
    scripts: dict[str, Script] = {
        "::test_a": once(project, "a.py", "return 0", "return 1"),
        "::test_c": Turns(
            [
                [
                    *edit(project, "c.py", "return 0", "return 1")[:-1],
                    *edit(project, "test_marked.py", "c() == 2", "c() == 1"),
                ]
            ]
        ),
        "::test_d": once(project, "d.py", "return 0", "return 7"),
        "::test_e": Turns([[Hang()]]),
        "::test_f": once(project, "f.py", "return 0", "return 1"),
    }
    model = start_model(by_test(scripts))
    ran = project.run("--agent-fix-select=marked", "--agent-fix-jobs=1", url=model.base_url)
    clusters = {cluster["tests"][0][-1]: cluster for cluster in ran.report["clusters"]}
    assert {name: cluster["verdict"] for name, cluster in clusters.items()} == {
        "a": "refused",
        "c": "fixed",
        "d": "unfixed",
        "e": "timeout",
        "f": "fixed",
    }
    assert (ran.status, ran.counts()) == (1, "5 failed, 2 fixed")
    assert "2 failing tests were left alone" in ran.report["notices"][0]
    assert clusters["a"]["reason"] == (
        "it changed only what it may not touch: a.py (outside paths= of the marker)"
    )
    assert clusters["c"]["files"] == ["c.py", "test_marked.py"]
    assert [clusters[name]["attempts"] for name in "ad"] == [1, 1]
    assert probes(clusters["f"])["pass-to-pass"] == "passed"
    assert ids_of(model, "::test_f") == {"other-model"}
    assert ids_of(model, "::test_d") == {"model-1"}
    told = {name: prompt for prompt in prompts_of(model) for name in scripts if name in prompt}
    assert "Only files that match lib/** may change." in told["::test_a"]
    assert "Test files may be changed as well." in told["::test_c"]
    assert "counts from ONE, says the contract" in told["::test_f"]
    assert "counts from ONE" not in told["::test_d"]
    trailers = project.git("log", "-1", "--format=%(trailers:key=Agent-Fix-Model,valueonly)")
    assert trailers.strip() == "scripted/other-model"
    assert project.status() == ""


def test_prompt_of_a_test_that_prints_a_megabyte(project: Project, start_model: StartModel) -> None:
    refill(project, {"test_loud.py": PRINTS})
    model = start_model(Turns([[Say("It is loud.")]]))
    ran = project.run("--agent-fix-max-attempts=1", url=model.base_url)
    assert ran.verdicts == ["unfixed"]
    [prompt] = prompts_of(model)
    assert len(prompt) <= PROMPT_BUDGET
    assert "- test_loud.py::test_loud\n" in prompt
    assert "A note that only the source has." in prompt  # the source
    assert re.search(r"^E +AssertionError", prompt, re.MULTILINE)  # the traceback
    assert "beginxxx" in prompt  # what it printed, cut in the middle
    assert "xxxend" in prompt
    assert "characters left out" in prompt
    assert "-m pytest 'test_loud.py::test_loud'" in prompt  # how to run it
    system = next(one for one in model.requests if one.body.get("tools")).body["messages"][0]
    assert "conftest.py, pytest's configuration" in str(system)  # the rules
