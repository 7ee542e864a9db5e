"""Scripts of a model, and what becomes of each.

Each test looks at verdict, exit status, history and work tree; the ``project`` fixture looks at
what is left behind.
"""

from __future__ import annotations

import pytest

from pytest_agentfix.testing.scripted_model.replies import (
    Calls,
    Fail,
    Hang,
    Say,
    Script,
    Turns,
    edits,
    reads,
    shell,
    writes,
)
from tests.kits.loop_kit import StartModel
from tests.kits.project_kit import CALC, Project

FIXED = CALC.replace("left - right", "left + right")


def right(project: Project) -> Script:
    """The right edit at once."""
    path = str(project.path / "calc.py")
    return Turns([[reads(path), edits(path, "left - right", "left + right"), Say("done")]])


def assert_untouched(project: Project) -> None:
    """Nothing of the user's has changed."""
    assert project.log() == ["start"]
    assert project.status() == ""
    assert (project.path / "calc.py").read_text() == CALC
    assert project.git("for-each-ref", "--format=%(refname)").split() == ["refs/heads/main"]


def test_right_at_once(project: Project, start_model: StartModel) -> None:
    model = start_model(right(project))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status, ran.counts()) == (["fixed"], 0, "1 passed, 1 fixed")
    assert (project.path / "calc.py").read_text() == FIXED
    assert project.status() == ""
    assert project.log()[1:] == ["start"]
    body = project.git("log", "-1", "--format=%B")
    trailers = dict(line.split(": ", 1) for line in body.strip().splitlines()[-4:])
    assert trailers == {
        "Agent-Fix-Test": "test_calc.py::test_add",
        "Agent-Fix-Model": "scripted/model-1",
        "Agent-Fix-Verdict": "fixed",
        "Co-authored-by": "OpenCode <noreply@opencode.ai>",
    }
    cluster = ran.report["clusters"][0]
    assert cluster["commit"] == project.git("rev-parse", "HEAD").strip()
    assert cluster["files"] == ["calc.py"]
    results = {probe["name"]: probe["result"] for probe in cluster["probes"]}
    seen = [results[name] for name in ("fail-before", "target", "pass-to-pass")]
    assert (seen, "failed" in results.values()) == (["passed"] * 3, False)
    assert cluster["tokens"]["input"] > 0
    assert project.git("log", "-1", "--format=%an <%ae>").strip() == "A Tester <tester@example.com>"


def test_wrong_then_right_in_the_same_session(project: Project, start_model: StartModel) -> None:
    path = str(project.path / "calc.py")
    model = start_model(
        Turns(
            [
                [edits(path, "left - right", "left * right"), Say("done")],
                [edits(path, "left * right", "left + right"), Say("done")],
            ]
        )
    )
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
    assert ran.report["clusters"][0]["attempts"] == 2
    assert (project.path / "calc.py").read_text() == FIXED
    assert len(project.log()) == 2
    prompts = [one for one in model.requests[-1].body["messages"] if one["role"] == "user"]
    assert len(prompts) == 2  # one conversation: the first turn is still there
    assert "assert 6 == 5" in str(prompts[1])  # and what was still red after it


def test_never_right(project: Project, start_model: StartModel) -> None:
    path = str(project.path / "calc.py")
    model = start_model(
        Turns(
            [
                [edits(path, "left - right", "left * right"), Say("done")],
                [edits(path, "left * right", "left / right"), Say("done")],
            ]
        )
    )
    ran = project.run("--agent-fix-max-attempts=2", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["unfixed"], 1)
    assert ran.counts() == "1 failed, 1 passed"
    assert ran.reasons == ["target: 1 failed with the change"]
    assert_untouched(project)


def test_the_same_wrong_change_twice_ends_early(project: Project, start_model: StartModel) -> None:
    path = str(project.path / "calc.py")
    model = start_model(Turns([[edits(path, "left - right", "left * right"), Say("done")]]))
    ran = project.run("--agent-fix-max-attempts=9", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["unfixed"], 1)
    assert ran.report["clusters"][0]["attempts"] == 2
    assert "same change" in ran.reasons[0]
    assert_untouched(project)


