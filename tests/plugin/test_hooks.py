"""Hooks for other plugins: the examples of docs/hooks.md, and hooks that misbehave."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.kits.places import REPOSITORY
from tests.plugin.conftest import Runner

TESTS = """
def test_a(): assert 0
def test_b(): raise ConnectionRefusedError("no service")
def test_good(): pass
"""
EXAMPLES = {
    match[1]: match[0]
    for block in re.findall(
        r"```python\n(.*?)```", (REPOSITORY / "docs" / "hooks.md").read_text("utf-8"), re.DOTALL
    )
    for match in re.finditer(r"\A.*def (pytest_agentfix_\w+)\(.*\Z", block, re.DOTALL)
}
ONE_OF_EACH = {
    "select": "failure",
    "cluster": "failures",
    "prompt": "cluster, prompt",
    "policy": "path",
    "commit_message": "fix, message",
    "verdict": "cluster, verdict, result",
}


def run(runner: Runner, conftest: str, *args: str, **script: Any) -> pytest.RunResult:
    runner.pytester.makepyfile(test_it=TESTS)
    runner.pytester.makeconftest(conftest)
    runner.script(asks_hooks=True, **script)
    return runner.run(*args)


def heard(runner: Runner) -> Any:
    """Return what the double got as answers."""
    return json.loads((runner.path / "hooks.json").read_text("utf-8"))


def test_there_is_an_example_of_each() -> None:
    text = (REPOSITORY / "pytest_agentfix" / "hookspecs.py").read_text("utf-8")
    assert set(EXAMPLES) == set(re.findall(r"^def (pytest_agentfix_\w+)", text, re.MULTILINE))


def test_select(any_runner: Runner) -> None:
    result = run(any_runner, EXAMPLES["pytest_agentfix_select"])
    assert [one.nodeid for one in any_runner.request.failures] == ["test_it.py::test_a"]
    assert result.ret == 1
    result.stdout.fnmatch_lines(["note: 1 failing test was left alone*"])


def test_select_beats_the_marker_and_the_option(runner: Runner) -> None:
    conftest = "def pytest_agentfix_select(failure): return True"
    run(runner, conftest, "--agent-fix-select=marked")
    assert len(runner.request.failures) == 2


def test_cluster(runner: Runner) -> None:
    run(runner, EXAMPLES["pytest_agentfix_cluster"])
    assert heard(runner)["clusters"] == {"file-1": ["test_it.py::test_a", "test_it.py::test_b"]}


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ("[]", "clusters that do not hold every failure exactly once"),
        ("[1]", "something that is no Cluster, or one without a failure"),
        ("[Cluster(slug='a', failures=())]", "something that is no Cluster, or one without*"),
        ("[Cluster(slug='../a', failures=tuple(failures))]", "slugs that are no plain names"),
        ("[Cluster(slug='a', failures=(one,)) for one in failures]", "one slug twice"),
        ("'ab'", "something that is no Cluster, or one without a failure"),
    ],
)
def test_clusters_that_are_none_are_left_out(runner: Runner, body: str, problem: str) -> None:
    head = "from pytest_agentfix.core.model import Cluster\n"
    result = run(runner, f"{head}def pytest_agentfix_cluster(failures): return {body}")
    assert heard(runner)["clusters"] is None
    result.stdout.fnmatch_lines([f"*pytest_agentfix_cluster of *conftest.py returned {problem}*"])
    assert result.ret == 0


def test_clusters_keep_to_the_markers(runner: Runner) -> None:
    runner.pytester.makepyfile(
        test_it="import pytest\n@pytest.mark.agent_fix(paths=['a.py'])\ndef test_a(): assert 0\n"
        "def test_b(): assert 0\n"
    )
    runner.pytester.makeconftest(EXAMPLES["pytest_agentfix_cluster"])
    runner.script(asks_hooks=True)
    result = runner.run()
    assert heard(runner)["clusters"] is None
    result.stdout.fnmatch_lines(["*returned a cluster of tests with different agent_fix markers*"])


def test_prompt(runner: Runner) -> None:
    run(runner, EXAMPLES["pytest_agentfix_prompt"])
    assert heard(runner)["notes"] == [
        "Prices are decimal.Decimal everywhere in this project, never float."
    ]


def test_policy(runner: Runner) -> None:
    run(runner, EXAMPLES["pytest_agentfix_policy"])
    assert heard(runner)["open"] == {"src/shop/generated/api.py": False, "src/shop/cart.py": None}


def test_commit_message(runner: Runner) -> None:
    run(runner, EXAMPLES["pytest_agentfix_commit_message"])
    assert heard(runner)["message"] == "fix(agent): Fix it"


def test_verdict(runner: Runner) -> None:
    run(runner, EXAMPLES["pytest_agentfix_verdict"], verdicts={"test_it.py::test_b": "unfixed"})
    assert (runner.path / "verdicts.txt").read_text("utf-8").splitlines() == [
        "test_it.py::test_a: fixed, as the script says",
        "test_it.py::test_b: unfixed, as the script says",
    ]


def test_report_formats(any_runner: Runner) -> None:
    conftest = EXAMPLES["pytest_agentfix_report_formats"]
    run(any_runner, conftest, "--agent-fix-report=r.csv", "--agent-fix-report=r.json")
    header, *rows = (any_runner.path / "r.csv").read_text("utf-8").splitlines()
    assert header == "test,verdict"
    assert sorted(rows) == ["test_it.py::test_a,fixed", "test_it.py::test_b,fixed"]
    assert json.loads((any_runner.path / "r.json").read_text("utf-8"))["version"] == 1


def test_a_suffix_that_is_taken(runner: Runner) -> None:
    result = run(runner, "def pytest_agentfix_report_formats(): return {'.json': str}")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*pytest_agentfix_report_formats of *returns '.json', which is*"])


def test_a_format_that_raises_spoils_no_other(runner: Runner) -> None:
    conftest = "def pytest_agentfix_report_formats(): return {'.csv': lambda result: 1 / 0}"
    result = run(runner, conftest, "--agent-fix-report=r.csv", "--agent-fix-report=r.json")
    assert result.ret == 0
    result.stdout.fnmatch_lines(["agent-fix: the report *r.csv could not be written: *by zero*"])
    assert (runner.path / "r.json").exists()


def test_an_environment(runner: Runner) -> None:
    conftest = EXAMPLES["pytest_agentfix_environment"]
    run(runner, conftest, "--agent-fix-environment=team")
    assert runner.settings.environment == "team"


def test_an_environment_that_is_taken_or_unknown(runner: Runner) -> None:
    result = run(runner, "def pytest_agentfix_environment(): return {'mirror': 1}")
    assert result.ret == 4
    result.stderr.fnmatch_lines(["*pytest_agentfix_environment of *returns 'mirror', which is*"])
    result = runner.run("--agent-fix-environment=team")
    assert result.ret == 4


@pytest.mark.parametrize(("name", "arguments"), ONE_OF_EACH.items(), ids=ONE_OF_EACH)
@pytest.mark.parametrize("failing", ["1 / 0", "__import__('pytest').skip('x')", "exit(3)"])
def test_a_hook_that_raises_changes_no_verdict(
    runner: Runner, name: str, arguments: str, failing: str
) -> None:
    hook = f"pytest_agentfix_{name}"
    result = run(runner, f"def {hook}({arguments}): {failing}\n")
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"agent-fix: {hook} of *conftest.py raised *it is left out"])
    result.stdout.fnmatch_lines(["*1 passed, 2 fixed in*"])


def test_the_other_plugins_answer_where_one_raises(runner: Runner) -> None:
    runner.pytester.makepyfile(noisy="def pytest_agentfix_prompt(): raise ValueError('no')")
    run(runner, EXAMPLES["pytest_agentfix_prompt"], "-p", "noisy")
    assert heard(runner)["notes"] == [
        "Prices are decimal.Decimal everywhere in this project, never float."
    ]


def test_an_answer_of_another_type_is_left_out(runner: Runner) -> None:
    result = run(runner, "def pytest_agentfix_prompt(): return 3")
    assert heard(runner)["notes"] == []
    result.stdout.fnmatch_lines(["*pytest_agentfix_prompt of *returned int, not str; it is left*"])


def test_hooks_are_known_with_the_plugin_off(runner: Runner) -> None:
    runner.pytester.makepyfile("def test_good(): pass")
    runner.pytester.makeconftest("".join(EXAMPLES.values()))
    assert runner.run(on=False).ret == 0