def test_edits_the_test_instead(project: Project, start_model: StartModel) -> None:
    path = project.path / "test_calc.py"
    command = f"sed -i 's/== 5/== -1/' {path}"
    model = start_model(
        Turns([[edits(str(path), "== 5", "== -1"), shell(command), Say("done")]]),
    )
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["refused"], 1)
    assert "test_calc.py" in ran.reasons[0]
    assert [drop["path"] for drop in ran.report["clusters"][0]["dropped"]] == ["test_calc.py"]
    assert "were left out" in str(model.requests[-1].body)
    assert_untouched(project)


def test_adds_a_conftest(project: Project, start_model: StartModel) -> None:
    hook = (
        "import pytest\n\n\n@pytest.hookimpl(wrapper=True)\n"
        "def pytest_runtest_makereport():\n"
        "    report = yield\n    report.outcome = 'passed'\n    return report\n"
    )
    path = str(project.path / "conftest.py")
    model = start_model(
        Turns([[shell(f"cat > {path} <<'END'\n{hook}END\n"), Say("all tests pass")]])
    )
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["refused"], 1)
    assert "conftest.py" in ran.reasons[0]
    assert not (project.path / "conftest.py").exists()
    assert_untouched(project)


def test_breaks_a_neighbour(project: Project, start_model: StartModel) -> None:
    path = str(project.path / "calc.py")
    body = FIXED.replace("value * 2", "value * 3")
    model = start_model(Turns([[writes(path, body), Say("done")]]))
    ran = project.run("--agent-fix-max-attempts=1", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["unfixed"], 1)
    assert "pass-to-pass" in ran.reasons[0]
    assert_untouched(project)


def test_never_answers(project: Project, start_model: StartModel) -> None:
    model = start_model(Turns([[Hang()]]))
    ran = project.run("--agent-fix-timeout=15", url=model.base_url)
    assert (ran.verdicts, ran.status) == (["timeout"], 1)
    assert_untouched(project)


@pytest.mark.parametrize(
    ("fail", "words"),
    [
        (Fail(401, '{"error": {"message": "no such key"}}'), "401"),
        (
            Fail(429, '{"error": {"message": "quota is used up"}}', {"retry-after": "86400"}),
            "quota is used up",
        ),
        (Fail(500, '{"error": {"message": "on fire"}}'), "500"),
    ],
    ids=["401", "429", "500"],
)
def test_a_provider_that_fails(
    project: Project, start_model: StartModel, fail: Fail, words: str
) -> None:
    model = start_model(Turns([[fail] * 20]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["environment"], 1)
    assert words in ran.reasons[0]
    assert_untouched(project)


def test_endless_tool_calls(project: Project, start_model: StartModel) -> None:
    project.write({"pytest.ini": "[pytest]\nagent_fix_max_requests = 6\n"})
    project.commit_all("settings")
    path = str(project.path / "calc.py")
    model = start_model(Turns([[reads(path)] * 500]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["budget"], 1)
    assert len(model.requests) == 6
    assert project.log() == ["settings", "start"]
    assert project.status() == ""


def test_makes_no_change(project: Project, start_model: StartModel) -> None:
    model = start_model(Turns([[Say("It looks right to me.")]]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["unfixed"], 1)
    assert "changed nothing" in ran.reasons[0]
    assert_untouched(project)


def test_a_turn_of_several_calls_at_once(project: Project, start_model: StartModel) -> None:
    path = str(project.path / "calc.py")
    both = Calls([reads(path), edits(path, "left - right", "left + right")])
    model = start_model(Turns([[both, Say("done")]]))
    ran = project.run(url=model.base_url)
    assert (ran.verdicts, ran.status) == (["fixed"], 0)
